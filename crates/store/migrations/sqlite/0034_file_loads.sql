-- What loading a test file takes, as the nodes of a suite report it, by runner.

-- load_us: a moving mean over the reports. reports: how many there were.
CREATE TABLE file_loads (
    suite_id INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    runner   TEXT    NOT NULL,
    load_us  INTEGER NOT NULL,
    reports  INTEGER NOT NULL,
    PRIMARY KEY (suite_id, runner)
) WITHOUT ROWID;
