-- The page Selection lists when selection was switched off and on, among many other events.
CREATE INDEX events_selection ON events (suite_id, id)
    WHERE kind IN ('selection.off', 'selection.on');
-- The page of a test looks up how builds ended in which it was left out.
CREATE INDEX selection_holdouts_plan ON selection_holdouts (suite_id, identifier);
