//! The exit code of the whole run. Pure.
//!
//! It is the runner's own, with three exceptions. A last exit code 1 that failed muted tests explain
//! in full becomes 0. And a retry that ends well does not make up for a failure that it did not
//! disprove: the failing code comes back. And where tests are known not to have run, 0 becomes 1.
//!
//! The code of an attempt in parts is that of the first part that says more than that tests failed,
//! else 1 if one says that, else 0. A signal outweighs all codes.

use test_engine_results::Outcome;

use super::record::TestRecord;
use crate::exit_code::SIGNAL_BASE;
use crate::process::{Ended, Exit};
use crate::runners::{ParsedResults, TestKey};

/// The exit code by which runners say that tests failed. Others say more than a mute may hide.
const TESTS_FAILED: i32 = 1;

/// Codes from here to there are how shells and wrappers tell of a child that a signal killed.
const KILLED_CODES: std::ops::RangeInclusive<i32> = 129..=165;

/// What the attempts say, one entry each.
#[derive(Debug, Default)]
pub(super) struct AttemptLedger {
    attempts: Vec<Attempt>,
    /// Something is wrong that no exit code tells.
    must_fail: bool,
}

#[derive(Debug, Default)]
struct Attempt {
    parts: Vec<Part>,
    /// Parts that should have followed were not started, because of this signal.
    cut_short_by: Option<i32>,
}

#[derive(Debug)]
struct Part {
    exit: Exit,
    interrupted_by: Option<i32>,
    /// `None`: its results were not read.
    seen: Option<Seen>,
}

impl Part {
    /// Nothing is wrong with it but muted tests that failed.
    fn is_explained(&self) -> bool {
        let by_mutes = self.seen.is_some_and(|seen| {
            seen.muted_failures > 0 && seen.failures_that_count == 0 && !seen.errors_outside_tests
        });
        match self.exit {
            Exit::Code(0) => true,
            Exit::Code(TESTS_FAILED) => by_mutes,
            _ => false,
        }
    }
}

impl Attempt {
    fn exit(&self) -> Exit {
        if let Some(signal) = self.cut_short_by {
            return Exit::Signal(signal);
        }
        self.parts
            .iter()
            .map(|part| part.exit)
            .fold(Exit::Code(0), worse)
    }

    fn is_interrupted(&self) -> bool {
        self.parts.iter().any(|part| part.interrupted_by.is_some())
    }
}

fn worse(before: Exit, after: Exit) -> Exit {
    match (before, after) {
        (Exit::Signal(_), _) => before,
        (_, Exit::Signal(_)) | (Exit::Code(0), _) => after,
        (Exit::Code(TESTS_FAILED), Exit::Code(code)) if code != 0 => after,
        _ => before,
    }
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    failures_that_count: usize,
    muted_failures: usize,
    errors_outside_tests: bool,
    /// Some results could not be used; one of them may be a failure.
    has_gaps: bool,
    /// The runner stopped at failures; other tests may never have run.
    stopped_early: bool,
}

impl AttemptLedger {
    /// Tests are known not to have run, whatever the runner's code says.
    pub(super) fn fail(&mut self) {
        self.must_fail = true;
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self) {
        self.attempts.push(Attempt::default());
    }

