-- Timed operations of failed and slow executions, each execution's compressed in one value.
CREATE TABLE spans (
    upload_id BIGINT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    position  BIGINT NOT NULL,
    suite_id  BIGINT NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    day       BIGINT NOT NULL,
    body      BYTEA  NOT NULL,
    PRIMARY KEY (upload_id, position)
);
CREATE INDEX spans_day ON spans (suite_id, day, upload_id, position);
