-- Test selection: what a suite has learned, the decisions on its plans, and the failing builds that
-- measure them. docs/design/selection.md has the terms. Shares are in parts per million, values of
-- items in millionths.

CREATE INDEX runs_created ON runs (suite_id, created_at);

-- One row per suite that has ever used selection. clock counts the changes of what was learned, and
-- is the age of counts. off: 0 on, 1 a person switched it off, 2 drift. off_holdout is the newest
-- holdout at that time. bets: those on misses; null if all are worth 1. seen_run: runs up to
-- this one were searched for what selections missed; history_run: of the runs up to history_end,
-- those up to this one were read as history.
CREATE TABLE selection_suites (
    suite_id         BIGINT  PRIMARY KEY REFERENCES suites (id) ON DELETE CASCADE,
    clock            BIGINT  NOT NULL DEFAULT 0,
    rotation_round   BIGINT  NOT NULL DEFAULT 0,
    rotation_below   BIGINT  NOT NULL DEFAULT 0,
    bets             BYTEA,
    off              BIGINT  NOT NULL DEFAULT 0,
    off_text         TEXT    NOT NULL DEFAULT '',
    off_since        BIGINT,
    off_holdout      BIGINT  NOT NULL DEFAULT 0,
    seen_run         BIGINT  NOT NULL DEFAULT 0,
    history_run      BIGINT  NOT NULL DEFAULT 0,
    history_end      BIGINT  NOT NULL DEFAULT 0
);
CREATE INDEX selection_suites_history ON selection_suites (suite_id)
    WHERE history_run < history_end;

-- Counts of failures. kind: 0 after changes of a file, 1 of a folder, 2 of the whole suite.
-- changed is the clock at which the row was written last.
CREATE TABLE selection_counts (
    suite_id BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    kind     BIGINT  NOT NULL,
    path     TEXT    NOT NULL,
    changed  BIGINT  NOT NULL,
    body     BYTEA   NOT NULL,
    PRIMARY KEY (suite_id, kind, path)
);
CREATE INDEX selection_counts_changed ON selection_counts (suite_id, changed);

-- Renames whose counts were added to the new path.
CREATE TABLE selection_renames (
    suite_id BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    hash     BYTEA   NOT NULL,
    old_path TEXT    NOT NULL,
    new_path TEXT    NOT NULL,
    changed  BIGINT  NOT NULL,
    PRIMARY KEY (suite_id, hash)
);
CREATE INDEX selection_renames_changed ON selection_renames (suite_id, changed);

-- verdict: 1 selected, 2 observed, 3 full. state: 0 waits for the end of its run, 1 for the default
-- branch, 2 closed. Without has_cut, every item is selected; without cut, none for its value. files
-- is a hash of the changed paths. scores and change are deleted with the plan.
CREATE TABLE selection_decisions (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    suite_id         BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    identifier       TEXT    NOT NULL,
    created_at       BIGINT  NOT NULL,
    expires_at       BIGINT  NOT NULL,
    branch           TEXT    NOT NULL,
    commit_sha       TEXT,
    strategy         TEXT    NOT NULL,
    params           TEXT    NOT NULL,
    verdict          BIGINT  NOT NULL,
    reason           TEXT,
    reason_text      TEXT,
    promise          BIGINT,
    has_cut          BOOLEAN NOT NULL,
    cut              BIGINT,
    holdouts         BIGINT  NOT NULL,
    caught           BIGINT  NOT NULL,
    items            BIGINT  NOT NULL,
    selected         BIGINT  NOT NULL,
    time_us          BIGINT  NOT NULL,
    selected_time_us BIGINT  NOT NULL,
    always           TEXT    NOT NULL,
    known            BIGINT,
    state            BIGINT  NOT NULL,
    due_at           BIGINT  NOT NULL,
    run_id           BIGINT,
    main_runs        BIGINT  NOT NULL DEFAULT 0,
    files            BYTEA,
    scores           BYTEA,
    change           BYTEA,
    UNIQUE (suite_id, identifier)
);
CREATE INDEX selection_decisions_newest ON selection_decisions (suite_id, created_at);
CREATE INDEX selection_decisions_branch ON selection_decisions (suite_id, branch, id);
CREATE INDEX selection_decisions_run ON selection_decisions (suite_id, run_id)
    WHERE run_id IS NOT NULL;
CREATE INDEX selection_decisions_due ON selection_decisions (due_at) WHERE state = 0;
CREATE INDEX selection_decisions_waiting ON selection_decisions (suite_id, id) WHERE state = 1;
CREATE INDEX selection_decisions_expiry ON selection_decisions (expires_at)
    WHERE scores IS NOT NULL;

-- Failing builds whose failing items are known. origin: 1 held out, 2 observed, 3 caught, 4 missed,
-- 5 full, 6 history. Names as they were then: a holdout outlives its decision and its run.
CREATE TABLE selection_holdouts (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    suite_id    BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    changed     BIGINT  NOT NULL,
    closed_at   BIGINT  NOT NULL,
    origin      BIGINT  NOT NULL,
    identifier  TEXT    NOT NULL,
    branch      TEXT    NOT NULL,
    commit_sha  TEXT,
    run_id      BIGINT,
    strategy    TEXT    NOT NULL,
    promise     BIGINT,
    needed      BIGINT,
    time_share  BIGINT  NOT NULL,
    is_caught   BOOLEAN NOT NULL,
    failing     BIGINT  NOT NULL,
    selected    BIGINT  NOT NULL
);
CREATE INDEX selection_holdouts_newest ON selection_holdouts (suite_id, id);
CREATE INDEX selection_holdouts_run ON selection_holdouts (suite_id, run_id)
    WHERE run_id IS NOT NULL;

-- Failing items that were left out.
CREATE TABLE selection_misses (
    holdout_id BIGINT  NOT NULL REFERENCES selection_holdouts (id) ON DELETE CASCADE,
    item       TEXT    NOT NULL,
    place      BIGINT  NOT NULL,
    run_id     BIGINT
);
CREATE INDEX selection_misses_holdout ON selection_misses (holdout_id, place);

-- Archives that earlier versions read are history too. No selection has missed anything in the runs
-- so far.
INSERT INTO selection_suites (suite_id, seen_run, history_end)
SELECT id, newest, newest FROM (
    SELECT suites.id, COALESCE(
        (SELECT MAX(runs.id) FROM runs WHERE runs.suite_id = suites.id), 0) AS newest
    FROM suites WHERE NOT suites.deleted AND EXISTS (
        SELECT 1 FROM backfills WHERE backfills.suite_id = suites.id AND backfills.state = 3)
) AS old;
