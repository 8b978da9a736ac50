-- The microseconds that a plan added for loading a file whose examples run on a node. NULL for
-- plans of earlier versions.
ALTER TABLE plans ADD COLUMN file_load BIGINT;
