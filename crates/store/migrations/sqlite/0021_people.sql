-- People who sign in, their roles, and their sessions.

-- Either login and password_hash are set, or issuer and subject.
CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid          BLOB    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    login         TEXT    UNIQUE,
    password_hash TEXT,
    issuer        TEXT,
    subject       TEXT,
    created_at    INTEGER NOT NULL,
    UNIQUE (issuer, subject)
);

-- Who may sign in through the provider. Role 0 keeps people out.
CREATE TABLE sign_in_rules (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid            BLOB    NOT NULL UNIQUE,
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    kind            INTEGER NOT NULL,
    claim           TEXT    NOT NULL,
    value           TEXT    NOT NULL,
    role            INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    UNIQUE (organization_id, kind, claim, value)
);

-- A role that a rule gave has the rule and an end; one that was set by hand has neither.
CREATE TABLE memberships (
    user_id         INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    role            INTEGER NOT NULL,
    rule_id         INTEGER REFERENCES sign_in_rules (id) ON DELETE CASCADE,
    since           INTEGER NOT NULL,
    expires_at      INTEGER,
    PRIMARY KEY (user_id, organization_id)
);
CREATE INDEX memberships_organization ON memberships (organization_id);
CREATE INDEX memberships_rule ON memberships (rule_id) WHERE rule_id IS NOT NULL;

CREATE TABLE user_sessions (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid           BLOB    NOT NULL UNIQUE,
    user_id        INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_hash    BLOB    NOT NULL UNIQUE,
    client_address TEXT,
    user_agent     TEXT,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    last_used_at   INTEGER
);
CREATE INDEX user_sessions_user ON user_sessions (user_id);
CREATE INDEX user_sessions_end ON user_sessions (expires_at);

-- Answers of the provider that were used: each signs in once.
CREATE TABLE used_sign_ins (
    state_hash BLOB    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
);

-- Tokens without a user belong to CI.
ALTER TABLE tokens ADD COLUMN user_id INTEGER REFERENCES users (id) ON DELETE CASCADE;
CREATE INDEX tokens_user ON tokens (user_id) WHERE user_id IS NOT NULL;
