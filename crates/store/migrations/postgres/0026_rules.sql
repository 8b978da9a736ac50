-- Rules: what happens when the history of a test meets a condition.

-- seen_upload: uploads up to this one are evaluated. version changes with each evaluation and each
-- change of the rule; what was computed from an older one is dropped. fired: alarms and recoveries
-- in this minute since the epoch.
CREATE TABLE rules (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid            BYTEA   NOT NULL UNIQUE,
    suite_id        BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL,
    enabled         BOOLEAN NOT NULL,
    monitor         TEXT    NOT NULL,
    filters         TEXT    NOT NULL,
    alarm_actions   TEXT    NOT NULL,
    recover_actions TEXT    NOT NULL,
    seen_upload     BIGINT  NOT NULL,
    version         BIGINT  NOT NULL DEFAULT 0,
    minute          BIGINT  NOT NULL DEFAULT 0,
    fired           BIGINT  NOT NULL DEFAULT 0,
    created_at      BIGINT  NOT NULL
);
CREATE INDEX rules_suite ON rules (suite_id, id);

-- Tests whose alarm is on. held: the limit on what rules mute and skip was reached; tried again.
CREATE TABLE rule_alarms (
    rule_id    BIGINT  NOT NULL REFERENCES rules (id) ON DELETE CASCADE,
    test_id    BIGINT  NOT NULL REFERENCES tests (id) ON DELETE CASCADE,
    since      BIGINT  NOT NULL,
    checked_at BIGINT  NOT NULL,
    held       BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (rule_id, test_id)
);
CREATE INDEX rule_alarms_test ON rule_alarms (test_id);
CREATE INDEX rule_alarms_due ON rule_alarms (rule_id, checked_at);

CREATE INDEX events_rule ON events (suite_id, actor_uuid, id) WHERE actor_kind = 'rule';
