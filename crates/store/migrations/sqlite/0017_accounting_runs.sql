-- The runs that the nodes of a plan upload their results to. A job that is rerun later may have a
-- run key of its own.
CREATE TABLE accounting_runs (
    suite_id   INTEGER NOT NULL,
    identifier TEXT    NOT NULL,
    run_key    TEXT    NOT NULL,
    PRIMARY KEY (suite_id, identifier, run_key),
    FOREIGN KEY (suite_id, identifier)
        REFERENCES accountings (suite_id, identifier) ON DELETE CASCADE
);
CREATE INDEX accounting_runs_key ON accounting_runs (suite_id, run_key);
INSERT INTO accounting_runs (suite_id, identifier, run_key)
    SELECT suite_id, identifier, run_key FROM accountings WHERE run_key <> '';
DROP INDEX accountings_run;
ALTER TABLE accountings DROP COLUMN run_key;

-- 0 before the first summary, 1 complete, 2 incomplete, 3 unknown. What was not complete may be
-- unknown, so it is summarized again.
ALTER TABLE accountings ADD COLUMN verdict INTEGER NOT NULL DEFAULT 0;
UPDATE accountings SET verdict = CASE WHEN complete THEN 1 ELSE 2 END WHERE summarized > 0;
UPDATE accountings SET changes = changes + 1 WHERE verdict = 2;
ALTER TABLE accountings DROP COLUMN complete;
CREATE INDEX accountings_incomplete ON accountings (updated_at) WHERE verdict = 2;

-- A summary that failed is not computed again before this time.
ALTER TABLE accountings ADD COLUMN retry_at INTEGER NOT NULL DEFAULT 0;

-- Each start of a job that runs missing targets ran others, so all of its reports count. For such
-- jobs started_at is a time, else 0.
CREATE TABLE new_job_reports (
    suite_id    INTEGER NOT NULL,
    identifier  TEXT    NOT NULL,
    group_name  TEXT    NOT NULL,
    node        INTEGER NOT NULL,
    job_id      TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    retry_count INTEGER NOT NULL,
    progress    INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    PRIMARY KEY (suite_id, identifier, group_name, node, job_id, started_at),
    FOREIGN KEY (suite_id, identifier)
        REFERENCES accountings (suite_id, identifier) ON DELETE CASCADE
);
INSERT INTO new_job_reports SELECT suite_id, identifier, group_name, node, job_id, 0, retry_count,
    progress, size, body FROM job_reports;
DROP TABLE job_reports;
ALTER TABLE new_job_reports RENAME TO job_reports;

-- The commit that the changed files of a plan request are compared with, if it is known.
ALTER TABLE plans ADD COLUMN diff_base TEXT;

-- They may be of incomplete runs, and have another format now.
UPDATE selectors SET test_counts = NULL WHERE test_counts IS NOT NULL;
