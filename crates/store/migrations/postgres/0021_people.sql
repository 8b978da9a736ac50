-- People who sign in, their roles, and their sessions.

-- Either login and password_hash are set, or issuer and subject.
CREATE TABLE users (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid          BYTEA   NOT NULL UNIQUE,
    name          TEXT    COLLATE "C" NOT NULL,
    login         TEXT    COLLATE "C" UNIQUE,
    password_hash TEXT,
    issuer        TEXT,
    subject       TEXT,
    created_at    BIGINT NOT NULL,
    UNIQUE (issuer, subject)
);

-- Who may sign in through the provider. Role 0 keeps people out.
CREATE TABLE sign_in_rules (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid            BYTEA   NOT NULL UNIQUE,
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    kind            BIGINT NOT NULL,
    claim           TEXT    COLLATE "C" NOT NULL,
    value           TEXT    COLLATE "C" NOT NULL,
    role            BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    UNIQUE (organization_id, kind, claim, value)
);

-- A role that a rule gave has the rule and an end; one that was set by hand has neither.
CREATE TABLE memberships (
    user_id         BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    role            BIGINT NOT NULL,
    rule_id         BIGINT REFERENCES sign_in_rules (id) ON DELETE CASCADE,
    since           BIGINT NOT NULL,
    expires_at      BIGINT,
    PRIMARY KEY (user_id, organization_id)
);
CREATE INDEX memberships_organization ON memberships (organization_id);
CREATE INDEX memberships_rule ON memberships (rule_id) WHERE rule_id IS NOT NULL;

CREATE TABLE user_sessions (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid           BYTEA   NOT NULL UNIQUE,
    user_id        BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_hash    BYTEA   NOT NULL UNIQUE,
    client_address TEXT,
    user_agent     TEXT,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    last_used_at   BIGINT
);
CREATE INDEX user_sessions_user ON user_sessions (user_id);
CREATE INDEX user_sessions_end ON user_sessions (expires_at);

-- Answers of the provider that were used: each signs in once.
CREATE TABLE used_sign_ins (
    state_hash BYTEA   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

-- Tokens without a user belong to CI.
ALTER TABLE tokens ADD COLUMN user_id BIGINT REFERENCES users (id) ON DELETE CASCADE;
CREATE INDEX tokens_user ON tokens (user_id) WHERE user_id IS NOT NULL;
