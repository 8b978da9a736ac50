//! The report at the end of a run. Pure.
//!
//! Pipelines look for its headings and its status line.

use std::fmt::Write as _;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use test_engine_results::Outcome;
use test_engine_wire::{Statistics, TestIdentity};

use crate::attempts::{IncompleteTarget, NoResults, RunOutcome, RunStatus, TestRecord};
use crate::headline::headline;
use crate::runners::coverage_limit::COVERAGE_LIMIT;

const TRUST_OPTION: &str = "--trust-exit-code";
const ALLOW_OPTION: &str = "--allow-missing-results";

/// Targets without results that are listed; the events have all of them.
const MAX_TARGETS: usize = 100;

#[derive(Clone, Copy, Debug)]
pub struct ReportContext<'a> {
    pub runner: &'a str,
    pub skipped_by_engine: &'a [TestIdentity],
    /// Why this node had no plan; the warning at the start is far away by now.
    pub no_plan: Option<&'a str>,
    /// A coverage limit that may explain an exit code, and what to do about it.
    pub coverage_limit: Option<&'a str>,
}

/// The report. If no test is known to have run, it is only the list of targets without results and
/// why there was no plan, or `None` if there is neither.
pub fn report(outcome: &RunOutcome, context: &ReportContext<'_>) -> Option<String> {
    let mut text = String::new();
    if let Some(status) = status_line(outcome) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "+++ ========== Buildkite Test Engine Report  ==========\n{status}"
        );
        if let Some(remark) = remark(outcome, context) {
            let _ = writeln!(text, "{remark}");
        }
        let _ = writeln!(text, "\n{}", table(&outcome.statistics()));
        list_tests(&mut text, outcome, context);
    }
    list(
        &mut text,
        "Not proven that all tests of these targets ran",
        shortened(outcome.incomplete.iter().map(ToString::to_string)),
    );
    list(
        &mut text,
        "Muted tests with the same name in different files, so none of them is muted",
        outcome.ambiguous_mutes.clone(),
    );
    list(
        &mut text,
        "No results for these files (all tests skipped or deselected, or they did not run)",
        targets_without_results(outcome),
    );
    if let Some(why) = context.no_plan {
        let _ = write!(text, "\n⚠️ There was no test plan: {why}\n");
    }
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn list_tests(text: &mut String, outcome: &RunOutcome, context: &ReportContext<'_>) {
    let tests = |is_listed: fn(&TestRecord) -> bool, line: fn(&TestRecord) -> String| {
        let tests = outcome.tests.iter().filter(|test| is_listed(test));
        tests.map(line).collect::<Vec<_>>()
    };
    let runner = context.runner;
    list(
        text,
        "Muted Tests",
        tests(
            |test| test.muted && ran(test) && !test.ran_despite_skip(),
            line_with_outcome,
        ),
    );
    list(
        text,
        "Failed Tests",
        tests(|test| test.is_failed() && !test.muted, line_of),
    );
    list(
        text,
        &format!("Skipped by {runner}"),
        tests(
            |test| test.outcome == Outcome::Skipped,
            |test| {
                let reason = if test.is_undefined {
                    ": undefined, not run"
                } else {
                    ""
                };
                format!("{}{reason}", line_of(test))
            },
        ),
    );
    let skipped = context.skipped_by_engine.iter();
    list(
        text,
        "Skipped by Test Engine",
        skipped
            .filter(|test| !has_result(outcome, test))
            .map(|test| named(&test.scope, &test.name, &test.path))
            .collect(),
    );
    list(
        text,
        &format!("Skipped by Test Engine, but run by {runner}, so treated as muted"),
        tests(TestRecord::ran_despite_skip, line_with_outcome),
    );
}

fn targets_without_results(outcome: &RunOutcome) -> Vec<String> {
    shortened(outcome.targets_without_results.iter().cloned())
}

fn shortened(targets: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let more = targets.len().saturating_sub(MAX_TARGETS);
    let mut lines: Vec<String> = targets
        .take(MAX_TARGETS)
        .map(|target| named("", &target, ""))
        .collect();
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    lines
}

/// Whether this node has an outcome for a test that the plan skips.
fn has_result(outcome: &RunOutcome, skipped: &TestIdentity) -> bool {
    outcome.tests.iter().any(|test| {
        test.to_be_skipped && test.key.scope == skipped.scope && test.key.name == skipped.name
    })
}

