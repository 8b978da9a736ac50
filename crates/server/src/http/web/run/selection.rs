//! What test selection did for a run: a sentence for each of its plans, with the decision.

use super::super::page::PageError;
use super::super::words;
use crate::App;
use crate::http::error::ApiError;
use crate::links::Links;
use test_engine_store::{Run, Suite};

/// Plans of a run that are shown; more of them are not read.
const MAX_PLANS: usize = 5;

pub(super) struct SelectionLine {
    pub(super) class: &'static str,
    pub(super) text: String,
    pub(super) address: String,
}

/// Empty if no plan asked for a selection.
pub(super) async fn of_run(
    app: &App,
    suite: &Suite,
    run: &Run,
) -> Result<Vec<SelectionLine>, PageError> {
    let decisions = app.selections.of_run(suite, &run.key).await;
    let decisions = decisions.map_err(ApiError::from)?;
    let base = Links::suite_path(suite);
    let line = |decision: &test_engine_wire::SelectionDecision| SelectionLine {
        class: words::selection_class(decision.selection.verdict),
        text: words::selection_of_plan(&decision.selection),
        address: super::super::selection::decision_address(&base, &decision.identifier),
    };
    Ok(decisions.iter().take(MAX_PLANS).map(line).collect())
}
