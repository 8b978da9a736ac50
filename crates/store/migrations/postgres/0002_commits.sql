-- Commits as git describes them, and the archives they came in.

-- What the servers of one database share and nobody else may know, such as keys to sign with.
CREATE TABLE server_secrets (
    name       TEXT    PRIMARY KEY,
    value      BYTEA   NOT NULL,
    created_at BIGINT  NOT NULL
);

-- Dates of authors and committers are kept as git wrote them, offset included. Diffs stay in the
-- archive: they are large, and no page shows them.
CREATE TABLE commits (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    suite_id        BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    sha             TEXT    NOT NULL,
    parents         TEXT    NOT NULL,
    author_name     TEXT    NOT NULL,
    author_email    TEXT    NOT NULL,
    author_date     TEXT    NOT NULL,
    committer_name  TEXT    NOT NULL,
    committer_email TEXT    NOT NULL,
    committer_date  TEXT    NOT NULL,
    message         TEXT    NOT NULL,
    files_changed   TEXT    NOT NULL,
    diff_stat       TEXT    NOT NULL,
    UNIQUE (suite_id, sha)
);

-- One row a form that was given out; its archive has the same UUID. States are in backfills.rs.
CREATE TABLE backfills (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    suite_id      BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    uuid          BYTEA   NOT NULL UNIQUE,
    state         BIGINT  NOT NULL,
    created_at    BIGINT  NOT NULL,
    expires_at    BIGINT  NOT NULL,
    received_at   BIGINT ,
    finished_at   BIGINT ,
    size          BIGINT ,
    claimed_until BIGINT  NOT NULL DEFAULT 0,
    claims        BIGINT  NOT NULL DEFAULT 0,
    commits       BIGINT  NOT NULL DEFAULT 0,
    passed_over   BIGINT  NOT NULL DEFAULT 0,
    problems      TEXT    NOT NULL DEFAULT '[]'
);
CREATE INDEX backfills_suite ON backfills (suite_id, id);
CREATE INDEX backfills_state ON backfills (state, id);