    /// A part of it ended.
    pub(super) fn part(&mut self, ended: Ended) {
        let Ended {
            exit,
            interrupted_by,
        } = ended;
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.parts.push(Part {
                exit,
                interrupted_by,
                seen: None,
            });
        }
    }

    /// Parts that should follow are not started. A code that says all is well must not stand then.
    pub(super) fn cut_short(&mut self) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.cut_short_by = attempt.parts.iter().find_map(|part| part.interrupted_by);
        }
    }

    pub(super) fn read(&mut self, reading: &ParsedResults, is_muted: impl Fn(&TestKey) -> bool) {
        let failed = || {
            reading
                .tests
                .iter()
                .filter(|test| test.outcome == Outcome::Failed)
        };
        let muted_failures = failed().filter(|test| is_muted(&test.key)).count();
        if let Some(part) = self.last_part_mut() {
            part.seen = Some(Seen {
                failures_that_count: failed().count() - muted_failures,
                muted_failures,
                errors_outside_tests: !reading.errors_outside_tests.is_empty(),
                has_gaps: !reading.unusable.is_empty(),
                stopped_early: reading.stopped_early.is_some(),
            });
        }
    }

    /// A wrapper says that the runner was killed, so there may be tests that never ran.
    pub(super) fn looks_killed(&self) -> bool {
        self.last_part().is_some_and(
            |part| matches!(part.exit, Exit::Code(code) if KILLED_CODES.contains(&code)),
        )
    }

    /// The runner was killed or asked to stop: no further part may start.
    pub(super) fn must_stop(&self) -> bool {
        self.looks_killed()
            || self.last_part().is_some_and(|part| {
                matches!(part.exit, Exit::Signal(_)) || part.interrupted_by.is_some()
            })
    }

    /// How the last attempt ended, all parts together.
    pub(super) fn exit(&self) -> Exit {
        self.attempts.last().map_or(Exit::Code(0), Attempt::exit)
    }

    pub(super) fn killed_by(&self) -> Option<i32> {
        match self.exit() {
            Exit::Signal(signal) => Some(signal),
            Exit::Code(_) => None,
        }
    }

    pub(super) fn retries(&self) -> u32 {
        u32::try_from(self.attempts.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    fn last_part(&self) -> Option<&Part> {
        self.attempts.last()?.parts.last()
    }

    fn last_part_mut(&mut self) -> Option<&mut Part> {
        self.attempts.last_mut()?.parts.last_mut()
    }
}

/// The code to exit with.
pub(super) fn verdict(facts: &AttemptLedger, tests: &[TestRecord]) -> i32 {
    match by_exit_codes(facts, tests) {
        0 if facts.must_fail => TESTS_FAILED,
        code => code,
    }
}

fn by_exit_codes(facts: &AttemptLedger, tests: &[TestRecord]) -> i32 {
    let Some(last) = facts.attempts.last() else {
        return 0;
    };
    let code = match last.exit() {
        Exit::Signal(signal) => return i32::from(SIGNAL_BASE).saturating_add(signal),
        Exit::Code(code) => code,
    };
    let counts = |test: &&TestRecord| test.is_failed() && !test.muted;
    let some_count = tests.iter().any(|test| counts(&test));
    let unused = facts
        .attempts
        .iter()
        .flat_map(|attempt| &attempt.parts)
        .any(|part| part.seen.is_some_and(|seen| seen.has_gaps));
    // A retry that is made all the same makes up for it.
    let stopped = last
        .parts
        .iter()
        .any(|part| part.seen.is_some_and(|seen| seen.stopped_early));
    // A test that was meant to run and has no outcome may never have run: a mute of the test before
    // it must not let it pass.
    let gaps = unused || stopped || tests.iter().any(|test| test.outcome == Outcome::Unknown);
    if code == 0 {
        // The first code of a run without retries, or a run in which the runner never complained,
        // stands. After a complaint, everything it was about must have been disproved.
        let complaint = facts
            .attempts
            .iter()
            .rev()
            .find_map(|attempt| match attempt.exit() {
                Exit::Code(0) | Exit::Signal(_) => None,
                Exit::Code(code) => Some(code),
            });
        return match complaint {
            Some(complaint) if some_count || gaps => complaint,
            _ => 0,
        };
    }
    let explained = last.parts.iter().all(Part::is_explained);
    if code == TESTS_FAILED && explained && !some_count && !gaps && !last.is_interrupted() {
        return 0;
    }
    code
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::key;

    /// One attempt in short: exit code, failures that count, muted failures, then flags:
    /// `e` error outside tests, `g` gaps, `i` interrupted, `s` stopped early, `u` unread.
    type Short<'s> = (i32, usize, usize, &'s str);

    fn part(&(code, failures_that_count, muted_failures, flags): &Short<'_>) -> Part {
        let seen = Seen {
            failures_that_count,
            muted_failures,
            errors_outside_tests: flags.contains('e'),
            has_gaps: flags.contains('g'),
            stopped_early: flags.contains('s'),
        };
        Part {
            exit: if code < 0 {
                Exit::Signal(-code)
            } else {
                Exit::Code(code)
            },
            interrupted_by: flags.contains('i').then_some(15),
            seen: (!flags.contains('u')).then_some(seen),
        }
    }

    /// Attempts of one part each.
    fn facts(attempts: &[Short<'_>]) -> AttemptLedger {
        let attempts = attempts.iter().map(|attempt| Attempt {
            parts: vec![part(attempt)],
            cut_short_by: None,
        });
        AttemptLedger {
            attempts: attempts.collect(),
            must_fail: false,
        }
    }

    fn tests(failed: usize, muted_failed: usize) -> Vec<TestRecord> {
        let test = |muted: bool, index: usize| TestRecord {
            key: key("S", &format!("{muted} {index}"), ""),
            muted,
            to_be_skipped: false,
            outcomes: vec![Outcome::Failed],
            outcome: Outcome::Failed,
            doubt: None,
        };
        (0..failed)
            .map(|index| test(false, index))
            .chain((0..muted_failed).map(|index| test(true, index)))
            .collect()
    }

    #[rstest]
    // The runner's own code.
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
    // Retries that prove what they must.
    #[case(&[(1, 2, 0, ""), (0, 0, 0, "")], 0, 0, 0)]
    #[case(&[(1, 2, 0, ""), (1, 1, 0, ""), (0, 0, 0, "")], 0, 0, 0)]
    #[case(&[(3, 2, 0, ""), (0, 0, 0, "")], 0, 0, 0)]
    #[case(&[(1, 1, 1, ""), (0, 0, 0, "")], 0, 1, 0)]
    #[case(&[(1, 1, 1, ""), (1, 0, 1, "")], 0, 1, 0)]
    // Retries that end well but prove too little.
    #[case(&[(1, 2, 0, ""), (0, 0, 0, "")], 1, 0, 1)]
    #[case(&[(3, 2, 0, ""), (0, 0, 0, "u")], 2, 0, 3)]
    #[case(&[(1, 1, 0, "g"), (0, 0, 0, "")], 0, 0, 1)]
    #[case(&[(1, 1, 0, "s"), (0, 0, 0, "")], 0, 0, 0)]
    #[case(&[(1, 1, 1, "s"), (1, 0, 1, "s")], 0, 1, 1)]
    #[case(&[(3, 2, 0, ""), (2, 2, 0, ""), (0, 0, 0, "")], 1, 0, 2)]
    #[case(&[(0, 2, 0, ""), (0, 0, 0, "")], 1, 0, 0)]
    // Retries that break: never softened by mutes.
    #[case(&[(1, 1, 0, ""), (4, 0, 0, "u")], 1, 0, 4)]
    #[case(&[(1, 0, 1, ""), (1, 0, 0, "u")], 0, 1, 1)]
    #[case(&[(1, 0, 1, ""), (1, 0, 1, "e")], 0, 1, 1)]
    #[case(&[(1, 1, 1, ""), (1, 0, 1, "")], 1, 1, 1)]
    // Signals.
    #[case(&[(-15, 0, 0, "u")], 0, 0, 143)]
    #[case(&[(1, 1, 0, ""), (-9, 0, 0, "u")], 1, 0, 137)]
    fn the_code_of_the_run(
        #[case] attempts: &[Short<'_>],
        #[case] failed: usize,
        #[case] muted_failed: usize,
        #[case] expected: i32,
    ) {
        assert_eq!(
            verdict(&facts(attempts), &tests(failed, muted_failed)),
            expected
        );
    }

    #[rstest]
    #[case(&[(0, 0, 0, ""), (0, 0, 0, "")], 0, 0, 0)]
    #[case(&[(1, 1, 0, ""), (0, 0, 0, "")], 1, 0, 1)]
    #[case(&[(0, 0, 0, ""), (1, 1, 0, "")], 1, 0, 1)]
    // The first that says more than that tests failed.
    #[case(&[(1, 1, 0, ""), (3, 0, 0, "u"), (2, 0, 0, "u")], 1, 0, 3)]
    #[case(&[(3, 0, 0, "u"), (1, 1, 0, "")], 1, 0, 3)]
    #[case(&[(1, 0, 1, ""), (-9, 0, 0, "u")], 0, 1, 137)]
    // Mutes explain a part of their own, not another.
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
        let facts = AttemptLedger {
            attempts: vec![Attempt {
                parts: parts.iter().map(part).collect(),
                cut_short_by: None,
            }],
            must_fail: false,
        };
        assert_eq!(verdict(&facts, &tests(failed, muted_failed)), expected);
    }

    #[test]
    fn parts_that_were_not_started_never_pass() {
        let mut facts = facts(&[(0, 0, 0, "i")]);
        assert_eq!(verdict(&facts, &[]), 0);
        assert!(facts.must_stop());
        facts.cut_short();
        assert_eq!(verdict(&facts, &[]), 143);
        assert_eq!(facts.killed_by(), Some(15));
    }

    #[rstest]
    #[case(&[(0, 0, 0, "")], 0, 1)]
    #[case(&[(1, 0, 1, "")], 1, 1)]
    #[case(&[(7, 0, 0, "u")], 0, 7)]
    #[case(&[(-9, 0, 0, "u")], 0, 137)]
    fn tests_that_are_known_not_to_have_run_never_pass(
        #[case] attempts: &[Short<'_>],
        #[case] muted_failed: usize,
        #[case] expected: i32,
    ) {
        let mut facts = facts(attempts);
        facts.fail();
        assert_eq!(verdict(&facts, &tests(0, muted_failed)), expected);
    }

    #[test]
    fn a_muted_failure_does_not_vouch_for_tests_that_never_ran() {
        let mut tests = tests(0, 2);
        tests[1].muted = false;
        tests[1].outcome = Outcome::Unknown;
        assert_eq!(verdict(&facts(&[(1, 0, 1, "")]), &tests), 1);
        assert_eq!(verdict(&facts(&[(1, 0, 1, ""), (0, 0, 0, "")]), &tests), 1);
        tests[1].outcome = Outcome::Passed;
        assert_eq!(verdict(&facts(&[(1, 0, 1, "")]), &tests), 0);
    }

    #[rstest]
    #[case(137, true)]
    #[case(143, true)]
    #[case(1, false)]
    #[case(127, false)]
    #[case(255, false)]
    fn a_wrapper_may_tell_of_a_killed_runner(#[case] code: i32, #[case] killed: bool) {
        assert_eq!(facts(&[(code, 1, 0, "")]).looks_killed(), killed);
    }
}
