//! The report at the end of a run. Pure.
//!
//! Pipelines look for its headings and its status line.

use std::fmt::Write as _;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use test_engine_results::Outcome;
use test_engine_wire::{Statistics, TestIdentity};

use crate::attempts::{NoResults, RunOutcome, RunStatus, TestRecord};

/// Targets without results that are listed; the events have all of them.
const MAX_TARGETS: usize = 100;

#[derive(Clone, Copy, Debug)]
pub struct ReportContext<'a> {
    pub runner: &'a str,
    pub skipped_by_engine: &'a [TestIdentity],
}

/// The report. If no test is known to have run, it is only the list of targets without results, or
/// `None` if there are none either.
pub fn report(outcome: &RunOutcome, context: &ReportContext<'_>) -> Option<String> {
    let mut text = String::new();
    if let Some(status) = status_line(outcome) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "+++ ========== Buildkite Test Engine Report  ==========\n{status}"
        );
        if let Some(remark) = remark(outcome) {
            let _ = writeln!(text, "{remark}");
        }
        let _ = writeln!(text, "\n{}", table(&outcome.statistics()));
        list_tests(&mut text, outcome, context);
    }
    list(
        &mut text,
        "No results for these files (all tests skipped or deselected, or they did not run)",
        targets_without_results(outcome),
    );
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
        tests(|test| test.outcome == Outcome::Skipped, line_of),
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
    let targets = &outcome.targets_without_results;
    let mut lines: Vec<String> = targets
        .iter()
        .take(MAX_TARGETS)
        .map(|target| named("", target, ""))
        .collect();
    let more = targets.len() - lines.len();
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
    Some(match outcome.status() {
        RunStatus::Unknown => return None,
        RunStatus::Error => {
            let errors = &outcome.errors_outside_tests;
            let first = errors.first().map_or("", |error| error.trim());
            let more = match errors.len() {
                0 | 1 => String::new(),
                count => format!(" (and {} more)", count - 1),
            };
            format!("🚨 {first}{more}")
        }
        RunStatus::Failed => "❌ Some tests failed.".to_owned(),
        RunStatus::Passed if outcome.tests.iter().any(TestRecord::is_failed) => {
            "✅ Build passed. Some muted tests failed.".to_owned()
        }
        RunStatus::Passed => "✅ All tests passed.".to_owned(),
    })
}

