-- Times are milliseconds since the epoch, days are days since the epoch, durations microseconds.
-- Collation "C" where rows are ordered by a text: byte by byte, as SQLite does, in any locale.

CREATE TABLE organizations (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid       BYTEA   NOT NULL UNIQUE,
    slug       TEXT    COLLATE "C" NOT NULL UNIQUE,
    created_at BIGINT  NOT NULL
);

CREATE TABLE suites (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id  BIGINT  NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    uuid             BYTEA   NOT NULL UNIQUE,
    slug             TEXT    COLLATE "C" NOT NULL,
    name             TEXT    NOT NULL,
    default_branch   TEXT    NOT NULL,
    application_name TEXT,
    color            TEXT,
    emoji            TEXT,
    oidc_policy      TEXT,
    timings_seq      BIGINT  NOT NULL DEFAULT 0,
    created_at       BIGINT  NOT NULL,
    UNIQUE (organization_id, slug)
);

CREATE TABLE tokens (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid            BYTEA   NOT NULL UNIQUE,
    organization_id BIGINT  NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    suite_id        BIGINT  REFERENCES suites (id) ON DELETE CASCADE,
    kind            BIGINT  NOT NULL,
    secret_hash     BYTEA   NOT NULL UNIQUE,
    scopes          TEXT    NOT NULL,
    description     TEXT,
    created_at      BIGINT  NOT NULL,
    expires_at      BIGINT,
    last_used_at    BIGINT,
    revoked_at      BIGINT
);
CREATE INDEX tokens_organization ON tokens (organization_id, id);
CREATE INDEX tokens_suite ON tokens (suite_id) WHERE suite_id IS NOT NULL;

CREATE TABLE branches (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    suite_id BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    name     TEXT    NOT NULL,
    UNIQUE (suite_id, name)
);

CREATE TABLE runs (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    suite_id     BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    uuid         BYTEA   NOT NULL UNIQUE,
    key          TEXT    NOT NULL,
    branch_id    BIGINT  REFERENCES branches (id) ON DELETE CASCADE,
    commit_sha   TEXT,
    build_id     TEXT,
    number       TEXT,
    url          TEXT,
    message      TEXT,
    run_env      TEXT    NOT NULL,
    result       BIGINT  NOT NULL DEFAULT 0,
    passed       BIGINT  NOT NULL DEFAULT 0,
    failed       BIGINT  NOT NULL DEFAULT 0,
    skipped      BIGINT  NOT NULL DEFAULT 0,
    unknown      BIGINT  NOT NULL DEFAULT 0,
    failed_muted BIGINT  NOT NULL DEFAULT 0,
    duration_us  BIGINT  NOT NULL DEFAULT 0,
    uploads      BIGINT  NOT NULL DEFAULT 0,
    created_at   BIGINT  NOT NULL,
    updated_at   BIGINT  NOT NULL,
    UNIQUE (suite_id, key)
);
CREATE INDEX runs_newest ON runs (suite_id, id);
CREATE INDEX runs_build ON runs (suite_id, build_id, id) WHERE build_id IS NOT NULL;
CREATE INDEX runs_branch ON runs (branch_id) WHERE branch_id IS NOT NULL;

CREATE TABLE uploads (
    id                   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    suite_id             BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    run_id               BIGINT  NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    uuid                 BYTEA   NOT NULL UNIQUE,
    format               TEXT    NOT NULL,
    job_id               TEXT,
    tags                 TEXT    NOT NULL,
    digest               BYTEA   NOT NULL,
    kept                 BIGINT  NOT NULL,
    duplicates           BIGINT  NOT NULL,
    skipped              BIGINT  NOT NULL,
    errors               TEXT    NOT NULL,
    errors_outside_tests TEXT    NOT NULL,
    received_at          BIGINT  NOT NULL,
    UNIQUE (run_id, digest)
);
CREATE INDEX uploads_newest ON uploads (suite_id, id);

