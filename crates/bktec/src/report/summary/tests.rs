//! Reports of outcomes.

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
        copies: 1,
        is_undefined: false,
    }
}

fn outcome(tests: Vec<TestRecord>) -> RunOutcome {
    let has_failed = tests.iter().any(|test| test.is_failed() && !test.muted);
    RunOutcome {
        exit_code: i32::from(has_failed),
        status: match tests.len() {
            0 => RunStatus::Unknown,
            _ if has_failed => RunStatus::Failed,
            _ => RunStatus::Passed,
        },
        reasons: Vec::new(),
        is_by_trust: false,
        killed_by: None,
        tests,
        errors_outside_tests: Vec::new(),
        no_results: None,
        targets_without_results: Vec::new(),
        incomplete: Vec::new(),
        ambiguous_mutes: Vec::new(),
        deselected: Vec::new(),
        targets: Vec::new(),
        has_focus: false,
        loading: None,
        retries: 0,
    }
}

const CONTEXT: ReportContext<'_> = ReportContext {
    runner: "rspec",
    skipped_by_engine: &[],
    no_plan: None,
    coverage_limit: None,
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
        no_plan: None,
        coverage_limit: None,
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
        no_plan: None,
        coverage_limit: None,
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
fn lists_incomplete_targets_and_ambiguous_mutes() {
    let mut outcome = outcome(vec![test("muted", true, &[Outcome::Failed])]);
    let target = |target: Option<&str>, expected_tests| IncompleteTarget {
        target: target.map(str::to_owned),
        tests: 1,
        expected_tests,
        reason: "the runner stopped".to_owned(),
        is_unproven: true,
    };
    outcome.status = RunStatus::Incomplete;
    outcome.incomplete = vec![
        target(Some("a.rb"), Some(3)),
        target(Some("b.rb"), None),
        target(None, None),
    ];
    outcome.reasons = outcome.incomplete.iter().map(ToString::to_string).collect();
    outcome.ambiguous_mutes = vec!["S t [a.rb, b.rb]".to_owned()];
    let text = report(&outcome, &CONTEXT).unwrap();
    let status = "🚨 a.rb: results of 1 of 3 tests: the runner stopped (and 2 more)";
    assert_eq!(text.lines().nth(1), Some(status));
    let lists = text.split_once("(failed)\n\n+++ ").unwrap().1;
    insta::assert_snapshot!(lists, @r"
    Not proven that all tests of these targets ran:
    - a.rb: results of 1 of 3 tests: the runner stopped
    - all targets of this node: the runner stopped
    - b.rb: results of 1 test: the runner stopped

    +++ Muted tests with the same name in different files, so none of them is muted:
    - S t [a.rb, b.rb]
    ");
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
    error.status = RunStatus::Error;
    error.reasons = vec!["cannot load x\n".to_owned(), "y".to_owned()];
    assert_eq!(first_lines(&error), "🚨 cannot load x (and 1 more)");
    let mut trusted = outcome(vec![test("t", false, &[Failed])]);
    trusted.status = RunStatus::Passed;
    trusted.is_by_trust = true;
    assert_eq!(
        first_lines(&trusted),
        "✅ Build passed, because the runner exited with code 0 and --trust-exit-code is set: \
         1 test failed."
    );
    let mut missing = outcome(Vec::new());
    missing.status = RunStatus::Incomplete;
    missing.reasons = vec!["out is not a regular file".to_owned()];
    missing.no_results = Some(NoResults::NotAFile { path: "out".into() });
    assert_eq!(
        first_lines(&missing),
        "🚨 out is not a regular file\nhint: --allow-missing-results accepts missing and \
         incomplete results of a runner that exits with code 0"
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

#[test]
fn errors_are_one_line_because_the_runner_printed_them() {
    let error = "could not collect a.py: ImportError\nTraceback:\na.py:1: in <module>\n\
        E   ModuleNotFoundError: No module named 'x'";
    let outcome = RunOutcome {
        status: RunStatus::Error,
        reasons: vec![error.to_owned(), "other".to_owned()],
        ..outcome(vec![test("a", false, &[Outcome::Passed])])
    };
    let text = report(&outcome, &CONTEXT).unwrap();
    let line = "🚨 could not collect a.py: ImportError: ModuleNotFoundError: No module named 'x' \
        (and 1 more)\n";
    assert!(text.contains(line), "{text}");
    assert!(!text.contains("Traceback"), "{text}");
}

#[test]
fn the_coverage_limit_and_the_lack_of_a_plan_are_named() {
    let context = ReportContext {
        no_plan: Some("not found\nhint: check it"),
        coverage_limit: Some("pytest.ini sets a limit"),
        ..CONTEXT
    };
    let text = |status, reason: &str| {
        let outcome = RunOutcome {
            status,
            reasons: vec![reason.to_owned()],
            ..outcome(vec![test("a", false, &[Outcome::Passed])])
        };
        report(&outcome, &context).unwrap()
    };
    let hint = "\nhint: pytest.ini sets a limit\n";
    for (status, reason, is_named) in [
        (RunStatus::UnexplainedExit, "exited with code 1", true),
        (
            RunStatus::Error,
            "a failure, for example a coverage limit",
            true,
        ),
        (RunStatus::Error, "could not collect a.py", false),
        (RunStatus::Passed, "", false),
    ] {
        let text = text(status, reason);
        assert_eq!(text.contains(hint), is_named, "{text}");
        let end = "\n⚠️ There was no test plan: not found\nhint: check it";
        assert!(text.ends_with(end), "{text}");
    }
}