/// Why the status of the tests is not the status of the run.
fn remark(outcome: &RunOutcome) -> Option<String> {
    let passed = outcome.status() == RunStatus::Passed;
    if let Some(signal) = outcome.killed_by {
        return Some(format!(
            "🚨 The runner was killed by signal {signal}, so some tests may not have run."
        ));
    }
    match &outcome.no_results {
        None | Some(NoResults::NotConfigured) => {}
        Some(why) if passed => {
            return Some(format!("⚠️ Results of other tests are missing: {why}"));
        }
        Some(_) => {}
    }
    (passed && outcome.exit_code != 0).then(|| {
        format!(
            "🚨 The runner nevertheless exited with code {}; see its output.",
            outcome.exit_code
        )
    })
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
mod tests {
    use super::*;
    use crate::attempts::UnprovenRetry;
    use crate::runners::testing::{identity, key};

    fn test(name: &str, muted: bool, outcomes: &[Outcome]) -> TestRecord {
        TestRecord {
            key: key("Group", name, "a.rb[1:1]"),
            muted,
            to_be_skipped: false,
            outcomes: outcomes.to_vec(),
            outcome: *outcomes.last().unwrap(),
            unproven: None,
        }
    }

    fn outcome(tests: Vec<TestRecord>) -> RunOutcome {
        RunOutcome {
            exit_code: 0,
            killed_by: None,
            tests,
            errors_outside_tests: Vec::new(),
            no_results: None,
            targets_without_results: Vec::new(),
            targets: Vec::new(),
            has_focus: false,
            retries: 0,
        }
    }

    const CONTEXT: ReportContext<'_> = ReportContext {
        runner: "rspec",
        skipped_by_engine: &[],
    };

    #[test]
    fn lists_every_kind_of_test() {
        use Outcome::{Failed, Passed, Skipped};
        let mut vanished = test("vanished", false, &[Failed]);
        vanished.unproven = Some(UnprovenRetry::NotListed);
        let outcome = outcome(vec![
            test("b fails", false, &[Failed, Failed]),
            test("a fails", false, &[Failed]),
            vanished,
            test("flaky", false, &[Failed, Passed]),
            test("fine", false, &[Passed]),
            test("muted", true, &[Failed]),
            test("muted too", true, &[Passed]),
            test("line\nbreak", false, &[Skipped]),
        ]);
        let context = ReportContext {
            runner: "rspec",
            skipped_by_engine: &[identity("S", "left out", "s.rb:3")],
        };
        insta::assert_snapshot!(report(&outcome, &context).unwrap(), @"
        +++ ========== Buildkite Test Engine Report  ==========
        ❌ Some tests failed.

        | Result  |              | Tests |
        |---------|--------------|-------|
        | Passed  | on first run |     1 |
        | Passed  | on retry     |     1 |
        | Muted   | passed       |     1 |
        | Muted   | failed       |     1 |
        | Failed  |              |     3 |
        | Skipped |              |     1 |
        | Total   |              |     8 |

        +++ Muted Tests:
        - Group muted [a.rb[1:1]] (failed)
        - Group muted too [a.rb[1:1]] (passed)

        +++ Failed Tests:
        - Group a fails [a.rb[1:1]]
        - Group b fails [a.rb[1:1]]
        - Group vanished [a.rb[1:1]]: the retry's results do not list it

        +++ Skipped by rspec:
        - Group line⏎break [a.rb[1:1]]

        +++ Skipped by Test Engine:
        - S left out [s.rb:3]
        ");
    }

    #[test]
    fn lists_skipped_tests_by_what_skipped_them() {
        let to_be_skipped = |name: &str, outcomes: &[Outcome]| {
            let mut test = test(name, true, outcomes);
            test.to_be_skipped = true;
            test
        };
        let outcome = outcome(vec![
            to_be_skipped("ran", &[Outcome::Failed]),
            to_be_skipped("left out by the runner", &[Outcome::Skipped]),
            test("muted", true, &[Outcome::Passed]),
        ]);
        let skipped = ["ran", "left out by the runner", "left out"];
        let skipped = skipped.map(|name| identity("Group", name, ""));
        let context = ReportContext {
            runner: "jest",
            skipped_by_engine: &skipped,
        };
        let text = report(&outcome, &context).unwrap();
        let lists = text.split_once("\n\n+++ ").unwrap().1;
        insta::assert_snapshot!(lists, @r"
        Muted Tests:
        - Group muted [a.rb[1:1]] (passed)

        +++ Skipped by jest:
        - Group left out by the runner [a.rb[1:1]]

        +++ Skipped by Test Engine:
        - Group left out

        +++ Skipped by Test Engine, but run by jest, so treated as muted:
        - Group ran [a.rb[1:1]] (failed)
        ");
    }

    #[test]
    fn lists_targets_without_results() {
        let mut outcome = outcome(vec![test("fine", false, &[Outcome::Passed])]);
        outcome.targets_without_results = (0..101).map(|index| format!("{index:03}.rb")).collect();
        let text = report(&outcome, &CONTEXT).unwrap();
        let heading = "\n+++ No results for these files (all tests skipped or deselected, or they \
                       did not run):\n";
        let (_, list) = text.split_once(heading).unwrap();
        assert!(list.starts_with("- 000.rb\n- 001.rb\n"), "{list}");
        assert!(list.ends_with("- 099.rb\n- … and 1 more"), "{list}");
    }

    #[test]
    fn a_passed_run_with_unreadable_results_has_a_remark() {
        let mut outcome = outcome(vec![test("fine", false, &[Outcome::Passed])]);
        outcome.no_results = Some(NoResults::NotAFile { path: "out".into() });
        let text = report(&outcome, &CONTEXT).unwrap();
        assert!(
            text.contains("⚠️ Results of other tests are missing: out is not a regular file"),
            "{text}"
        );
    }

    #[test]
    fn a_passed_run_has_no_lists() {
        let outcome = outcome(vec![test("fine", false, &[Outcome::Passed])]);
        insta::assert_snapshot!(report(&outcome, &CONTEXT).unwrap(), @"
        +++ ========== Buildkite Test Engine Report  ==========
        ✅ All tests passed.

        | Result  |              | Tests |
        |---------|--------------|-------|
        | Passed  | on first run |     1 |
        | Passed  | on retry     |     0 |
        | Muted   | passed       |     0 |
        | Muted   | failed       |     0 |
        | Failed  |              |     0 |
        | Skipped |              |     0 |
        | Total   |              |     1 |
        ");
    }

    #[test]
    fn status_lines() {
        use Outcome::{Failed, Passed};
        let first_lines = |outcome: &RunOutcome| {
            let text = report(outcome, &CONTEXT).unwrap();
            text.lines()
                .skip(1)
                .take_while(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join("\n")
        };
        let muted = outcome(vec![test("t", true, &[Failed])]);
        assert_eq!(
            first_lines(&muted),
            "✅ Build passed. Some muted tests failed."
        );
        let mut error = outcome(vec![test("t", false, &[Passed])]);
        error.errors_outside_tests = vec!["cannot load x\n".to_owned(), "y".to_owned()];
        assert_eq!(first_lines(&error), "🚨 cannot load x (and 1 more)");
        let mut odd = outcome(vec![test("t", false, &[Passed])]);
        odd.exit_code = 2;
        assert_eq!(
            first_lines(&odd),
            "✅ All tests passed.\n🚨 The runner nevertheless exited with code 2; see its output."
        );
    }

    #[test]
    fn without_tests_only_targets_without_results_are_listed() {
        let mut outcome = outcome(Vec::new());
        assert_eq!(report(&outcome, &CONTEXT), None);
        outcome.targets_without_results = vec!["a.rb".to_owned()];
        insta::assert_snapshot!(report(&outcome, &CONTEXT).unwrap(), @r"
        +++ No results for these files (all tests skipped or deselected, or they did not run):
        - a.rb
        ");
    }
}
