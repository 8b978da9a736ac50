-- Who changed what, when and why, and what a muted or skipped test is waiting for.

-- Names and UUIDs instead of references: an entry outlives the suite, test or token it names.
CREATE TABLE audit_log (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid            BLOB    NOT NULL UNIQUE,
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    at              INTEGER NOT NULL,
    actor_kind      TEXT    NOT NULL,
    actor_uuid      BLOB,
    actor_name      TEXT,
    client_address  TEXT,
    action          TEXT    NOT NULL,
    suite_uuid      BLOB,
    suite_slug      TEXT,
    subject_kind    TEXT    NOT NULL,
    subject_uuid    BLOB    NOT NULL,
    subject_name    TEXT    NOT NULL,
    before          TEXT,
    after           TEXT,
    reason          TEXT
);
CREATE INDEX audit_log_newest ON audit_log (organization_id, id);
CREATE INDEX audit_log_suite ON audit_log (organization_id, suite_slug, id);
CREATE INDEX audit_log_subject ON audit_log (organization_id, subject_uuid, id);

-- The details of a muted or skipped test. Tests muted or skipped by earlier versions have none.
CREATE TABLE quarantines (
    test_id    INTEGER PRIMARY KEY REFERENCES tests (id) ON DELETE CASCADE,
    suite_id   INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    scope      INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    owner      TEXT,
    ticket     TEXT,
    since      INTEGER NOT NULL,
    ends_at    INTEGER,
    announced  INTEGER NOT NULL,
    extensions INTEGER NOT NULL,
    actor_kind TEXT    NOT NULL,
    actor_uuid BLOB,
    actor_name TEXT
);
CREATE INDEX quarantines_suite ON quarantines (suite_id);
CREATE INDEX quarantines_end ON quarantines (ends_at) WHERE ends_at IS NOT NULL;

-- In days. Without api_days, a plain request of the API mutes or skips without an end.
ALTER TABLE suites ADD COLUMN quarantine_days INTEGER NOT NULL DEFAULT 14;
ALTER TABLE suites ADD COLUMN quarantine_max_days INTEGER NOT NULL DEFAULT 90;
ALTER TABLE suites ADD COLUMN quarantine_api_days INTEGER;
