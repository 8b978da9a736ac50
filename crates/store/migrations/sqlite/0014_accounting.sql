-- What plans were made from, as far as the accounting of a build needs it.
ALTER TABLE plans ADD COLUMN branch TEXT NOT NULL DEFAULT '';
ALTER TABLE plans ADD COLUMN location_prefix TEXT NOT NULL DEFAULT '';
ALTER TABLE plans ADD COLUMN files_changed TEXT;

-- One row per plan identifier that a job has reported on, also without a plan: the reports of jobs
-- with a fallback plan are stored too. The summary is as of the first `summarized` changes.
CREATE TABLE accountings (
    suite_id         INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    identifier       TEXT    NOT NULL,
    build_id         TEXT    NOT NULL,
    run_key          TEXT    NOT NULL,
    reports          INTEGER NOT NULL,
    size             INTEGER NOT NULL,
    changes          INTEGER NOT NULL,
    summarized       INTEGER NOT NULL DEFAULT 0,
    complete         BOOLEAN NOT NULL DEFAULT FALSE,
    targets          INTEGER NOT NULL DEFAULT 0,
    complete_targets INTEGER NOT NULL DEFAULT 0,
    nodes            INTEGER NOT NULL DEFAULT 0,
    pending_nodes    INTEGER NOT NULL DEFAULT 0,
    fallback_nodes   INTEGER NOT NULL DEFAULT 0,
    updated_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    PRIMARY KEY (suite_id, identifier)
);
CREATE INDEX accountings_build ON accountings (suite_id, build_id);
CREATE INDEX accountings_run ON accountings (suite_id, run_key);
CREATE INDEX accountings_expiry ON accountings (expires_at);
CREATE INDEX accountings_changed ON accountings (suite_id) WHERE summarized < changes;

-- The latest report of each job.
CREATE TABLE job_reports (
    suite_id    INTEGER NOT NULL,
    identifier  TEXT    NOT NULL,
    group_name  TEXT    NOT NULL,
    node        INTEGER NOT NULL,
    job_id      TEXT    NOT NULL,
    retry_count INTEGER NOT NULL,
    progress    INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    PRIMARY KEY (suite_id, identifier, group_name, node, job_id),
    FOREIGN KEY (suite_id, identifier)
        REFERENCES accountings (suite_id, identifier) ON DELETE CASCADE
);

-- The number of tests in the latest complete runs of a selector, by branch.
ALTER TABLE selectors ADD COLUMN test_counts BLOB;
