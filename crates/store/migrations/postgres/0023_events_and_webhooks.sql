-- What happens to the tests of a suite, and who is told of it.

-- Written in the transaction of the change itself. Names as they were then: an event outlives the
-- test that it is about.
CREATE TABLE events (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid       BYTEA   NOT NULL UNIQUE,
    suite_id   BIGINT NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    at         BIGINT NOT NULL,
    kind       TEXT    NOT NULL,
    actor_kind TEXT    NOT NULL,
    actor_uuid BYTEA,
    actor_name TEXT,
    test_uuid  BYTEA,
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
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid            BYTEA   NOT NULL UNIQUE,
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    suite_id        BIGINT REFERENCES suites (id) ON DELETE CASCADE,
    description     TEXT,
    address         TEXT    NOT NULL,
    sealed          BYTEA   NOT NULL,
    format          TEXT    NOT NULL,
    kinds           TEXT    NOT NULL,
    enabled         BOOLEAN NOT NULL,
    created_at      BIGINT NOT NULL
);
CREATE INDEX webhooks_organization ON webhooks (organization_id, id);
CREATE INDEX webhooks_suite ON webhooks (suite_id);

-- An event on its way to a webhook. A pending delivery is attempted from `next_at`; the attempt in
-- progress has postponed it, so that only one server makes it.
CREATE TABLE deliveries (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid        BYTEA   NOT NULL UNIQUE,
    webhook_id  BIGINT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event_id    BIGINT NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    state       BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    first_at    BIGINT NOT NULL,
    next_at     BIGINT NOT NULL,
    finished_at BIGINT,
    last_status BIGINT,
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
