//! Jest's report, and Vitest's: parts have whole test files; a file with too many tests is cut.
//!
//! The results crate says how many results an entry holds and whether it failed, so that its rules
//! stand in one place. What the report says of the run as a whole is made to fit each part: a part
//! whose tests all passed must not tell of failed suites, or it would read as an error outside
//! tests. An error that only the whole report tells (a hook that failed, say) is the last part's.

use test_engine_results::{Detail, Format, Outcome, TestResult, parse, parse_with};

use super::array::inside;
use super::json_text::{Member, items, members, only, place_in};
use super::piece::{Edit, Part, Piece, edited};

/// An entry of `testResults`, or a piece of one.
struct Unit {
    pieces: Vec<Piece>,
    results: usize,
    failed: bool,
    has_error: bool,
}

pub(super) fn cut(text: &str, most: usize) -> Option<Vec<Part>> {
    let report = members(text)?;
    let entries = only(&report, "testResults")?.value;
    let mut units = Vec::new();
    for entry in items(entries)? {
        let read = read(&format!(r#"{{"testResults":[{entry}]}}"#))?;
        if read.results <= most {
            units.push(Unit {
                pieces: vec![Piece::File(place_in(text, entry))],
                results: read.results,
                failed: read.failed,
                has_error: read.has_error,
            });
        } else {
            units.extend(cut_entry(text, entry, read.has_error, most)?);
        }
    }
    let groups = groups(units, most);
    if groups.len() < 2 {
        return None;
    }
    let keeps_verdict = error_of_the_whole(text, &report, &groups)?.then_some(groups.len() - 1);
    let inner = inside(&place_in(text, entries));
    let part = |(number, units): (usize, Vec<Unit>)| {
        let mut edits = Vec::new();
        if keeps_verdict != Some(number) {
            let failed = units.iter().filter(|unit| unit.failed || unit.has_error);
            let failed = failed.count();
            for member in &report {
                let verdict = match member.key.as_str() {
                    "success" => (failed == 0).to_string(),
                    "numFailedTestSuites" => failed.to_string(),
                    _ => continue,
                };
                edits.push(Edit {
                    range: place_in(text, member.value),
                    with: vec![Piece::text(verdict)],
                });
            }
        }
        edits.push(Edit {
            range: inner.clone(),
            with: listed(units.into_iter().map(|unit| unit.pieces)),
        });
        edits.sort_by_key(|edit| edit.range.start);
        Part::of(edited(0..text.len(), edits))
    };
    Some(groups.into_iter().enumerate().map(part).collect())
}

/// A test file with too many tests, as several entries of the same file.
///
/// `fails_outside` its tests: none of them explains its failure.
fn cut_entry(text: &str, entry: &str, fails_outside: bool, most: usize) -> Option<Vec<Unit>> {
    let entry_members = members(entry)?;
    let assertions = only(&entry_members, "assertionResults")?.value;
    let inner = inside(&place_in(text, assertions));
    let status = only(&entry_members, "status").filter(|status| is_failed(status));
    let mut chunks: Vec<Chunk<'_>> = Vec::new();
    for assertion in items(assertions)? {
        // In a file called failed, only a failed test leaves nothing to complain about.
        let read = read(&format!(
            r#"{{"testResults":[{{"status":"failed","assertionResults":[{assertion}]}}]}}"#
        ))?;
        let fits = |chunk: &Chunk<'_>| chunk.results + read.results <= most;
        if !chunks.last().is_some_and(fits) {
            chunks.push(Chunk::default());
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.assertions.push(assertion);
            chunk.results += read.results;
            chunk.failed |= read.failed;
            chunk.explains_failure |= !read.has_error;
        }
    }
    let unit = |(number, chunk): (usize, Chunk<'_>)| {
        let first = place_in(text, chunk.assertions.first()?);
        let last = place_in(text, chunk.assertions.last()?);
        let mut edits = vec![Edit {
            range: inner.clone(),
            with: vec![Piece::File(first.start..last.end)],
        }];
        let has_error = fails_outside && number == 0;
        if let Some(status) = status
            && !has_error
            && !chunk.explains_failure
        {
            edits.push(Edit {
                range: place_in(text, status.value),
                with: vec![Piece::text(r#""passed""#)],
            });
        }
        edits.sort_by_key(|edit| edit.range.start);
        Some(Unit {
            pieces: edited(place_in(text, entry), edits),
            results: chunk.results,
            failed: chunk.failed,
            has_error,
        })
    };
    chunks.into_iter().enumerate().map(unit).collect()
}

/// Neighbouring tests of one file.
#[derive(Default)]
struct Chunk<'a> {
    assertions: Vec<&'a str>,
    results: usize,
    failed: bool,
    explains_failure: bool,
}

/// Neighbouring units, as many together as fit.
fn groups(units: Vec<Unit>, most: usize) -> Vec<Vec<Unit>> {
    let mut groups: Vec<Vec<Unit>> = Vec::new();
    let mut held = 0;
    for unit in units {
        match groups.last_mut() {
            Some(group) if held + unit.results <= most => {
                held += unit.results;
                group.push(unit);
            }
            _ => {
                held = unit.results;
                groups.push(vec![unit]);
            }
        }
    }
    groups
}

/// Whether the report as a whole tells an error that none of its entries has.
fn error_of_the_whole(text: &str, report: &[Member<'_>], groups: &[Vec<Unit>]) -> Option<bool> {
    let says_something = report.iter().any(|member| match member.key.as_str() {
        "success" => member.value == "false",
        "numFailedTestSuites" => member.value != "0",
        _ => false,
    });
    let entry_has_error = groups.iter().flatten().any(|unit| unit.has_error);
    if !says_something || entry_has_error {
        return Some(false);
    }
    let whole = parse(Format::JestJson, text.as_bytes()).ok()?;
    Some(!whole.errors_outside_tests.is_empty())
}

/// What the results crate says of a report with one entry.
struct Read {
    /// Bad ones and single attempts included.
    results: usize,
    /// A test failed, not just an attempt of one that passed in the end.
    failed: bool,
    has_error: bool,
}

fn read(report: &str) -> Option<Read> {
    let bytes = report.as_bytes();
    let full = parse(Format::JestJson, bytes).ok()?;
    let is_failed = |result: &TestResult<'_>| result.outcome == Outcome::Failed;
    let failed = full.results.iter().any(is_failed)
        && parse_with(Format::JestJson, bytes, Detail::Outcomes)
            .ok()?
            .results
            .iter()
            .any(is_failed);
    Some(Read {
        results: full.results.len() + full.bad.len(),
        failed,
        has_error: !full.errors_outside_tests.is_empty(),
    })
}

fn is_failed(status: &Member<'_>) -> bool {
    serde_json::from_str::<String>(status.value).is_ok_and(|status| status == "failed")
}

/// With commas between them.
fn listed(units: impl Iterator<Item = Vec<Piece>>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (number, unit) in units.enumerate() {
        if number > 0 {
            pieces.push(Piece::text(","));
        }
        pieces.extend(unit);
    }
    pieces
}
