//! The decisions of a run, for its page.

use test_engine_store::Suite;
use test_engine_wire::SelectionDecision;

use super::report::decision;
use super::{SelectionError, Selections};

impl Selections {
    /// The decisions on the plans that a run executed, newest first, without changes and items.
    pub(crate) async fn of_run(
        &self,
        suite: &Suite,
        run_key: &str,
    ) -> Result<Vec<SelectionDecision>, SelectionError> {
        let stored = self
            .store
            .selection_decisions_of_run(suite.id, run_key)
            .await?;
        let of_page = |one: &test_engine_store::StoredDecision| {
            decision(one, self.links.selection_decision(suite, &one.identifier))
        };
        Ok(stored.iter().map(of_page).collect())
    }
}
