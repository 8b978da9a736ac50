-- Makes the evidence on tests cheaper to write: a group is found by its test first, the tests that
-- have to be judged are one short list per upload instead of a counter per test, and numbers that
-- stay small take four bytes. Uploads lock their suite, and deletion removes these rows explicitly,
-- so no row needs a reference that is checked when it is written.

-- Tests whose evidence has changed since they were last judged, as a JSON array of their ids. The
-- judgement that includes a change removes the test. Ids are never reused: a judgement removes only
-- what it has read.
CREATE TABLE changed_tests (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    suite_id   BIGINT NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    changed_at BIGINT NOT NULL,
    tests      TEXT   NOT NULL
);
CREATE INDEX changed_tests_suite ON changed_tests (suite_id, id);

INSERT INTO changed_tests (suite_id, changed_at, tests)
SELECT suite_id, MAX(changed_at), '[' || STRING_AGG(CAST(test_id AS TEXT), ',') || ']'
FROM test_health WHERE judged < changes GROUP BY suite_id;

-- changed_at is now that of the latest change that the judgement includes.
DROP INDEX test_health_changed;
ALTER TABLE test_health DROP COLUMN changes, DROP COLUMN judged;

ALTER TABLE commit_groups
    DROP CONSTRAINT commit_groups_suite_id_fkey,
    DROP CONSTRAINT commit_groups_pkey,
    ALTER COLUMN suite_id TYPE INTEGER,
    ALTER COLUMN commit_number TYPE INTEGER,
    ALTER COLUMN passed TYPE INTEGER,
    ALTER COLUMN failed TYPE INTEGER,
    ALTER COLUMN guarded_passed TYPE INTEGER,
    ALTER COLUMN guarded_failed TYPE INTEGER,
    ADD PRIMARY KEY (test_id, commit_number);
DROP INDEX commit_groups_test;
-- Not unique, so that the entries of a commit share one key.
CREATE INDEX commit_groups_commit ON commit_groups (suite_id, commit_number);

ALTER TABLE open_breaks
    DROP CONSTRAINT open_breaks_suite_id_fkey,
    ALTER COLUMN suite_id TYPE INTEGER,
    ALTER COLUMN main_number TYPE INTEGER;

ALTER TABLE failure_groups
    DROP CONSTRAINT failure_groups_suite_id_fkey,
    DROP CONSTRAINT failure_groups_run_id_fkey,
    ALTER COLUMN suite_id TYPE INTEGER,
    ALTER COLUMN executions TYPE INTEGER;
