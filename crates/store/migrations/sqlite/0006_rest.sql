-- What the REST API keeps beside results: labels, owners, refused uploads, tags given afterwards.

CREATE TABLE test_labels (
    suite_id INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    label    TEXT    NOT NULL,
    test_id  INTEGER NOT NULL REFERENCES tests (id) ON DELETE CASCADE,
    PRIMARY KEY (suite_id, label, test_id)
) WITHOUT ROWID;
CREATE INDEX test_labels_test ON test_labels (test_id, label);

-- One file a suite, as it was sent.
CREATE TABLE ownership_files (
    suite_id   INTEGER PRIMARY KEY REFERENCES suites (id) ON DELETE CASCADE,
    body       TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
);

-- Uploads of which nothing was kept; the latest ones only.
CREATE TABLE refused_uploads (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    suite_id    INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    uuid        BLOB    NOT NULL UNIQUE,
    status      INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    run_key     TEXT,
    format      TEXT,
    received_at INTEGER NOT NULL
);
CREATE INDEX refused_uploads_newest ON refused_uploads (suite_id, id);

-- Tags that executions were given after they came in.
CREATE TABLE execution_tags (
    upload_id INTEGER NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    tags      TEXT    NOT NULL,
    PRIMARY KEY (upload_id, position)
) WITHOUT ROWID;
