//! The formats whose results stand in bundles that must stay whole: Cucumber's features and
//! Playwright's files.
//!
//! What a feature or file says depends on all of it (a background, a group's title), so a part is a
//! run of whole ones. A bundle with too many results of its own is left to the server.

use std::ops::Range;

use test_engine_results::{Detail, Format, parse_at_most};

use super::array::inside;
use super::json_text::{items, members, only, place_in};
use super::piece::{Edit, Part, Piece, edited};

/// Cucumber: each part is an array of features.
pub(super) fn cut_cucumber(text: &str, most: usize) -> Option<Vec<Part>> {
    let runs = runs(text, text, most, |feature| {
        count(Format::CucumberJson, &format!("[{feature}]"))
    })?;
    let part = |run| Part::of([Piece::text("["), Piece::File(run), Piece::text("]")]);
    Some(runs.into_iter().map(part).collect())
}

/// Playwright: each part is the report with some of its files. Errors outside tests are the first
/// part's alone.
pub(super) fn cut_playwright(text: &str, most: usize) -> Option<Vec<Part>> {
    let report = members(text)?;
    let suites = only(&report, "suites")?.value;
    let inner = inside(&place_in(text, suites));
    let runs = runs(text, suites, most, |suite| {
        count(Format::PlaywrightJson, &format!("{{\"suites\":[{suite}]}}"))
    })?;
    let no_errors = || {
        let errors = report.iter().filter(|member| member.key == "errors");
        errors.map(|member| Edit {
            range: place_in(text, member.value),
            with: vec![Piece::text("[]")],
        })
    };
    let part = |(number, run)| {
        let mut edits: Vec<Edit> = if number == 0 {
            Vec::new()
        } else {
            no_errors().collect()
        };
        edits.push(Edit {
            range: inner.clone(),
            with: vec![Piece::File(run)],
        });
        edits.sort_by_key(|edit| edit.range.start);
        Part::of(edited(0..text.len(), edits))
    };
    Some(runs.into_iter().enumerate().map(part).collect())
}

/// Where neighbouring items of `array`, a slice of `text`, stand that have at most `most` results
/// together; `None` when that is not possible, or no cut is needed.
fn runs(
    text: &str,
    array: &str,
    most: usize,
    count: impl Fn(&str) -> Option<usize>,
) -> Option<Vec<Range<usize>>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut held = 0;
    for item in items(array)? {
        let results = count(item)?;
        if results > most {
            return None;
        }
        let place = place_in(text, item);
        match runs.last_mut() {
            Some(run) if held + results <= most => {
                run.end = place.end;
                held += results;
            }
            _ => {
                runs.push(place);
                held = results;
            }
        }
    }
    (runs.len() > 1).then_some(runs)
}

/// As the server counts: bad ones included, every attempt one.
fn count(format: Format, document: &str) -> Option<usize> {
    let report = parse_at_most(format, document.as_bytes(), Detail::Full, 0).ok()?;
    Some(report.left_out)
}
