//! The report at the end of a run. Pure.
//!
//! The headings and the status line are what pipelines look for; the rest is for people.

use std::fmt::Write as _;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use test_engine_results::Outcome;
use test_engine_wire::{Statistics, TestIdentity};

use crate::attempts::{RunOutcome, RunStatus, TestRecord, Unread};

/// Targets without results that are listed one by one; all of them are in the events.
const MOST_TARGETS: usize = 100;

/// What the report needs beside the outcome.
#[derive(Clone, Copy, Debug)]
pub struct ReportContext<'a> {
    /// The runner, for the heading of the tests that it left out.
    pub runner: &'a str,
    /// Tests that the plan left out.
    pub skipped_by_engine: &'a [TestIdentity],
}

/// The report; `None` when nothing is known of any test.
pub fn report(outcome: &RunOutcome, context: &ReportContext<'_>) -> Option<String> {
    let status = status_line(outcome)?;
    let mut text = String::from("+++ ========== Buildkite Test Engine Report  ==========\n");
    text.push_str(&status);
    text.push('\n');
    if let Some(remark) = remark(outcome) {
        text.push_str(&remark);
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&table(&outcome.statistics()));
    text.push('\n');

    let tests = |wanted: fn(&TestRecord) -> bool, line: fn(&TestRecord) -> String| {
        outcome
            .tests
            .iter()
            .filter(move |test| wanted(test))
            .map(line)
            .collect::<Vec<_>>()
    };
    let muted = tests(
        |test| test.muted && ran(test) && !test.was_not_skipped(),
        |test| format!("{} ({})", line_of(test), test.outcome.name()),
    );
    list(&mut text, "Muted Tests", muted);
    list(
        &mut text,
        "Failed Tests",
        tests(|test| test.is_failed() && !test.muted, line_of),
    );
    let skipped = tests(|test| test.outcome == Outcome::Skipped, line_of);
    list(
        &mut text,
        &format!("Skipped by {}", context.runner),
        skipped,
    );
    let left_out = context
        .skipped_by_engine
        .iter()
        .filter(|test| !has_result(outcome, test))
        .map(|test| named(&test.scope, &test.name, &test.path))
        .collect();
    list(&mut text, "Skipped by Test Engine", left_out);
    let skipped_tests_ran = tests(TestRecord::was_not_skipped, |test| {
        format!("{} ({})", line_of(test), test.outcome.name())
    });
    let heading = format!(
        "Skipped by Test Engine, but run by {}, so treated as muted",
        context.runner
    );
    list(&mut text, &heading, skipped_tests_ran);
    list(
        &mut text,
        "No results from these, so if they hold tests, the tests did not run",
        without_results(outcome),
    );
    Some(text.trim_end().to_owned())
}

fn without_results(outcome: &RunOutcome) -> Vec<String> {
    let targets = outcome.without_results.iter();
    let mut lines: Vec<String> = targets
        .take(MOST_TARGETS)
        .map(|target| named("", target, ""))
        .collect();
    let more = outcome.without_results.len() - lines.len();
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    lines
}

/// Whether this node knows how a test that was to be skipped ended.
fn has_result(outcome: &RunOutcome, skipped: &TestIdentity) -> bool {
    outcome.tests.iter().any(|test| {
        test.to_be_skipped && test.key.scope == skipped.scope && test.key.name == skipped.name
    })
}

fn status_line(outcome: &RunOutcome) -> Option<String> {
    Some(match outcome.status() {
        RunStatus::Unknown => return None,
        RunStatus::Error => {
            let first = outcome
                .errors_outside_tests
                .first()
                .map_or("", |error| error.trim());
            let more = match outcome.errors_outside_tests.len() {
                0 | 1 => String::new(),
                count => format!(" (and {} more)", count - 1),
            };
            format!("🚨 {first}{more}")
        }
        RunStatus::Failed => "❌ Some tests failed.".to_owned(),
        RunStatus::Passed => {
            let muted_failed = outcome.tests.iter().any(TestRecord::is_failed);
            if muted_failed {
                "✅ Build passed. Some muted tests failed.".to_owned()
            } else {
                "✅ All tests passed.".to_owned()
            }
        }
    })
}

