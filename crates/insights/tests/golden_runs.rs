//! Histories of whole runs as texts: which attempts count, which runs are outages, and which
//! failures of a branch are new.

use rstest::rstest;
use test_engine_insights::{
    Commit, Counts, DAY, GroupOutcome, Level, Parameters, Run, Suite, TestResult, Upload, judge,
    passed_before_branch,
};

/// The tests of one run, a letter for each kind of end: `p` passed, `f` failed every attempt, `m`
/// failed and passed on retry, `s` was skipped. A number repeats the letter after it; `|` begins
/// another upload.
fn run(number: u32, text: &str) -> Run {
    let (mut test, mut digits) = (0, String::new());
    let mut uploads = vec![Upload::default()];
    for letter in text.chars().filter(|letter| !letter.is_whitespace()) {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        if letter == '|' {
            uploads.push(Upload::default());
            continue;
        }
        let (passed, failed) = match letter {
            'p' => (1, 0),
            'f' => (0, 3),
            'm' => (1, 1),
            _ => (0, 0),
        };
        for _ in 0..std::mem::take(&mut digits).parse().unwrap_or(1) {
            test += 1;
            let result = TestResult {
                test,
                counts: Counts { passed, failed },
                failed_first: failed > 0,
                // Each test has a message of its own, unless it recovers.
                message: if letter == 'm' { 1_000_000 } else { test },
            };
            if passed + failed > 0 {
                uploads
                    .last_mut()
                    .expect("there is one")
                    .results
                    .push(result);
            }
        }
    }
    Run {
        number,
        commit: Commit { number, main: None },
        at: 20_000 * DAY,
        uploads,
    }
}

/// Counted and guarded failures of all tests.
#[rstest]
#[case::skipped_tests_are_no_evidence("50s 50p", 0, 0)]
#[case::a_retry_is_one_attempt_more("99p m", 1, 0)]
#[case::three_attempts_are_three_failures("99p f", 3, 0)]
#[case::nineteen_of_a_hundred("81p 19f", 57, 0)]
#[case::twenty_of_a_hundred("80p 20f", 0, 60)]
#[case::twenty_of_more_than_a_hundred("81p 20f", 60, 0)]
#[case::skipped_tests_did_not_run("80s 80p 20f", 0, 60)]
#[case::half_of_a_small_suite("5p 5f", 0, 15)]
#[case::four_of_a_small_suite("4p 4f", 12, 0)]
#[case::half_of_one_upload("200p | 5p 5f", 0, 15)]
#[case::nine_with_one_message("200p 9m", 9, 0)]
#[case::ten_with_one_new_message("200p 10m", 0, 10)]
#[case::ten_messages("200p 10f", 30, 0)]
fn guarded_failures_of(#[case] text: &str, #[case] counted: u32, #[case] guarded: u32) {
    let mut suite = Suite::default();
    suite.record(&run(1, text));
    let groups = suite
        .tests()
        .values()
        .flat_map(|test| test.evidence.groups());
    let (mut found_counted, mut found_guarded) = (0, 0);
    for group in groups {
        found_counted += group.counted.failed;
        found_guarded += group.guarded.failed;
    }
    assert_eq!((found_counted, found_guarded), (counted, guarded));
}

/// The groups of the default branch before the base of a branch, oldest first: `p` passed, `f`
/// failed, `m` mixed.
#[rstest]
#[case::no_history("", false)]
#[case::too_short("pppp", false)]
#[case::passed_five_times("ppppp", true)]
#[case::failed_before_that("f ppppp", true)]
#[case::failed_lately("ppppf", false)]
#[case::passed_on_retry("ppmpp", true)]
#[case::failed_in_between("ppfpp", false)]
fn a_failure_is_certainly_new_after(#[case] text: &str, #[case] expected: bool) {
    let outcome = |letter| match letter {
        'p' => Some(GroupOutcome::Passed),
        'f' => Some(GroupOutcome::Failed),
        'm' => Some(GroupOutcome::Mixed),
        _ => None,
    };
    // Newest first.
    let main: Vec<GroupOutcome> = text.chars().rev().filter_map(outcome).collect();
    assert_eq!(passed_before_branch(&main), expected);
}

#[test]
fn a_hundred_thousand_tests_that_fail_at_once_twice_are_not_flaky() {
    let mut suite = Suite::default();
    for (number, text) in (1..).zip(["100000p", "100000m", "100000m", "100000p"]) {
        assert_eq!(suite.record(&run(number, text)), []);
    }
    let at = 20_000 * DAY;
    assert_eq!(suite.tests().len(), 100_000);
    for test in suite.tests().values() {
        let health = judge(&test.evidence, at, &Parameters::default());
        assert_eq!(health.level(test.alarm.is_on()), Level::Sound);
    }
}
