-- All tests of a suite in the order they lie in, for searches that look at each.
CREATE INDEX tests_suite ON tests (suite_id, id);
