-- What the REST API keeps beside results: labels, owners, refused uploads, tags given afterwards.

CREATE TABLE test_labels (
    suite_id BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    label    TEXT    COLLATE "C" NOT NULL,
    test_id  BIGINT  NOT NULL REFERENCES tests (id) ON DELETE CASCADE,
    PRIMARY KEY (suite_id, label, test_id)
);
CREATE INDEX test_labels_test ON test_labels (test_id, label);

-- One file a suite, as it was sent.
CREATE TABLE ownership_files (
    suite_id   BIGINT  PRIMARY KEY REFERENCES suites (id) ON DELETE CASCADE,
    body       TEXT    NOT NULL,
    updated_at BIGINT  NOT NULL
);

-- Uploads of which nothing was kept; the latest ones only.
CREATE TABLE refused_uploads (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    suite_id    BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    uuid        BYTEA   NOT NULL UNIQUE,
    status      BIGINT  NOT NULL,
    reason      TEXT    NOT NULL,
    run_key     TEXT,
    format      TEXT,
    received_at BIGINT  NOT NULL
);
CREATE INDEX refused_uploads_newest ON refused_uploads (suite_id, id);

-- Tags that executions were given after they came in.
CREATE TABLE execution_tags (
    upload_id BIGINT  NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    position  BIGINT  NOT NULL,
    tags      TEXT    NOT NULL,
    PRIMARY KEY (upload_id, position)
);
