-- What judges tests: the commits that were tested, the commit groups with failures, the causes of
-- failures, and the executions of outages, which count in no score.

-- Distinct tests of a run. Null: the run was stored by an earlier version.
ALTER TABLE runs ADD COLUMN first_failed BIGINT;
ALTER TABLE runs ADD COLUMN broken BIGINT;
ALTER TABLE runs ADD COLUMN recovered BIGINT;
ALTER TABLE runs ADD COLUMN muted_failed BIGINT;
-- Its tested commit. Null: the run was stored by an earlier version.
ALTER TABLE runs ADD COLUMN commit_number BIGINT;
-- So many tests failed that the run tells nothing about single tests.
ALTER TABLE runs ADD COLUMN guarded BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE uploads ADD COLUMN guarded BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX runs_commit ON runs (suite_id, commit_number) WHERE commit_number IS NOT NULL;

-- Identifies the cause: in the upper half the message, in the lower half the first own frame.
ALTER TABLE failures ADD COLUMN fingerprint BIGINT;
-- The first frame of the backtrace that belongs to no library, as path:line.
ALTER TABLE failures ADD COLUMN frame TEXT;

-- Commits in the order of their first results. A run without a commit has one of its own, without
-- sha. main_number is the place among the commits of the default branch.
CREATE TABLE tested_commits (
    suite_id    BIGINT NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    number      BIGINT NOT NULL,
    key         BIGINT NOT NULL,
    sha         TEXT,
    main_number BIGINT,
    first_at    BIGINT NOT NULL,
    PRIMARY KEY (suite_id, number)
);
CREATE UNIQUE INDEX tested_commits_key ON tested_commits (suite_id, key);
CREATE UNIQUE INDEX tested_commits_main ON tested_commits (suite_id, main_number)
    WHERE main_number IS NOT NULL;

-- The executions of a test on a commit: if one failed, or if they end a break of the default
-- branch. Guarded executions are part of an outage. fingerprint is that of the first failure.
CREATE TABLE commit_groups (
    suite_id        BIGINT NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    commit_number   BIGINT NOT NULL,
    test_id         BIGINT NOT NULL,
    first_at        BIGINT NOT NULL,
    passed          BIGINT NOT NULL,
    failed          BIGINT NOT NULL,
    guarded_passed  BIGINT NOT NULL,
    guarded_failed  BIGINT NOT NULL,
    failed_run      BIGINT,
    two_failed_runs BOOLEAN NOT NULL DEFAULT FALSE,
    fingerprint     BIGINT,
    PRIMARY KEY (suite_id, commit_number, test_id)
);
CREATE INDEX commit_groups_test ON commit_groups (test_id, commit_number);

-- Tests that have not passed on the default branch since they failed there. main_number is that of
-- the last commit with a failure.
CREATE TABLE open_breaks (
    suite_id    BIGINT NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    test_id     BIGINT NOT NULL,
    main_number BIGINT NOT NULL,
    PRIMARY KEY (suite_id, test_id)
);

-- The failures of a run with one fingerprint. guarded: they have one new cause, and their tests
-- passed on retry.
CREATE TABLE failure_groups (
    suite_id    BIGINT NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    fingerprint BIGINT NOT NULL,
    run_id      BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    executions  BIGINT NOT NULL,
    last_at     BIGINT NOT NULL,
    guarded     BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (suite_id, fingerprint, run_id)
);
CREATE INDEX failure_groups_run ON failure_groups (run_id);

-- The executions of outages, in the format of day_blocks, which contains them too.
CREATE TABLE guarded_blocks (
    suite_id  BIGINT NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    day       BIGINT NOT NULL,
    block     BIGINT NOT NULL,
    branch_id BIGINT NOT NULL,
    tests     BIGINT NOT NULL,
    body      BYTEA   NOT NULL,
    PRIMARY KEY (suite_id, day, block, branch_id)
);

-- The judgement on each test that has ever failed. It is as of the first `judged` changes of its
-- groups. level: 0 sound, 1 suspect, 2 flaky, 3 broken. Shares are in parts per million.
CREATE TABLE test_health (
    test_id            BIGINT PRIMARY KEY REFERENCES tests (id) ON DELETE CASCADE,
    suite_id           BIGINT NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    changes            BIGINT NOT NULL,
    changed_at         BIGINT NOT NULL,
    judged             BIGINT NOT NULL DEFAULT 0,
    version            BIGINT NOT NULL DEFAULT 0,
    level              BIGINT NOT NULL DEFAULT 0,
    alarm_at           BIGINT,
    score              BIGINT NOT NULL DEFAULT 0,
    rate               BIGINT NOT NULL DEFAULT 0,
    rate_low           BIGINT NOT NULL DEFAULT 0,
    rate_high          BIGINT NOT NULL DEFAULT 0,
    mixed_groups       BIGINT NOT NULL DEFAULT 0,
    short_breaks       BIGINT NOT NULL DEFAULT 0,
    broken_since       BIGINT,
    last_passed        BIGINT,
    updated_at         BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX test_health_level ON test_health (suite_id, level, score) WHERE level > 0;
CREATE INDEX test_health_changed ON test_health (changed_at) WHERE judged < changes;
CREATE INDEX test_health_updated ON test_health (updated_at) WHERE level > 0;

-- When it was announced that a muted test has proven to be fixed.
ALTER TABLE quarantines ADD COLUMN release_proposed_at BIGINT;
