//! Splits the formats whose results are in bundles that must stay whole: Cucumber's features and
//! Playwright's files.
//!
//! The meaning of a feature or file depends on all of it (a background, the title of a group), so a
//! part is a sequence of whole ones. A bundle with too many results is left to the server.

use std::ops::Range;

use test_engine_results::{Detail, Format, parse_limited};

use super::array;
use super::json_text::{items, members, only, range_in};
use super::piece::{Edit, Part, Piece};

/// Each part is an array of features.
pub(super) fn split_cucumber(text: &str, max: usize) -> Option<Vec<Part>> {
    let sequences = sequences(text, text, max, |feature| {
        count(Format::CucumberJson, &format!("[{feature}]"))
    })?;
    let part = |range| Part::of([Piece::text("["), Piece::File(range), Piece::text("]")]);
    Some(sequences.into_iter().map(part).collect())
}

/// Each part is the report with some of its files. Only the first part keeps the errors outside
/// tests.
pub(super) fn split_playwright(text: &str, max: usize) -> Option<Vec<Part>> {
    let report = members(text)?;
    let suites = only(&report, "suites")?.value;
    let errors = report.iter().filter(|member| member.key == "errors");
    let no_errors: Vec<Edit> = errors
        .map(|member| Edit::replace_with_text(range_in(text, member.value), "[]"))
        .collect();
    let sequences = sequences(text, suites, max, |suite| {
        count(Format::PlaywrightJson, &format!("{{\"suites\":[{suite}]}}"))
    })?;
    Some(array::parts(text, suites, sequences, &no_errors))
}

/// The positions of adjacent items of `array`, a slice of `text`, with at most `max` results
/// together; `None` if that is impossible or one sequence is enough.
fn sequences(
    text: &str,
    array: &str,
    max: usize,
    count: impl Fn(&str) -> Option<usize>,
) -> Option<Vec<Range<usize>>> {
    let mut sequences: Vec<Range<usize>> = Vec::new();
    let mut total = 0;
    for item in items(array)? {
        let results = count(item)?;
        if results > max {
            return None;
        }
        let range = range_in(text, item);
        match sequences.last_mut() {
            Some(sequence) if total + results <= max => {
                sequence.end = range.end;
                total += results;
            }
            _ => {
                sequences.push(range);
                total = results;
            }
        }
    }
    (sequences.len() > 1).then_some(sequences)
}

/// Counts like the server: every attempt, and invalid results too.
fn count(format: Format, document: &str) -> Option<usize> {
    let report = parse_limited(format, document.as_bytes(), Detail::Full, 0).ok()?;
    Some(report.omitted)
}