/// Where the tests tell one story and the runner another.
fn remark(outcome: &RunOutcome) -> Option<String> {
    let passed = outcome.status() == RunStatus::Passed;
    if let Some(signal) = outcome.killed_by {
        return Some(format!(
            "🚨 The runner was killed by signal {signal}, so this is not the whole story."
        ));
    }
    let unread = outcome
        .unread
        .as_ref()
        .filter(|why| !matches!(why, Unread::NotWanted));
    if let Some(why) = unread.filter(|_| passed) {
        return Some(format!(
            "⚠️ There are more tests than these, with results that could not be read: {why}"
        ));
    }
    if passed && outcome.exit_code != 0 {
        return Some(format!(
            "🚨 The runner still ended with exit code {}; see its output.",
            outcome.exit_code
        ));
    }
    None
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
    for (result, how, count) in rows {
        table.add_row([result, how, count.to_string().as_str()]);
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
    // Writing to a string cannot fail.
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
    match test.doubt {
        Some(doubt) => format!("{line}: {}", doubt.text()),
        None => line,
    }
}

/// Scope and name, then the path where it says more. One line, whatever the name holds.
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
    use crate::runners::testing::key;

    fn test(name: &str, muted: bool, outcomes: &[Outcome]) -> TestRecord {
        TestRecord {
            key: key("Group", name, "a.rb[1:1]"),
            muted,
            to_be_skipped: false,
            outcomes: outcomes.to_vec(),
            outcome: *outcomes.last().unwrap(),
            doubt: None,
        }
    }

    fn outcome(tests: Vec<TestRecord>) -> RunOutcome {
        RunOutcome {
            exit_code: 0,
            killed_by: None,
            tests,
            errors_outside_tests: Vec::new(),
            unread: None,
            without_results: Vec::new(),
            retries: 0,
        }
    }

    const CONTEXT: ReportContext<'_> = ReportContext {
        runner: "rspec",
        skipped_by_engine: &[],
    };

    #[test]
    fn a_report_with_everything() {
        use Outcome::{Failed, Passed, Skipped};
        let mut vanished = test("vanished", false, &[Failed]);
        vanished.doubt = Some(UnprovenRetry::NotListed);
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
        let left_out = TestIdentity {
            scope: "S".into(),
            name: "left out".into(),
            path: "s.rb:3".into(),
        };
        let context = ReportContext {
            runner: "rspec",
            skipped_by_engine: &[left_out],
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
    fn a_test_is_skipped_by_whoever_left_it_out() {
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
        let skipped = ["ran", "left out by the runner", "left out"].map(|name| TestIdentity {
            scope: "Group".into(),
            name: name.into(),
            path: String::new(),
        });
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
    fn what_left_no_results_is_said_again_at_the_end() {
        let mut outcome = outcome(vec![test("fine", false, &[Outcome::Passed])]);
        outcome.without_results = (0..101).map(|index| format!("{index:03}.rb")).collect();
        let text = report(&outcome, &CONTEXT).unwrap();
        let (_, list) = text
            .split_once(
                "\n+++ No results from these, so if they hold tests, the tests did not run:\n",
            )
            .unwrap();
        assert!(list.starts_with("- 000.rb\n- 001.rb\n"), "{list}");
        assert!(list.ends_with("- 099.rb\n- … and 1 more"), "{list}");
    }

    #[test]
    fn results_of_a_part_that_could_not_be_read_are_not_forgotten() {
        let mut outcome = outcome(vec![test("fine", false, &[Outcome::Passed])]);
        outcome.unread = Some(Unread::NotAFile { path: "out".into() });
        let text = report(&outcome, &CONTEXT).unwrap();
        assert!(
            text.contains("with results that could not be read: out is not a regular file"),
            "{text}"
        );
    }

    #[test]
    fn a_passed_run_is_short() {
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
            "✅ All tests passed.\n🚨 The runner still ended with exit code 2; see its output."
        );
    }

    #[test]
    fn without_results_there_is_nothing_to_report() {
        assert_eq!(report(&outcome(Vec::new()), &CONTEXT), None);
    }
}