fn status_line(outcome: &RunOutcome) -> Option<String> {
    Some(match outcome.status {
        RunStatus::Unknown => return None,
        RunStatus::Error | RunStatus::Incomplete | RunStatus::UnexplainedExit => {
            let first = outcome.reasons.first().map(|reason| headline(reason));
            let first = first.unwrap_or_default();
            let more = match outcome.reasons.len() {
                0 | 1 => String::new(),
                count => format!(" (and {} more)", count - 1),
            };
            format!("🚨 {first}{more}")
        }
        RunStatus::Failed => "❌ Some tests failed.".to_owned(),
        RunStatus::Passed if outcome.is_by_trust => format!(
            "✅ Build passed, because the runner exited with code 0 and {TRUST_OPTION} is set: {}.",
            match (outcome.failed().count(), outcome.reasons.first()) {
                (_, Some(error)) => headline(error),
                (1, None) => "1 test failed".to_owned(),
                (count, None) => format!("{count} tests failed"),
            }
        ),
        RunStatus::Passed if outcome.tests.iter().any(TestRecord::is_failed) => {
            "✅ Build passed. Some muted tests failed.".to_owned()
        }
        RunStatus::Passed => "✅ All tests passed.".to_owned(),
    })
}

/// More about the status, if anything.
fn remark(outcome: &RunOutcome, context: &ReportContext<'_>) -> Option<String> {
    if may_be_coverage(outcome)
        && let Some(limit) = context.coverage_limit
    {
        return Some(format!("hint: {limit}"));
    }
    if let Some(signal) = outcome
        .killed_by
        .filter(|_| outcome.status == RunStatus::Failed)
    {
        return Some(format!(
            "🚨 The runner was killed by signal {signal}, so some tests may not have run."
        ));
    }
    let is_unproven = |target: &IncompleteTarget| target.is_unproven;
    if outcome.status == RunStatus::Incomplete && outcome.incomplete.iter().any(is_unproven) {
        return Some(format!(
            "hint: call the runner itself in the test command, so that bktec can override its \
             fail-fast settings, or accept this with {ALLOW_OPTION}"
        ));
    }
    match (&outcome.no_results, outcome.status) {
        (None | Some(NoResults::NotConfigured), _) => None,
        (Some(why), RunStatus::Passed) => {
            Some(format!("⚠️ Results of other tests are missing: {why}"))
        }
        (Some(why), RunStatus::Incomplete) if why.is_unexpected() => Some(format!(
            "hint: {ALLOW_OPTION} accepts missing and incomplete results of a runner that exits \
             with code 0"
        )),
        _ => None,
    }
}

/// Whether a coverage limit may be why the run failed.
pub fn may_be_coverage(outcome: &RunOutcome) -> bool {
    match outcome.status {
        RunStatus::UnexplainedExit => true,
        RunStatus::Error => outcome
            .reasons
            .first()
            .is_some_and(|reason| reason.contains(COVERAGE_LIMIT)),
        _ => false,
    }
}

fn table(counts: &Statistics) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(["Result", "", "Tests"]);
    let rows = [
        ("Passed", "on first run", counts.passed_on_first_run),
        ("Passed", "on retry", counts.passed_on_retry),
        ("Muted", "passed", counts.muted_passed),
        ("Muted", "failed", counts.muted_failed),
        ("Failed", "", counts.failed),
        ("Skipped", "", counts.skipped),
        ("Total", "", counts.total),
    ];
    for (result, detail, count) in rows {
        table.add_row([result, detail, count.to_string().as_str()]);
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn list(text: &mut String, heading: &str, mut items: Vec<String>) {
    if items.is_empty() {
        return;
    }
    items.sort_unstable();
    let _ = write!(text, "\n+++ {heading}:\n");
    for item in items {
        let _ = writeln!(text, "- {item}");
    }
}

fn ran(test: &TestRecord) -> bool {
    matches!(test.outcome, Outcome::Passed | Outcome::Failed)
}

fn line_of(test: &TestRecord) -> String {
    let line = named(&test.key.scope, &test.key.name, &test.key.path);
    match test.unproven {
        Some(why) => format!("{line}: {}", why.text()),
        None => line,
    }
}

fn line_with_outcome(test: &TestRecord) -> String {
    format!("{} ({})", line_of(test), test.outcome.name())
}

/// Scope and name, then the path unless they contain it. One line, even if the name has several.
fn named(scope: &str, name: &str, path: &str) -> String {
    let mut line = format!("{} {}", scope.trim(), name).trim().to_owned();
    if !path.is_empty() && !line.contains(path) {
        let _ = write!(line, " [{path}]");
    }
    line.replace(['\n', '\r'], "⏎")
}

#[cfg(test)]
mod tests;
