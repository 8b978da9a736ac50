//! The formats that are an array with one result an item: Test Engine JSON and RSpec's.

use std::ops::Range;

use super::json_text::{items, members, only, place_in};
use super::piece::{Edit, Part, Piece, edited};

/// Test Engine JSON: each part is an array.
pub(super) fn cut_json(text: &str, most: usize) -> Option<Vec<Part>> {
    let slices = slices(text, text, most)?;
    let part = |slice| Part::of([Piece::text("["), Piece::File(slice), Piece::text("]")]);
    Some(slices.into_iter().map(part).collect())
}

/// RSpec's report: each part is the report with a slice of its examples. Errors outside examples
/// are the first part's alone.
pub(super) fn cut_rspec(text: &str, most: usize) -> Option<Vec<Part>> {
    let report = members(text)?;
    let examples = only(&report, "examples")?.value;
    let inner = inside(&place_in(text, examples));
    let slices = slices(text, examples, most)?;
    let mut no_errors = Vec::new();
    for summary in report.iter().filter(|member| member.key == "summary") {
        let counts = members(summary.value).unwrap_or_default();
        let count = |key: &str| key == "errors_outside_of_examples_count";
        for member in counts.iter().filter(|member| count(&member.key)) {
            no_errors.push(Edit {
                range: place_in(text, member.value),
                with: vec![Piece::text("0")],
            });
        }
    }
    let part = |(number, slice)| {
        let mut edits = if number == 0 {
            Vec::new()
        } else {
            no_errors.clone()
        };
        edits.push(Edit {
            range: inner.clone(),
            with: vec![Piece::File(slice)],
        });
        edits.sort_by_key(|edit| edit.range.start);
        Part::of(edited(0..text.len(), edits))
    };
    Some(slices.into_iter().enumerate().map(part).collect())
}

/// What stands between the brackets.
pub(super) fn inside(array: &Range<usize>) -> Range<usize> {
    array.start + 1..array.end - 1
}

/// Where each `most` items of `array`, a slice of `text`, stand; `None` when there are no more.
fn slices(text: &str, array: &str, most: usize) -> Option<Vec<Range<usize>>> {
    let items = items(array)?;
    if items.len() <= most {
        return None;
    }
    let place = |chunk: &[&str]| {
        let first = place_in(text, chunk.first()?);
        let last = place_in(text, chunk.last()?);
        Some(first.start..last.end)
    };
    items.chunks(most).map(place).collect()
}
