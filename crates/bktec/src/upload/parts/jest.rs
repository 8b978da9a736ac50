//! Splits Jest's and Vitest's reports between test files, and inside a file with too many tests.
//!
//! The results crate counts the results of an entry and decides whether it failed, so that its
//! rules exist once. The report's totals are adapted to each part: a part whose tests all passed
//! must not count failed suites, or that would be an error outside tests. The last part keeps an
//! error that only the totals show, such as a failed hook.

use test_engine_results::{Detail, Format, Outcome, TestResult, parse, parse_with};

use super::json_text::{Member, inside, items, members, only, range_in};
use super::piece::{Edit, Part, Piece, edited};

/// An entry of `testResults`, or one of the entries that it is split into.
struct Unit {
    pieces: Vec<Piece>,
    results: usize,
    failed: bool,
    has_error: bool,
}

pub(super) fn split(text: &str, max: usize) -> Option<Vec<Part>> {
    let report = members(text)?;
    let entries = only(&report, "testResults")?.value;
    let mut units = Vec::new();
    for entry in items(entries)? {
        let summary = summarize(&format!(r#"{{"testResults":[{entry}]}}"#))?;
        if summary.results <= max {
            units.push(Unit {
                pieces: vec![Piece::File(range_in(text, entry))],
                results: summary.results,
                failed: summary.failed,
                has_error: summary.has_error,
            });
        } else {
            units.extend(split_entry(text, entry, summary.has_error, max)?);
        }
    }
    let groups = groups(units, max);
    if groups.len() < 2 {
        return None;
    }
    let keeps_totals = only_totals_show_error(text, &report, &groups)?.then_some(groups.len() - 1);
    let inner = inside(text, entries);
    let part = |(number, units): (usize, Vec<Unit>)| {
        let mut edits = Vec::new();
        if keeps_totals != Some(number) {
            let failed = units.iter().filter(|unit| unit.failed || unit.has_error);
            let failed = failed.count();
            for member in &report {
                let value = match member.key.as_str() {
                    "success" => (failed == 0).to_string(),
                    "numFailedTestSuites" => failed.to_string(),
                    _ => continue,
                };
                edits.push(Edit::replace_with_text(range_in(text, member.value), value));
            }
        }
        let entries = joined(units.into_iter().map(|unit| unit.pieces));
        edits.push(Edit::replace(inner.clone(), entries));
        Part::of(edited(0..text.len(), edits))
    };
    Some(groups.into_iter().enumerate().map(part).collect())
}

/// Splits a test file with too many tests into several entries.
///
/// `has_error` if no failed test explains the failure of the file.
fn split_entry(text: &str, entry: &str, has_error: bool, max: usize) -> Option<Vec<Unit>> {
    let entry_members = members(entry)?;
    let assertions = only(&entry_members, "assertionResults")?.value;
    let inner = inside(text, assertions);
    let status = only(&entry_members, "status").filter(|status| is_failed(status));
    let mut chunks: Vec<Chunk<'_>> = Vec::new();
    for assertion in items(assertions)? {
        // A failed file without a failed test counts as an error.
        let summary = summarize(&format!(
            r#"{{"testResults":[{{"status":"failed","assertionResults":[{assertion}]}}]}}"#
        ))?;
        let fits = |chunk: &Chunk<'_>| chunk.results + summary.results <= max;
        if !chunks.last().is_some_and(fits) {
            chunks.push(Chunk::default());
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.assertions.push(assertion);
            chunk.results += summary.results;
            chunk.failed |= summary.failed;
            chunk.explains_failure |= !summary.has_error;
        }
    }
    let unit = |(number, chunk): (usize, Chunk<'_>)| {
        let first = range_in(text, chunk.assertions.first()?);
        let last = range_in(text, chunk.assertions.last()?);
        let assertions = vec![Piece::File(first.start..last.end)];
        let mut edits = vec![Edit::replace(inner.clone(), assertions)];
        let has_error = has_error && number == 0;
        if let Some(status) = status
            && !has_error
            && !chunk.explains_failure
        {
            let status = range_in(text, status.value);
            edits.push(Edit::replace_with_text(status, r#""passed""#));
        }
        Some(Unit {
            pieces: edited(range_in(text, entry), edits),
            results: chunk.results,
            failed: chunk.failed,
            has_error,
        })
    };
    chunks.into_iter().enumerate().map(unit).collect()
}

/// Adjacent tests of one file.
#[derive(Default)]
struct Chunk<'a> {
    assertions: Vec<&'a str>,
    results: usize,
    failed: bool,
    explains_failure: bool,
}

/// Adjacent units, as many per group as fit.
fn groups(units: Vec<Unit>, max: usize) -> Vec<Vec<Unit>> {
    let mut groups: Vec<Vec<Unit>> = Vec::new();
    let mut total = 0;
    for unit in units {
        match groups.last_mut() {
            Some(group) if total + unit.results <= max => {
                total += unit.results;
                group.push(unit);
            }
            _ => {
                total = unit.results;
                groups.push(vec![unit]);
            }
        }
    }
    groups
}

/// Whether the totals of the report show an error that none of its entries has.
fn only_totals_show_error(text: &str, report: &[Member<'_>], groups: &[Vec<Unit>]) -> Option<bool> {
    let totals_show_failure = report.iter().any(|member| match member.key.as_str() {
        "success" => member.value == "false",
        "numFailedTestSuites" => member.value != "0",
        _ => false,
    });
    let entry_has_error = groups.iter().flatten().any(|unit| unit.has_error);
    if !totals_show_failure || entry_has_error {
        return Some(false);
    }
    let whole = parse(Format::JestJson, text.as_bytes()).ok()?;
    Some(!whole.errors_outside_tests.is_empty())
}

/// The properties of a report with one entry.
struct Summary {
    /// Including invalid ones and every attempt.
    results: usize,
    /// A test failed in its last attempt.
    failed: bool,
    has_error: bool,
}

fn summarize(report: &str) -> Option<Summary> {
    let bytes = report.as_bytes();
    let full = parse(Format::JestJson, bytes).ok()?;
    let is_failed = |result: &TestResult<'_>| result.outcome == Outcome::Failed;
    let failed = full.results.iter().any(is_failed)
        && parse_with(Format::JestJson, bytes, Detail::Outcomes)
            .ok()?
            .results
            .iter()
            .any(is_failed);
    Some(Summary {
        results: full.results.len() + full.invalid.len(),
        failed,
        has_error: !full.errors_outside_tests.is_empty(),
    })
}

fn is_failed(status: &Member<'_>) -> bool {
    serde_json::from_str::<String>(status.value).is_ok_and(|status| status == "failed")
}

/// Separated by commas.
fn joined(units: impl Iterator<Item = Vec<Piece>>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (number, unit) in units.enumerate() {
        if number > 0 {
            pieces.push(Piece::text(","));
        }
        pieces.extend(unit);
    }
    pieces
}
