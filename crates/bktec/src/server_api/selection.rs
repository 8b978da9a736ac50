//! The calls of `bktec explain`, which the hosted product does not have.

use std::fmt::Write as _;

use test_engine_wire::SelectionDecision;

use super::{ApiError, Client, percent_encoded, read_json};

/// Most items that one request can name, and most that a page can have.
const MAX_ITEMS: usize = 100;

impl Client<'_> {
    /// The decision about a plan, with a record of each named item; `None` if the plan was made
    /// without a selection, or does not exist.
    pub fn selection_of(
        &self,
        identifier: &str,
        items: &[String],
    ) -> Result<Option<SelectionDecision>, ApiError> {
        let mut whole: Option<SelectionDecision> = None;
        for part in items.chunks(MAX_ITEMS) {
            let mut query = String::new();
            for item in part {
                let _ = write!(query, "&item={}", percent_encoded(item, true));
            }
            let Some(found) = self.selection_page(identifier, &query)? else {
                return Ok(None);
            };
            match &mut whole {
                None => whole = Some(found),
                Some(whole) => {
                    whole.items.extend(found.items);
                    whole.unknown_items.extend(found.unknown_items);
                }
            }
        }
        Ok(whole)
    }

    /// The decision about a plan with all items that were left out, or would have been, by rank;
    /// `None` as above.
    pub fn left_out_of(&self, identifier: &str) -> Result<Option<SelectionDecision>, ApiError> {
        let mut whole: Option<SelectionDecision> = None;
        for page in 1.. {
            let query = format!("&left_out=true&page={page}&per_page={MAX_ITEMS}");
            let Some(found) = self.selection_page(identifier, &query)? else {
                return Ok(None);
            };
            let is_last = found.items.len() < MAX_ITEMS;
            match &mut whole {
                None => whole = Some(found),
                Some(whole) => whole.items.extend(found.items),
            }
            if is_last {
                break;
            }
        }
        Ok(whole)
    }

    /// The decision about a plan; `None` as above.
    pub fn decision_of(&self, identifier: &str) -> Result<Option<SelectionDecision>, ApiError> {
        self.selection_page(identifier, "&per_page=1")
    }

    fn selection_page(
        &self,
        identifier: &str,
        query: &str,
    ) -> Result<Option<SelectionDecision>, ApiError> {
        let url = format!(
            "{}/test_plan/selection?identifier={}{query}",
            self.suite_url,
            percent_encoded(identifier, true)
        );
        match self.get("fetch the selection of the plan", &url, read_json) {
            Err(error) if error.is_not_found() => Ok(None),
            other => other.map(Some),
        }
    }
}
