-- Names for queries of the list of tests. columns: names, separated by commas; empty: the usual
-- ones. sort: the part of an address that sorts the list; empty: the usual order.
CREATE TABLE saved_views (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid       BYTEA   NOT NULL UNIQUE,
    suite_id   BIGINT  NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    query      TEXT    NOT NULL,
    columns    TEXT    NOT NULL,
    sort       TEXT    NOT NULL,
    is_default BOOLEAN NOT NULL,
    created_at BIGINT  NOT NULL,
    UNIQUE (suite_id, name)
);
CREATE UNIQUE INDEX saved_views_default ON saved_views (suite_id) WHERE is_default;
