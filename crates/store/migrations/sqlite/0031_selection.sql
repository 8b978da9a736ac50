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
    suite_id         INTEGER PRIMARY KEY REFERENCES suites (id) ON DELETE CASCADE,
    clock            INTEGER NOT NULL DEFAULT 0,
    rotation_round   INTEGER NOT NULL DEFAULT 0,
    rotation_below   INTEGER NOT NULL DEFAULT 0,
    bets             BLOB,
    off              INTEGER NOT NULL DEFAULT 0,
    off_text         TEXT    NOT NULL DEFAULT '',
    off_since        INTEGER,
    off_holdout      INTEGER NOT NULL DEFAULT 0,
    seen_run         INTEGER NOT NULL DEFAULT 0,
    history_run      INTEGER NOT NULL DEFAULT 0,
    history_end      INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX selection_suites_history ON selection_suites (suite_id)
    WHERE history_run < history_end;

-- Counts of failures. kind: 0 after changes of a file, 1 of a folder, 2 of the whole suite.
-- changed is the clock at which the row was written last.
CREATE TABLE selection_counts (
    suite_id INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    kind     INTEGER NOT NULL,
    path     TEXT    NOT NULL,
    changed  INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    PRIMARY KEY (suite_id, kind, path)
);
CREATE INDEX selection_counts_changed ON selection_counts (suite_id, changed);

-- Renames whose counts were added to the new path.
CREATE TABLE selection_renames (
    suite_id INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    hash     BLOB    NOT NULL,
    old_path TEXT    NOT NULL,
    new_path TEXT    NOT NULL,
    changed  INTEGER NOT NULL,
    PRIMARY KEY (suite_id, hash)
);
CREATE INDEX selection_renames_changed ON selection_renames (suite_id, changed);

-- verdict: 1 selected, 2 observed, 3 full. state: 0 waits for the end of its run, 1 for the default
-- branch, 2 closed. Without has_cut, every item is selected; without cut, none for its value. files
-- is a hash of the changed paths. scores and change are deleted with the plan.
CREATE TABLE selection_decisions (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    suite_id         INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    identifier       TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    branch           TEXT    NOT NULL,
    commit_sha       TEXT,
    strategy         TEXT    NOT NULL,
    params           TEXT    NOT NULL,
    verdict          INTEGER NOT NULL,
    reason           TEXT,
    reason_text      TEXT,
    promise          INTEGER,
    has_cut          BOOLEAN NOT NULL,
    cut              INTEGER,
    holdouts         INTEGER NOT NULL,
    caught           INTEGER NOT NULL,
    items            INTEGER NOT NULL,
    selected         INTEGER NOT NULL,
    time_us          INTEGER NOT NULL,
    selected_time_us INTEGER NOT NULL,
    always           TEXT    NOT NULL,
    known            INTEGER,
    state            INTEGER NOT NULL,
    due_at           INTEGER NOT NULL,
    run_id           INTEGER,
    main_runs        INTEGER NOT NULL DEFAULT 0,
    files            BLOB,
    scores           BLOB,
    change           BLOB,
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
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    suite_id    INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    changed     INTEGER NOT NULL,
    closed_at   INTEGER NOT NULL,
    origin      INTEGER NOT NULL,
    identifier  TEXT    NOT NULL,
    branch      TEXT    NOT NULL,
    commit_sha  TEXT,
    run_id      INTEGER,
    strategy    TEXT    NOT NULL,
    promise     INTEGER,
    needed      INTEGER,
    time_share  INTEGER NOT NULL,
    is_caught   BOOLEAN NOT NULL,
    failing     INTEGER NOT NULL,
    selected    INTEGER NOT NULL
);
CREATE INDEX selection_holdouts_newest ON selection_holdouts (suite_id, id);
CREATE INDEX selection_holdouts_run ON selection_holdouts (suite_id, run_id)
    WHERE run_id IS NOT NULL;

-- Failing items that were left out.
CREATE TABLE selection_misses (
    holdout_id INTEGER NOT NULL REFERENCES selection_holdouts (id) ON DELETE CASCADE,
    item       TEXT    NOT NULL,
    place      INTEGER NOT NULL,
    run_id     INTEGER
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
