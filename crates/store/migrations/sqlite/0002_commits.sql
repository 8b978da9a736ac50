-- Commits as git describes them, and the archives they came in.

-- What the servers of one database share and nobody else may know, such as keys to sign with.
CREATE TABLE server_secrets (
    name       TEXT    PRIMARY KEY,
    value      BLOB    NOT NULL,
    created_at INTEGER NOT NULL
);

-- Dates of authors and committers are kept as git wrote them, offset included. Diffs stay in the
-- archive: they are large, and no page shows them.
CREATE TABLE commits (
    id              INTEGER PRIMARY KEY,
    suite_id        INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
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
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    suite_id      INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    uuid          BLOB    NOT NULL UNIQUE,
    state         INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    received_at   INTEGER,
    finished_at   INTEGER,
    size          INTEGER,
    claimed_until INTEGER NOT NULL DEFAULT 0,
    claims        INTEGER NOT NULL DEFAULT 0,
    commits       INTEGER NOT NULL DEFAULT 0,
    passed_over   INTEGER NOT NULL DEFAULT 0,
    problems      TEXT    NOT NULL DEFAULT '[]'
);
CREATE INDEX backfills_suite ON backfills (suite_id, id);
CREATE INDEX backfills_state ON backfills (state, id);
