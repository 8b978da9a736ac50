//! What test selection did with a test lately, on its page.

use test_engine_store::{Suite, Test, Timestamp};

use super::selection::DecisionQuery;
use super::{format, words};
use crate::App;
use crate::clock::rfc3339;
use crate::http::error::ApiError;
use crate::links::Links;

pub(super) struct SelectionFacts {
    pub(super) sentence: String,
    /// What the newest selection did with it.
    pub(super) newest: String,
    pub(super) address: String,
    pub(super) time: String,
    pub(super) ago: String,
}

/// `None` if no stored selection had the test.
pub(super) async fn of(
    app: &App,
    suite: &Suite,
    test: &Test,
    now: Timestamp,
) -> Result<Option<SelectionFacts>, ApiError> {
    let found = app.selections.of_test(suite, test).await?;
    let base = Links::suite_path(suite);
    Ok(found.map(|found| {
        let newest = &found.newest;
        SelectionFacts {
            sentence: words::selections_of_test(&found),
            newest: words::place_in_plan(newest),
            address: DecisionQuery::of_item(&newest.identifier, &newest.item).address(&base),
            time: rfc3339(newest.created_at),
            ago: format::ago(newest.created_at, now),
        }
    }))
}
