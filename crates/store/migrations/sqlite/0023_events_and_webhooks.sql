-- What happens to the tests of a suite, and who is told of it.

-- Written in the transaction of the change itself. Names as they were then: an event outlives the
-- test that it is about.
CREATE TABLE events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid       BLOB    NOT NULL UNIQUE,
    suite_id   INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    at         INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    actor_kind TEXT    NOT NULL,
    actor_uuid BLOB,
    actor_name TEXT,
    test_uuid  BLOB,
    test_name  TEXT,
    before     TEXT,
    after      TEXT,
    reason     TEXT
);
CREATE INDEX events_newest ON events (suite_id, id);
CREATE INDEX events_test ON events (suite_id, test_uuid, id);
CREATE INDEX events_expired ON events (suite_id, at);

-- Without a suite: the events of every suite of the organization. `address` is for people; the URL
-- and the secret are in `sealed`, encrypted with a key that is not in the database.
CREATE TABLE webhooks (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid            BLOB    NOT NULL UNIQUE,
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    suite_id        INTEGER REFERENCES suites (id) ON DELETE CASCADE,
    description     TEXT,
    address         TEXT    NOT NULL,
    sealed          BLOB    NOT NULL,
    format          TEXT    NOT NULL,
    kinds           TEXT    NOT NULL,
    enabled         BOOLEAN NOT NULL,
    created_at      INTEGER NOT NULL
);
CREATE INDEX webhooks_organization ON webhooks (organization_id, id);
CREATE INDEX webhooks_suite ON webhooks (suite_id);

-- An event on its way to a webhook. A pending delivery is attempted from `next_at`; the attempt in
-- progress has postponed it, so that only one server makes it.
CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid        BLOB    NOT NULL UNIQUE,
    webhook_id  INTEGER NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event_id    INTEGER NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    state       INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    next_at     INTEGER NOT NULL,
    finished_at INTEGER,
    last_status INTEGER,
    last_error  TEXT
);
CREATE INDEX deliveries_due ON deliveries (webhook_id, next_at) WHERE state = 0;
CREATE INDEX deliveries_newest ON deliveries (webhook_id, state, id);
CREATE INDEX deliveries_event ON deliveries (event_id);

-- What earlier versions have recorded in the audit log only.
INSERT INTO events (uuid, suite_id, at, kind, actor_kind, actor_uuid, actor_name, test_uuid,
                    test_name, before, after, reason)
SELECT audit_log.uuid, suites.id, audit_log.at, audit_log.action, audit_log.actor_kind,
       audit_log.actor_uuid, audit_log.actor_name, audit_log.subject_uuid,
       audit_log.subject_name, audit_log.before, audit_log.after, audit_log.reason
FROM audit_log JOIN suites ON suites.uuid = audit_log.suite_uuid
WHERE audit_log.subject_kind = 'test'
  AND (audit_log.action LIKE 'mute.%' OR audit_log.action LIKE 'skip.%')
ORDER BY audit_log.id;
