-- Timed operations of failed and slow executions, each execution's compressed in one value.
CREATE TABLE spans (
    upload_id INTEGER NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    suite_id  INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    day       INTEGER NOT NULL,
    body      BLOB    NOT NULL,
    PRIMARY KEY (upload_id, position)
) WITHOUT ROWID;
CREATE INDEX spans_day ON spans (suite_id, day, upload_id, position);
