-- Makes the evidence on tests cheaper to write: a group is found by its test first, and the tests
-- that have to be judged are one short list per upload instead of a counter per test. Uploads lock
-- their suite, and deletion removes these rows explicitly, so no row needs a reference that is
-- checked when it is written.

-- Tests whose evidence has changed since they were last judged, as a JSON array of their ids. The
-- judgement that includes a change removes the test. Ids are never reused: a judgement removes only
-- what it has read.
CREATE TABLE changed_tests (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    suite_id   INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    changed_at INTEGER NOT NULL,
    tests      TEXT    NOT NULL
);
CREATE INDEX changed_tests_suite ON changed_tests (suite_id, id);

INSERT INTO changed_tests (suite_id, changed_at, tests)
SELECT suite_id, MAX(changed_at), '[' || GROUP_CONCAT(test_id, ',') || ']'
FROM test_health WHERE judged < changes GROUP BY suite_id;

-- changed_at is now that of the latest change that the judgement includes.
DROP INDEX test_health_changed;
ALTER TABLE test_health DROP COLUMN changes;
ALTER TABLE test_health DROP COLUMN judged;

CREATE TABLE compact_groups (
    suite_id        INTEGER NOT NULL,
    commit_number   INTEGER NOT NULL,
    test_id         INTEGER NOT NULL,
    first_at        INTEGER NOT NULL,
    passed          INTEGER NOT NULL,
    failed          INTEGER NOT NULL,
    guarded_passed  INTEGER NOT NULL,
    guarded_failed  INTEGER NOT NULL,
    failed_run      INTEGER,
    two_failed_runs BOOLEAN NOT NULL DEFAULT FALSE,
    fingerprint     INTEGER,
    PRIMARY KEY (test_id, commit_number)
) WITHOUT ROWID;
INSERT INTO compact_groups
SELECT suite_id, commit_number, test_id, first_at, passed, failed, guarded_passed, guarded_failed,
    failed_run, two_failed_runs, fingerprint
FROM commit_groups ORDER BY test_id, commit_number;
DROP TABLE commit_groups;
ALTER TABLE compact_groups RENAME TO commit_groups;
CREATE INDEX commit_groups_commit ON commit_groups (suite_id, commit_number);

CREATE TABLE compact_breaks (
    suite_id    INTEGER NOT NULL,
    test_id     INTEGER NOT NULL,
    main_number INTEGER NOT NULL,
    PRIMARY KEY (suite_id, test_id)
) WITHOUT ROWID;
INSERT INTO compact_breaks SELECT suite_id, test_id, main_number FROM open_breaks;
DROP TABLE open_breaks;
ALTER TABLE compact_breaks RENAME TO open_breaks;

CREATE TABLE compact_failures (
    suite_id    INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,
    run_id      INTEGER NOT NULL,
    executions  INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    guarded     BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (suite_id, fingerprint, run_id)
) WITHOUT ROWID;
INSERT INTO compact_failures
SELECT suite_id, fingerprint, run_id, executions, last_at, guarded FROM failure_groups;
DROP TABLE failure_groups;
ALTER TABLE compact_failures RENAME TO failure_groups;
CREATE INDEX failure_groups_run ON failure_groups (run_id);
