-- When a muted test has proven to be fixed, and which outages count all the same.

-- Passes in a row since the mute began or the test last failed, and how many prove that it is fixed.
ALTER TABLE quarantines ADD COLUMN clean_passes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quarantines ADD COLUMN passes_needed INTEGER NOT NULL DEFAULT 299;
CREATE INDEX quarantines_proven ON quarantines (test_id)
    WHERE release_proposed_at IS NULL AND clean_passes >= passes_needed;

-- Somebody has the executions of the run counted, whatever `guarded` says of it or of its uploads.
ALTER TABLE runs ADD COLUMN counted BOOLEAN NOT NULL DEFAULT FALSE;

-- Which uploads overlap with one of another run.
CREATE INDEX uploads_received ON uploads (suite_id, received_at, run_id);
