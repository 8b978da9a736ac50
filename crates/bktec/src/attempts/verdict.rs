//! The exit code of the whole run. Pure.
//!
//! It is the runner's own, with three exceptions:
//! - A last exit code 1 that failed muted tests explain in full becomes 0.
//! - A successful retry does not excuse a failure that it did not disprove: the failing exit code
//!   stands.
//! - If planned tests are known not to have run, 0 becomes 1.

use test_engine_results::Outcome;

use super::attempt::{Attempt, Part, TESTS_FAILED};
use super::record::TestRecord;
use crate::exit_code::SIGNAL_BASE;
use crate::process::Exit;

pub(super) fn exit_code(attempts: &[Attempt], tests: &[TestRecord]) -> i32 {
    let lacks_tests = attempts.iter().any(|attempt| attempt.results.lacks_tests);
    match by_exit_codes(attempts, tests) {
        0 if lacks_tests => TESTS_FAILED,
        code => code,
    }
}

fn by_exit_codes(attempts: &[Attempt], tests: &[TestRecord]) -> i32 {
    let Some(last) = attempts.last() else {
        return 0;
    };
    let code = match last.exit {
        Exit::Signal(signal) => return i32::from(SIGNAL_BASE).saturating_add(signal),
        Exit::Code(code) => code,
    };
    let is_proven = !may_hide_failures(attempts, last, tests)
        && !tests.iter().any(|test| test.is_failed() && !test.muted);
    match code {
        0 if is_proven => 0,
        0 => last_failing_code(attempts),
        TESTS_FAILED if is_proven && !last.is_interrupted() && is_explained(last) => 0,
        _ => code,
    }
}

/// Whether a test may have failed, or not have run, without being recorded as failed.
fn may_hide_failures(attempts: &[Attempt], last: &Attempt, tests: &[TestRecord]) -> bool {
    let any = |attempt: &Attempt, flag: fn(&super::attempt::PartCounts) -> bool| {
        attempt
            .parts
            .iter()
            .filter_map(|part| part.counts.as_ref())
            .any(flag)
    };
    // An early stop of an attempt that was retried nevertheless is made up for by the retry.
    attempts.iter().any(|attempt| any(attempt, |counts| counts.has_unusable))
        || any(last, |counts| counts.stopped_early)
        // A test without an outcome may not have run, so no mute of another test excuses it.
        || tests.iter().any(|test| test.outcome == Outcome::Unknown)
}

/// The exit code that a successful last attempt fails to disprove. 0 if no attempt failed: a runner
/// that always exits with 0 has the last word.
fn last_failing_code(attempts: &[Attempt]) -> i32 {
    let failing = attempts
        .iter()
        .rev()
        .find_map(|attempt| match attempt.exit {
            Exit::Code(0) | Exit::Signal(_) => None,
            Exit::Code(code) => Some(code),
        });
    failing.unwrap_or(0)
}

/// Whether failed muted tests are all that is wrong with the attempt.
fn is_explained(attempt: &Attempt) -> bool {
    let by_mutes = |part: &Part| {
        part.counts.is_some_and(|counts| {
            counts.muted_failed > 0 && counts.failed == 0 && !counts.has_errors_outside_tests
        })
    };
    attempt.parts.iter().all(|part| match part.exit {
        Exit::Code(0) => true,
        Exit::Code(TESTS_FAILED) => by_mutes(part),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::attempt::{PartCounts, stops_attempt};
    use super::*;
    use crate::process::Ended;
    use crate::runners::testing::key;

    /// An attempt or part: exit code (negative: signal), failures that are not muted, muted
    /// failures, and flags: `e` error outside tests, `g` unusable results, `i` interrupted, `s`
    /// stopped early, `u` no usable results.
    type Short<'s> = (i32, usize, usize, &'s str);

    fn attempt(parts: &[Short<'_>]) -> Attempt {
        let mut attempt = Attempt::new();
        for &(code, failed, muted_failed, flags) in parts {
            let counts = PartCounts {
                failed,
                muted_failed,
                has_errors_outside_tests: flags.contains('e'),
                has_unusable: flags.contains('g'),
                stopped_early: flags.contains('s'),
            };
            let exit = if code < 0 {
                Exit::Signal(-code)
            } else {
                Exit::Code(code)
            };
            let ended = Ended {
                exit,
                interrupted_by: flags.contains('i').then_some(15),
            };
            attempt.add_part(ended, false);
            attempt.parts.last_mut().unwrap().counts = (!flags.contains('u')).then_some(counts);
        }
        attempt
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
    #[case(&[(0, 1, 0, "")], 1, 0, 0)]
    #[case(&[(0, 0, 0, "e")], 0, 0, 0)]
    // Muted failures explain exit code 1, and nothing else does.
    #[case(&[(1, 0, 2, "")], 0, 2, 0)]
    #[case(&[(1, 1, 2, "")], 1, 2, 1)]
    #[case(&[(1, 0, 0, "")], 0, 0, 1)]
    #[case(&[(2, 0, 2, "")], 0, 2, 2)]
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
    #[case(&[(0, 2, 0, ""), (0, 0, 0, "")], 1, 0, 0)]
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
    fn an_attempt_that_was_cut_short_never_passes() {
        let ended = Ended {
            exit: Exit::Code(0),
            interrupted_by: Some(15),
        };
        assert!(stops_attempt(ended));
        for (is_cut_short, code) in [(false, 0), (true, 143)] {
            let mut attempt = Attempt::new();
            attempt.add_part(ended, is_cut_short);
            assert_eq!(exit_code(&[attempt], &[]), code);
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
}
