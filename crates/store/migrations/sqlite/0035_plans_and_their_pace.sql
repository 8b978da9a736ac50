-- The nodes that a plan request asked for: a fixed number, or at most so many, and the microseconds
-- that each should take. NULL for plans of earlier versions.
ALTER TABLE plans ADD COLUMN parallelism INTEGER;
ALTER TABLE plans ADD COLUMN max_parallelism INTEGER;
ALTER TABLE plans ADD COLUMN target_time INTEGER;

-- The node that took longest, once all nodes have ended; times in microseconds.
ALTER TABLE accountings ADD COLUMN pace_node INTEGER;
ALTER TABLE accountings ADD COLUMN pace_time INTEGER;
ALTER TABLE accountings ADD COLUMN pace_planned INTEGER;
ALTER TABLE accountings ADD COLUMN fastest_time INTEGER;

-- Plans whose nodes have ended get it with a new summary.
UPDATE accountings SET changes = changes + 1 WHERE summarized > 0 AND pending_nodes = 0;
