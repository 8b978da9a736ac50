-- What the tests of a suite came to on a day, block by block: many tests in one value. What is in
-- test_days is moved here when the database is opened; see day_sums/moving.rs. A block has no more
-- than 128 tests, those whose ids have the same quotient by 128. Branch 0: the run named none.
CREATE TABLE day_blocks (
    suite_id  BIGINT NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
    day       BIGINT NOT NULL,
    block     BIGINT NOT NULL,
    branch_id BIGINT NOT NULL,
    tests     BIGINT NOT NULL,
    body      BYTEA  NOT NULL,
    PRIMARY KEY (suite_id, day, block, branch_id)
);
