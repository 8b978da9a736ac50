-- Each plan request with a selection reads how much was known of the files that changed lately. An
-- index with that number is read without the rows.
CREATE INDEX selection_decisions_known ON selection_decisions (suite_id, created_at, id, known);
DROP INDEX selection_decisions_newest;
