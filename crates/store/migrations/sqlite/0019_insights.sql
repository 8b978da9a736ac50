-- What judges tests: the commits that were tested, the commit groups with failures, the causes of
-- failures, and the executions of outages, which count in no score.

-- Distinct tests of a run. Null: the run was stored by an earlier version.
ALTER TABLE runs ADD COLUMN first_failed INTEGER;
ALTER TABLE runs ADD COLUMN broken INTEGER;
ALTER TABLE runs ADD COLUMN recovered INTEGER;
ALTER TABLE runs ADD COLUMN muted_failed INTEGER;
-- Its tested commit. Null: the run was stored by an earlier version.
ALTER TABLE runs ADD COLUMN commit_number INTEGER;
-- So many tests failed that the run tells nothing about single tests.
ALTER TABLE runs ADD COLUMN guarded BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE uploads ADD COLUMN guarded BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX runs_commit ON runs (suite_id, commit_number) WHERE commit_number IS NOT NULL;

-- Identifies the cause: in the upper half the message, in the lower half the first own frame.
ALTER TABLE failures ADD COLUMN fingerprint INTEGER;
-- The first frame of the backtrace that belongs to no library, as path:line.
ALTER TABLE failures ADD COLUMN frame TEXT;

-- Commits in the order of their first results. A run without a commit has one of its own, without
-- sha. main_number is the place among the commits of the default branch.
CREATE TABLE tested_commits (
    suite_id    INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    key         INTEGER NOT NULL,
    sha         TEXT,
    main_number INTEGER,
    first_at    INTEGER NOT NULL,
    PRIMARY KEY (suite_id, number)
);
CREATE UNIQUE INDEX tested_commits_key ON tested_commits (suite_id, key);
CREATE UNIQUE INDEX tested_commits_main ON tested_commits (suite_id, main_number)
    WHERE main_number IS NOT NULL;

-- The executions of a test on a commit: if one failed, or if they end a break of the default
-- branch. Guarded executions are part of an outage. fingerprint is that of the first failure.
CREATE TABLE commit_groups (
    suite_id        INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
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
    PRIMARY KEY (suite_id, commit_number, test_id)
) WITHOUT ROWID;
CREATE INDEX commit_groups_test ON commit_groups (test_id, commit_number);

-- Tests that have not passed on the default branch since they failed there. main_number is that of
-- the last commit with a failure.
CREATE TABLE open_breaks (
    suite_id    INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    test_id     INTEGER NOT NULL,
    main_number INTEGER NOT NULL,
    PRIMARY KEY (suite_id, test_id)
) WITHOUT ROWID;

-- The failures of a run with one fingerprint. guarded: they have one new cause, and their tests
-- passed on retry.
CREATE TABLE failure_groups (
    suite_id    INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    fingerprint INTEGER NOT NULL,
    run_id      INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    executions  INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    guarded     BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (suite_id, fingerprint, run_id)
) WITHOUT ROWID;
CREATE INDEX failure_groups_run ON failure_groups (run_id);

-- The executions of outages, in the format of day_blocks, which contains them too.
CREATE TABLE guarded_blocks (
    suite_id  INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    day       INTEGER NOT NULL,
    block     INTEGER NOT NULL,
    branch_id INTEGER NOT NULL,
    tests     INTEGER NOT NULL,
    body      BLOB    NOT NULL,
    PRIMARY KEY (suite_id, day, block, branch_id)
);

-- The judgement on each test that has ever failed. It is as of the first `judged` changes of its
-- groups. level: 0 sound, 1 suspect, 2 flaky, 3 broken. Shares are in parts per million.
CREATE TABLE test_health (
    test_id            INTEGER PRIMARY KEY REFERENCES tests (id) ON DELETE CASCADE,
    suite_id           INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    changes            INTEGER NOT NULL,
    changed_at         INTEGER NOT NULL,
    judged             INTEGER NOT NULL DEFAULT 0,
    version            INTEGER NOT NULL DEFAULT 0,
    level              INTEGER NOT NULL DEFAULT 0,
    alarm_at           INTEGER,
    score              INTEGER NOT NULL DEFAULT 0,
    rate               INTEGER NOT NULL DEFAULT 0,
    rate_low           INTEGER NOT NULL DEFAULT 0,
    rate_high          INTEGER NOT NULL DEFAULT 0,
    mixed_groups       INTEGER NOT NULL DEFAULT 0,
    short_breaks       INTEGER NOT NULL DEFAULT 0,
    broken_since       INTEGER,
    last_passed        INTEGER,
    updated_at         INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX test_health_level ON test_health (suite_id, level, score) WHERE level > 0;
CREATE INDEX test_health_changed ON test_health (changed_at) WHERE judged < changes;
CREATE INDEX test_health_updated ON test_health (updated_at) WHERE level > 0;

-- When it was announced that a muted test has proven to be fixed.
ALTER TABLE quarantines ADD COLUMN release_proposed_at INTEGER;
