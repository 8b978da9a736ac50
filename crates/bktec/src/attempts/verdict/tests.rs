//! Status and exit code for tables of attempts.

use rstest::rstest;

use super::super::NoResults;
use super::super::attempt::{Given, stops_attempt};
use super::*;
use crate::process::Ended;
use crate::runners::testing::key;

/// An attempt or part: exit code (negative: signal), failures that are not muted, muted
/// failures, and flags: `d` a code other than 1 that is documented for failed tests, `e` error
/// outside tests, `g` unusable results, `i` interrupted, `s` stopped early, `u` no usable
/// results.
type Short<'s> = (i32, usize, usize, &'s str);

fn attempt(parts: &[Short<'_>]) -> Attempt {
    let mut attempt = Attempt::new();
    for &(code, failed, muted_failed, flags) in parts {
        let exit = if code < 0 {
            Exit::Signal(-code)
        } else {
            Exit::Code(code)
        };
        let ended = Ended {
            exit,
            interrupted_by: flags.contains('i').then_some(15),
        };
        let results = PartResults {
            failed,
            muted_failed,
            is_documented: code == 1 || flags.contains('d'),
            has_errors_outside_tests: flags.contains('e'),
            has_unusable: flags.contains('g'),
            stopped_early: flags.contains('s').then(|| "stopped".to_owned()),
            ..PartResults::default()
        };
        if flags.contains('e') {
            attempt.results.errors_outside_tests.push("e".to_owned());
        }
        if flags.contains('g') {
            attempt.results.incomplete.push("g".to_owned());
        }
        let mut part = Part::new(Given::default(), None, ended);
        part.results = (!flags.contains('u')).then_some(results);
        attempt.add_part(part, false);
    }
    attempt
}

fn exit_code(attempts: &[Attempt], tests: &[TestRecord]) -> i32 {
    verdict(attempts, tests, VerdictOptions::default()).exit_code
}

fn verdict(attempts: &[Attempt], tests: &[TestRecord], options: VerdictOptions) -> Verdict {
    let verdict = Evidence {
        attempts,
        tests,
        incomplete: &[],
        options,
    }
    .verdict();
    match verdict.status {
        RunStatus::Passed => assert_eq!(verdict.exit_code, 0),
        RunStatus::Unknown => {}
        _ => assert_ne!(verdict.exit_code, 0),
    }
    verdict
}

/// Attempts of one part each.
fn attempts(shorts: &[Short<'_>]) -> Vec<Attempt> {
    shorts.iter().map(|short| attempt(&[*short])).collect()
}

fn tests(failed: usize, muted_failed: usize) -> Vec<TestRecord> {
    let test = |muted: bool, index: usize| TestRecord {
        key: key("S", &format!("{muted} {index}"), ""),
        muted,
        to_be_skipped: false,
        outcomes: vec![Outcome::Failed],
        outcome: Outcome::Failed,
        unproven: None,
        copies: 1,
        is_undefined: false,
    };
    (0..failed)
        .map(|index| test(false, index))
        .chain((0..muted_failed).map(|index| test(true, index)))
        .collect()
}

#[rstest]
// The runner's own code stands.
#[case(&[(0, 0, 0, "")], 0, 0, 0)]
#[case(&[(1, 2, 0, "")], 2, 0, 1)]
#[case(&[(7, 0, 0, "u")], 0, 0, 7)]
// Success is not believed if the results say otherwise.
#[case(&[(0, 1, 0, "")], 1, 0, 1)]
#[case(&[(0, 0, 0, "e")], 0, 0, 1)]
#[case(&[(0, 0, 1, "g")], 0, 1, 1)]
#[case(&[(0, 0, 1, "")], 0, 1, 0)]
// Muted failures explain exit code 1, and nothing else does.
#[case(&[(1, 0, 2, "")], 0, 2, 0)]
#[case(&[(1, 1, 2, "")], 1, 2, 1)]
#[case(&[(1, 0, 0, "")], 0, 0, 1)]
#[case(&[(2, 0, 2, "")], 0, 2, 2)]
#[case(&[(2, 0, 2, "d")], 0, 2, 0)]
#[case(&[(2, 1, 1, "d")], 1, 1, 2)]
#[case(&[(1, 0, 2, "e")], 0, 2, 1)]
#[case(&[(1, 0, 2, "g")], 0, 2, 1)]
#[case(&[(1, 0, 2, "i")], 0, 2, 1)]
#[case(&[(1, 0, 2, "s")], 0, 2, 1)]
#[case(&[(1, 0, 0, "u")], 0, 0, 1)]
// Retries that disprove all failures.
#[case(&[(1, 2, 0, ""), (0, 0, 0, "")], 0, 0, 0)]
#[case(&[(1, 2, 0, ""), (1, 1, 0, ""), (0, 0, 0, "")], 0, 0, 0)]
#[case(&[(3, 2, 0, ""), (0, 0, 0, "")], 0, 0, 0)]
#[case(&[(1, 1, 1, ""), (0, 0, 0, "")], 0, 1, 0)]
#[case(&[(1, 1, 1, ""), (1, 0, 1, "")], 0, 1, 0)]
// Successful retries that prove too little.
#[case(&[(1, 2, 0, ""), (0, 0, 0, "")], 1, 0, 1)]
#[case(&[(3, 2, 0, ""), (0, 0, 0, "u")], 2, 0, 3)]
#[case(&[(1, 1, 0, "g"), (0, 0, 0, "")], 0, 0, 1)]
#[case(&[(1, 1, 0, "s"), (0, 0, 0, "")], 0, 0, 0)]
#[case(&[(1, 1, 1, "s"), (1, 0, 1, "s")], 0, 1, 1)]
#[case(&[(3, 2, 0, ""), (2, 2, 0, ""), (0, 0, 0, "")], 1, 0, 2)]
#[case(&[(0, 2, 0, ""), (0, 0, 0, "")], 1, 0, 1)]
// Retries that break are never excused by mutes.
#[case(&[(1, 1, 0, ""), (4, 0, 0, "u")], 1, 0, 4)]
#[case(&[(1, 0, 1, ""), (1, 0, 0, "u")], 0, 1, 1)]
#[case(&[(1, 0, 1, ""), (1, 0, 1, "e")], 0, 1, 1)]
#[case(&[(1, 1, 1, ""), (1, 0, 1, "")], 1, 1, 1)]
// Signals.
#[case(&[(-15, 0, 0, "u")], 0, 0, 143)]
#[case(&[(1, 1, 0, ""), (-9, 0, 0, "u")], 1, 0, 137)]
fn follows_from_exit_codes_and_results(
    #[case] attempts: &[Short<'_>],
    #[case] failed: usize,
    #[case] muted_failed: usize,
    #[case] expected: i32,
) {
    let tests = tests(failed, muted_failed);
    assert_eq!(exit_code(&self::attempts(attempts), &tests), expected);
}

#[rstest]
#[case(&[(0, 0, 0, ""), (0, 0, 0, "")], 0, 0, 0)]
#[case(&[(1, 1, 0, ""), (0, 0, 0, "")], 1, 0, 1)]
#[case(&[(0, 0, 0, ""), (1, 1, 0, "")], 1, 0, 1)]
// The first code above 1 wins.
#[case(&[(1, 1, 0, ""), (3, 0, 0, "u"), (2, 0, 0, "u")], 1, 0, 3)]
#[case(&[(3, 0, 0, "u"), (1, 1, 0, "")], 1, 0, 3)]
#[case(&[(1, 0, 1, ""), (-9, 0, 0, "u")], 0, 1, 137)]
// Mutes explain their own part, not another.
#[case(&[(1, 0, 1, ""), (1, 0, 1, "")], 0, 2, 0)]
#[case(&[(1, 0, 1, ""), (0, 0, 0, "")], 0, 1, 0)]
#[case(&[(1, 0, 1, ""), (1, 0, 0, "")], 0, 1, 1)]
#[case(&[(1, 0, 1, ""), (1, 0, 0, "u")], 0, 1, 1)]
#[case(&[(1, 0, 1, ""), (2, 0, 0, "u")], 0, 1, 2)]
#[case(&[(1, 0, 1, ""), (1, 0, 1, "g")], 0, 2, 1)]
fn parts_are_as_bad_as_the_worst_of_them(
    #[case] parts: &[Short<'_>],
    #[case] failed: usize,
    #[case] muted_failed: usize,
    #[case] expected: i32,
) {
    let tests = tests(failed, muted_failed);
    assert_eq!(exit_code(&[attempt(parts)], &tests), expected);
}

#[test]
fn an_interrupted_attempt_never_passes() {
    let ended = Ended {
        exit: Exit::Code(0),
        interrupted_by: Some(15),
    };
    assert!(stops_attempt(ended));
    for (is_cut_short, code) in [(false, 1), (true, 143)] {
        let mut attempt = Attempt::new();
        let mut part = Part::new(Given::default(), None, ended);
        part.results = Some(PartResults::default());
        attempt.add_part(part, is_cut_short);
        let mut tests = tests(0, 1);
        tests[0].outcome = Outcome::Passed;
        let verdict = verdict(&[attempt], &tests, VerdictOptions::default());
        let seen = (verdict.exit_code, verdict.status);
        assert_eq!(seen, (code, RunStatus::Incomplete), "{verdict:?}");
    }
}

#[rstest]
#[case(&[(0, 0, 0, "")], 0, 1)]
#[case(&[(1, 0, 1, "")], 1, 1)]
#[case(&[(7, 0, 0, "u")], 0, 7)]
#[case(&[(-9, 0, 0, "u")], 0, 137)]
fn a_run_that_lacks_tests_never_passes(
    #[case] attempts: &[Short<'_>],
    #[case] muted_failed: usize,
    #[case] expected: i32,
) {
    let mut attempts = self::attempts(attempts);
    attempts[0]
        .results
        .add_missing(["a.rb did not run".to_owned()]);
    assert_eq!(exit_code(&attempts, &tests(0, muted_failed)), expected);
}

#[test]
fn a_muted_failure_does_not_excuse_tests_that_did_not_run() {
    let mut tests = tests(0, 2);
    tests[1].muted = false;
    tests[1].outcome = Outcome::Unknown;
    let (muted, passed) = ((1, 0, 1, ""), (0, 0, 0, ""));
    assert_eq!(exit_code(&attempts(&[muted]), &tests), 1);
    assert_eq!(exit_code(&attempts(&[muted, passed]), &tests), 1);
    tests[1].outcome = Outcome::Passed;
    assert_eq!(exit_code(&attempts(&[muted]), &tests), 0);
}

#[rstest]
#[case(&[(0, 2, 0, "")], 2, 0)]
#[case(&[(0, 0, 0, "e")], 0, 0)]
// The runner reported a failure once.
#[case(&[(1, 2, 0, ""), (0, 0, 0, "")], 1, 1)]
#[case(&[(0, 0, 0, "g")], 0, 1)]
// Not if tests may be missing besides.
#[case(&[(0, 1, 0, "g")], 1, 1)]
#[case(&[(0, 0, 0, "eg")], 0, 1)]
#[case(&[(0, 1, 0, "i")], 1, 1)]
#[case(&[(0, 1, 0, ""), (0, 0, 0, "u")], 1, 1)]
fn the_exit_code_is_trusted_with_the_option(
    #[case] attempts: &[Short<'_>],
    #[case] failed: usize,
    #[case] expected: i32,
) {
    let options = VerdictOptions {
        trust_exit_code: true,
        ..VerdictOptions::default()
    };
    // A passed test, so that the status is known.
    let mut tests = tests(failed, 1);
    tests[failed].outcome = Outcome::Passed;
    let mut attempts = self::attempts(attempts);
    for attempt in &mut attempts {
        if attempt.part_results().count() == 0 {
            let path = "out".into();
            attempt.results.no_results = Some(NoResults::NotAFile { path });
        }
    }
    let verdict = verdict(&attempts, &tests, options);
    assert_eq!(verdict.exit_code, expected);
    assert_eq!(verdict.is_by_trust, expected == 0);
}

#[rstest]
#[case((0, 0, 0, "u"), 0)]
#[case((0, 0, 0, "g"), 0)]
#[case((1, 0, 1, "g"), 1)]
#[case((1, 0, 1, "u"), 1)]
fn results_may_be_missing_with_the_option(#[case] attempt: Short<'_>, #[case] expected: i32) {
    let options = VerdictOptions {
        allow_missing_results: true,
        ..VerdictOptions::default()
    };
    for (options, expected) in [(options, expected), (VerdictOptions::default(), 1)] {
        let mut attempts = attempts(&[attempt]);
        if attempt.3 == "u" {
            let path = "out".into();
            attempts[0].results.no_results = Some(NoResults::NotAFile { path });
        }
        let tests = tests(0, 1);
        let verdict = verdict(&attempts, &tests, options);
        assert_eq!(verdict.exit_code, expected, "{verdict:?}");
    }
}

#[test]
fn an_incomplete_target_fails_the_run() {
    let target = IncompleteTarget {
        target: Some("a.rb".to_owned()),
        tests: 1,
        expected_tests: Some(2),
        reason: "it stopped".to_owned(),
        is_unproven: false,
    };
    for code in [0, 1] {
        let verdict = Evidence {
            attempts: &attempts(&[(code, 0, 1, "")]),
            tests: &tests(0, 1),
            incomplete: std::slice::from_ref(&target),
            options: VerdictOptions {
                trust_exit_code: true,
                allow_missing_results: true,
            },
        }
        .verdict();
        assert_eq!(
            (verdict.status, verdict.exit_code),
            (RunStatus::Incomplete, 1)
        );
    }
}
