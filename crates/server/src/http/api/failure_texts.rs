//! The texts of failures in responses, cut so that the response stays small.

use serde::Serialize;
use test_engine_results::FailureDetail;
use utoipa::ToSchema;

use crate::http::text_budget::{json_size, start_of};

#[derive(Default, Serialize, ToSchema)]
pub(super) struct Expanded {
    expanded: Vec<String>,
    backtrace: Vec<String>,
}

/// What `left` bytes of the response have room for.
pub(super) fn within(details: Vec<FailureDetail>, left: &mut usize) -> Vec<Expanded> {
    let mut cut_lines = |lines: Vec<String>| {
        let mut kept = Vec::new();
        for mut line in lines {
            if *left == 0 {
                break;
            }
            cut(&mut line, left);
            kept.push(line);
        }
        kept
    };
    let details = details.into_iter().map(|detail| Expanded {
        expanded: cut_lines(detail.expanded),
        backtrace: cut_lines(detail.backtrace),
    });
    details
        .filter(|detail| !(detail.expanded.is_empty() && detail.backtrace.is_empty()))
        .collect()
}

/// Cuts a text that `left` has no room for, and says so in it; nothing is left then.
pub(super) fn cut(text: &mut String, left: &mut usize) {
    let size = json_size(text);
    if size <= *left {
        *left -= size;
        return;
    }
    let end = start_of(text, *left, json_size).len();
    text.truncate(end);
    text.push_str("… cut here: request fewer executions with a smaller per_page for more");
    *left = 0;
}