-- The executions of one upload, as columns in one value. See docs/design/storage.md.
CREATE TABLE segments (
    upload_id  BIGINT  PRIMARY KEY REFERENCES uploads (id) ON DELETE CASCADE,
    suite_id   BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    run_id     BIGINT  NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    day        BIGINT  NOT NULL,
    body       BYTEA   NOT NULL
);
CREATE INDEX segments_day ON segments (suite_id, day, upload_id);
CREATE INDEX segments_run ON segments (run_id, upload_id);

CREATE TABLE selectors (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    suite_id    BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    value_hash  BYTEA   NOT NULL,
    value       TEXT    NOT NULL,
    updated_seq BIGINT  NOT NULL,
    recent      BYTEA   NOT NULL,
    UNIQUE (suite_id, value_hash)
);
CREATE INDEX selectors_changed ON selectors (suite_id, updated_seq);

CREATE TABLE tests (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    suite_id         BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    uuid             BYTEA   NOT NULL UNIQUE,
    scope            TEXT    COLLATE "C" NOT NULL,
    name             TEXT    COLLATE "C" NOT NULL,
    location         TEXT,
    file_name        TEXT,
    file_key         BIGINT,
    identifier       TEXT,
    selector_id      BIGINT  REFERENCES selectors (id) ON DELETE SET NULL,
    state            BIGINT  NOT NULL DEFAULT 0,
    state_changed_at BIGINT,
    first_seen_at    BIGINT  NOT NULL,
    last_seen_at     BIGINT  NOT NULL
);
CREATE INDEX tests_file ON tests (suite_id, file_key);
CREATE INDEX tests_state ON tests (suite_id, state) WHERE state <> 0;
CREATE INDEX tests_selector ON tests (selector_id) WHERE selector_id IS NOT NULL;

-- The text of failures, apart from the many executions that did not fail.
CREATE TABLE failures (
    upload_id   BIGINT  NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    position    BIGINT  NOT NULL,
    run_id      BIGINT  NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    test_id     BIGINT  NOT NULL,
    muted       BOOLEAN NOT NULL,
    duration_us BIGINT,
    reason      TEXT,
    tags        TEXT,
    expanded    TEXT,
    PRIMARY KEY (upload_id, position)
);
CREATE INDEX failures_run ON failures (run_id, upload_id, position);

-- Day first, so that an upload writes to one stretch of the table whatever tests it holds.
-- Branch 0: the run named none.
CREATE TABLE test_days (
    suite_id        BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    day             BIGINT  NOT NULL,
    test_id         BIGINT  NOT NULL,
    branch_id       BIGINT  NOT NULL,
    passed          BIGINT  NOT NULL,
    failed          BIGINT  NOT NULL,
    skipped         BIGINT  NOT NULL,
    unknown         BIGINT  NOT NULL,
    timed           BIGINT  NOT NULL,
    duration_sum_us BIGINT  NOT NULL,
    duration_min_us BIGINT,
    duration_max_us BIGINT,
    PRIMARY KEY (suite_id, day, test_id, branch_id)
);

CREATE TABLE plans (
    suite_id   BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    identifier TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    expires_at BIGINT  NOT NULL,
    digest     BYTEA   NOT NULL,
    body       BYTEA   NOT NULL,
    PRIMARY KEY (suite_id, identifier)
);
CREATE INDEX plans_newest ON plans (suite_id, created_at);
CREATE INDEX plans_expiry ON plans (expires_at);

CREATE TABLE node_reports (
    suite_id    BIGINT  NOT NULL,
    identifier  TEXT    NOT NULL,
    node        BIGINT  NOT NULL,
    retry_count BIGINT  NOT NULL,
    version     TEXT    NOT NULL,
    received_at BIGINT  NOT NULL,
    body        TEXT    NOT NULL,
    PRIMARY KEY (suite_id, identifier, node, retry_count),
    FOREIGN KEY (suite_id, identifier) REFERENCES plans (suite_id, identifier) ON DELETE CASCADE
);
