-- What several servers on one database agree on: who does a job, and how often an organization
-- has asked.

CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
);

-- Only the present counts: what a crash takes with it counts again from nothing.
CREATE TABLE request_counts (
    organization_id INTEGER NOT NULL,
    bucket          INTEGER NOT NULL,
    began_at        INTEGER NOT NULL,
    used            INTEGER NOT NULL,
    PRIMARY KEY (organization_id, bucket)
) WITHOUT ROWID;
