//! Splits the formats that are an array with one result per item: Test Engine JSON and RSpec's.

use std::ops::Range;

use super::json_text::{inside, items, members, only, range_in};
use super::piece::{Edit, Part, Piece, edited};

/// Each part of Test Engine JSON is an array.
pub(super) fn split_json(text: &str, max: usize) -> Option<Vec<Part>> {
    let part = |slice| Part::of([Piece::text("["), Piece::File(slice), Piece::text("]")]);
    let slices = slices(text, text, max)?;
    Some(slices.into_iter().map(part).collect())
}

/// Each part is the report with a slice of its examples. Only the first part keeps the count of
/// errors outside examples.
pub(super) fn split_rspec(text: &str, max: usize) -> Option<Vec<Part>> {
    let report = members(text)?;
    let examples = only(&report, "examples")?.value;
    let mut no_errors = Vec::new();
    for summary in report.iter().filter(|member| member.key == "summary") {
        for count in members(summary.value).unwrap_or_default() {
            if count.key == "errors_outside_of_examples_count" {
                no_errors.push(Edit::replace_with_text(range_in(text, count.value), "0"));
            }
        }
    }
    let slices = slices(text, examples, max)?;
    Some(parts(text, examples, slices, &no_errors))
}

/// One part per slice of `array`: the whole text with only that slice. All parts but the first have
/// the edits `later`.
pub(super) fn parts(
    text: &str,
    array: &str,
    slices: Vec<Range<usize>>,
    later: &[Edit],
) -> Vec<Part> {
    let part = |(number, slice)| {
        let mut edits = if number == 0 {
            Vec::new()
        } else {
            later.to_vec()
        };
        edits.push(Edit::replace(inside(text, array), vec![Piece::File(slice)]));
        Part::of(edited(0..text.len(), edits))
    };
    slices.into_iter().enumerate().map(part).collect()
}

/// The positions of each `max` items of `array`, a slice of `text`; `None` if there are no more.
fn slices(text: &str, array: &str, max: usize) -> Option<Vec<Range<usize>>> {
    let items = items(array)?;
    if items.len() <= max {
        return None;
    }
    let range = |chunk: &[&str]| {
        let first = range_in(text, chunk.first()?);
        let last = range_in(text, chunk.last()?);
        Some(first.start..last.end)
    };
    items.chunks(max).map(range).collect()
}
