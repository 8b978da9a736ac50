-- Rules: what happens when the history of a test meets a condition.

-- seen_upload: uploads up to this one are evaluated. version changes with each evaluation and each
-- change of the rule; what was computed from an older one is dropped. fired: alarms and recoveries
-- in this minute since the epoch.
CREATE TABLE rules (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid            BLOB    NOT NULL UNIQUE,
    suite_id        INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL,
    enabled         BOOLEAN NOT NULL,
    monitor         TEXT    NOT NULL,
    filters         TEXT    NOT NULL,
    alarm_actions   TEXT    NOT NULL,
    recover_actions TEXT    NOT NULL,
    seen_upload     INTEGER NOT NULL,
    version         INTEGER NOT NULL DEFAULT 0,
    minute          INTEGER NOT NULL DEFAULT 0,
    fired           INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL
);
CREATE INDEX rules_suite ON rules (suite_id, id);

-- Tests whose alarm is on. held: the limit on what rules mute and skip was reached; tried again.
CREATE TABLE rule_alarms (
    rule_id    INTEGER NOT NULL REFERENCES rules (id) ON DELETE CASCADE,
    test_id    INTEGER NOT NULL REFERENCES tests (id) ON DELETE CASCADE,
    since      INTEGER NOT NULL,
    checked_at INTEGER NOT NULL,
    held       BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (rule_id, test_id)
) WITHOUT ROWID;
CREATE INDEX rule_alarms_test ON rule_alarms (test_id);
CREATE INDEX rule_alarms_due ON rule_alarms (rule_id, checked_at);

CREATE INDEX events_rule ON events (suite_id, actor_uuid, id) WHERE actor_kind = 'rule';
