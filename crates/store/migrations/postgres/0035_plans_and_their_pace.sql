-- The nodes that a plan request asked for: a fixed number, or at most so many, and the microseconds
-- that each should take. NULL for plans of earlier versions.
ALTER TABLE plans ADD COLUMN parallelism BIGINT;
ALTER TABLE plans ADD COLUMN max_parallelism BIGINT;
ALTER TABLE plans ADD COLUMN target_time BIGINT;

-- The node that took longest, once all nodes have ended; times in microseconds.
ALTER TABLE accountings ADD COLUMN pace_node BIGINT;
ALTER TABLE accountings ADD COLUMN pace_time BIGINT;
ALTER TABLE accountings ADD COLUMN pace_planned BIGINT;
ALTER TABLE accountings ADD COLUMN fastest_time BIGINT;

-- Plans whose nodes have ended get it with a new summary.
UPDATE accountings SET changes = changes + 1 WHERE summarized > 0 AND pending_nodes = 0;
