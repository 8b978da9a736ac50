-- What several servers on one database agree on: who does a job, and how often an organization
-- has asked.

CREATE TABLE leases (
    name       TEXT   NOT NULL PRIMARY KEY,
    holder     BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Only the present counts: what a crash takes with it counts again from nothing.
CREATE UNLOGGED TABLE request_counts (
    organization_id BIGINT NOT NULL,
    bucket          BIGINT NOT NULL,
    began_at        BIGINT NOT NULL,
    used            BIGINT NOT NULL,
    PRIMARY KEY (organization_id, bucket)
);
