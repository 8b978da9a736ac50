-- Times are milliseconds since the epoch, days are days since the epoch, durations microseconds.
-- AUTOINCREMENT where programs remember ids across transactions: such an id is never used again.

CREATE TABLE organizations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid       BLOB    NOT NULL UNIQUE,
    slug       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
);

CREATE TABLE suites (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id  INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    uuid             BLOB    NOT NULL UNIQUE,
    slug             TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    default_branch   TEXT    NOT NULL,
    application_name TEXT,
    color            TEXT,
    emoji            TEXT,
    oidc_policy      TEXT,
    timings_seq      INTEGER NOT NULL DEFAULT 0,
    created_at       INTEGER NOT NULL,
    UNIQUE (organization_id, slug)
);

CREATE TABLE tokens (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid            BLOB    NOT NULL UNIQUE,
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    suite_id        INTEGER REFERENCES suites (id) ON DELETE CASCADE,
    kind            INTEGER NOT NULL,
    secret_hash     BLOB    NOT NULL UNIQUE,
    scopes          TEXT    NOT NULL,
    description     TEXT,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER,
    last_used_at    INTEGER,
    revoked_at      INTEGER
);
CREATE INDEX tokens_organization ON tokens (organization_id, id);
CREATE INDEX tokens_suite ON tokens (suite_id) WHERE suite_id IS NOT NULL;

CREATE TABLE branches (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    suite_id INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    name     TEXT    NOT NULL,
    UNIQUE (suite_id, name)
);

CREATE TABLE runs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    suite_id     INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    uuid         BLOB    NOT NULL UNIQUE,
    key          TEXT    NOT NULL,
    branch_id    INTEGER REFERENCES branches (id) ON DELETE CASCADE,
    commit_sha   TEXT,
    build_id     TEXT,
    number       TEXT,
    url          TEXT,
    message      TEXT,
    run_env      TEXT    NOT NULL,
    result       INTEGER NOT NULL DEFAULT 0,
    passed       INTEGER NOT NULL DEFAULT 0,
    failed       INTEGER NOT NULL DEFAULT 0,
    skipped      INTEGER NOT NULL DEFAULT 0,
    unknown      INTEGER NOT NULL DEFAULT 0,
    failed_muted INTEGER NOT NULL DEFAULT 0,
    duration_us  INTEGER NOT NULL DEFAULT 0,
    uploads      INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    UNIQUE (suite_id, key)
);
CREATE INDEX runs_newest ON runs (suite_id, id);
CREATE INDEX runs_build ON runs (suite_id, build_id, id) WHERE build_id IS NOT NULL;
CREATE INDEX runs_branch ON runs (branch_id) WHERE branch_id IS NOT NULL;

CREATE TABLE uploads (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    suite_id             INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    run_id               INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    uuid                 BLOB    NOT NULL UNIQUE,
    format               TEXT    NOT NULL,
    job_id               TEXT,
    tags                 TEXT    NOT NULL,
    digest               BLOB    NOT NULL,
    kept                 INTEGER NOT NULL,
    duplicates           INTEGER NOT NULL,
    skipped              INTEGER NOT NULL,
    errors               TEXT    NOT NULL,
    errors_outside_tests TEXT    NOT NULL,
    received_at          INTEGER NOT NULL,
    UNIQUE (run_id, digest)
);
CREATE INDEX uploads_newest ON uploads (suite_id, id);

-- The executions of one upload, as columns in one value. See docs/design/storage.md.
CREATE TABLE segments (
    upload_id  INTEGER PRIMARY KEY REFERENCES uploads (id) ON DELETE CASCADE,
    suite_id   INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    run_id     INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    day        INTEGER NOT NULL,
    body       BLOB    NOT NULL
);
CREATE INDEX segments_day ON segments (suite_id, day, upload_id);
CREATE INDEX segments_run ON segments (run_id, upload_id);

CREATE TABLE selectors (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    suite_id    INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    value_hash  BLOB    NOT NULL,
    value       TEXT    NOT NULL,
    updated_seq INTEGER NOT NULL,
    recent      BLOB    NOT NULL,
    UNIQUE (suite_id, value_hash)
);
CREATE INDEX selectors_changed ON selectors (suite_id, updated_seq);

CREATE TABLE tests (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    suite_id         INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    uuid             BLOB    NOT NULL UNIQUE,
    scope            TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    location         TEXT,
    file_name        TEXT,
    file_key         INTEGER,
    identifier       TEXT,
    selector_id      INTEGER REFERENCES selectors (id) ON DELETE SET NULL,
    state            INTEGER NOT NULL DEFAULT 0,
    state_changed_at INTEGER,
    first_seen_at    INTEGER NOT NULL,
    last_seen_at     INTEGER NOT NULL
);
CREATE INDEX tests_file ON tests (suite_id, file_key);
CREATE INDEX tests_state ON tests (suite_id, state) WHERE state <> 0;
CREATE INDEX tests_selector ON tests (selector_id) WHERE selector_id IS NOT NULL;

-- The text of failures, apart from the many executions that did not fail.
CREATE TABLE failures (
    upload_id   INTEGER NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    run_id      INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    test_id     INTEGER NOT NULL,
    muted       BOOLEAN NOT NULL,
    duration_us INTEGER,
    reason      TEXT,
    tags        TEXT,
    expanded    TEXT,
    PRIMARY KEY (upload_id, position)
) WITHOUT ROWID;
CREATE INDEX failures_run ON failures (run_id, upload_id, position);

-- Day first, so that an upload writes to one stretch of the table whatever tests it holds.
-- Branch 0: the run named none.
CREATE TABLE test_days (
    suite_id        INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    day             INTEGER NOT NULL,
    test_id         INTEGER NOT NULL,
    branch_id       INTEGER NOT NULL,
    passed          INTEGER NOT NULL,
    failed          INTEGER NOT NULL,
    skipped         INTEGER NOT NULL,
    unknown         INTEGER NOT NULL,
    timed           INTEGER NOT NULL,
    duration_sum_us INTEGER NOT NULL,
    duration_min_us INTEGER,
    duration_max_us INTEGER,
    PRIMARY KEY (suite_id, day, test_id, branch_id)
) WITHOUT ROWID;

CREATE TABLE plans (
    suite_id   INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    identifier TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    digest     BLOB    NOT NULL,
    body       BLOB    NOT NULL,
    PRIMARY KEY (suite_id, identifier)
);
CREATE INDEX plans_newest ON plans (suite_id, created_at);
CREATE INDEX plans_expiry ON plans (expires_at);

CREATE TABLE node_reports (
    suite_id    INTEGER NOT NULL,
    identifier  TEXT    NOT NULL,
    node        INTEGER NOT NULL,
    retry_count INTEGER NOT NULL,
    version     TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    PRIMARY KEY (suite_id, identifier, node, retry_count),
    FOREIGN KEY (suite_id, identifier) REFERENCES plans (suite_id, identifier) ON DELETE CASCADE
);
