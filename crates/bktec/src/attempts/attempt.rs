//! One attempt: its parts, how they exited together, and their merged results. Pure.
//!
//! A command line that is too long for the system runs in parts. The exit of an attempt in parts is
//! the first exit code above 1, else 1 if a part exited with 1, else 0. A signal outweighs all
//! codes.

use test_engine_results::Outcome;

use super::NoResults;
use crate::process::{Ended, Exit};
use crate::runners::{Observed, ParsedResults, ResultTrust, TestKey};

/// The exit code of most runners for failed tests. Other codes report more than a mute may excuse.
pub(super) const TESTS_FAILED: i32 = 1;

/// Shells and wrappers exit with 128 plus the signal that killed their child.
const KILLED_CODES: std::ops::RangeInclusive<i32> = 129..=165;

/// One invocation of the runner: the first, or a retry.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) parts: Vec<Part>,
    pub(super) exit: Exit,
    pub(super) results: AttemptResults,
}

#[derive(Debug)]
pub(super) struct Part {
    pub(super) exit: Exit,
    pub(super) interrupted_by: Option<i32>,
    /// `None` if it has no usable results.
    pub(super) counts: Option<PartCounts>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PartCounts {
    pub(super) failed: usize,
    pub(super) muted_failed: usize,
    pub(super) has_errors_outside_tests: bool,
    /// Some results are unusable; each may be a failure.
    pub(super) has_unusable: bool,
    pub(super) stopped_early: bool,
}

/// The results of all parts, and what shows whether they are complete.
#[derive(Debug, Default)]
pub(super) struct AttemptResults {
    /// Moved into the record when the attempt is added to the ledger.
    pub(super) tests: Vec<Observed>,
    pub(super) errors_outside_tests: Vec<String>,
    /// Why tests may be missing from the results.
    pub(super) incomplete: Vec<String>,
    /// Why the first part without results has none.
    pub(super) no_results: Option<NoResults>,
    /// A retry of the failed tests would leave out tests that did not run.
    pub(super) rules_out_retry: bool,
    /// Set for the first attempt; see `coverage`.
    pub(super) targets_without_results: Vec<String>,
    pub(super) has_focus: bool,
    /// Planned tests are known not to have run, whatever the exit code is.
    pub(super) lacks_tests: bool,
}

impl AttemptResults {
    pub(super) fn add_missing(&mut self, errors: impl IntoIterator<Item = String>) {
        for error in errors {
            self.lacks_tests = true;
            self.errors_outside_tests.push(error);
        }
    }
}

impl Attempt {
    pub(super) fn new() -> Self {
        Self {
            parts: Vec::new(),
            exit: Exit::Code(0),
            results: AttemptResults::default(),
        }
    }

    /// Adds a finished part. With `is_cut_short`, others should have followed, so its exit code
    /// must not pass for that of the attempt.
    pub(super) fn add_part(&mut self, ended: Ended, is_cut_short: bool) {
        self.exit = worse(self.exit, ended.exit);
        if let Some(signal) = ended.interrupted_by.filter(|_| is_cut_short) {
            self.exit = Exit::Signal(signal);
        }
        self.parts.push(Part {
            exit: ended.exit,
            interrupted_by: ended.interrupted_by,
            counts: None,
        });
    }

    /// Merges the results of the part added last. `retry_covers_unrun_tests`: after an early stop,
    /// a retry also runs the tests that did not run.
    pub(super) fn add_results(
        &mut self,
        parsed: ParsedResults,
        trust: ResultTrust,
        is_muted: impl Fn(&TestKey) -> bool,
        retry_covers_unrun_tests: bool,
    ) {
        if let Some(part) = self.parts.last_mut() {
            part.counts = Some(PartCounts::of(&parsed, is_muted));
        }
        let results = &mut self.results;
        results.rules_out_retry |= trust != ResultTrust::Complete;
        results.has_focus |= parsed.has_focus;
        results.tests.extend(parsed.tests);
        results
            .errors_outside_tests
            .extend(parsed.errors_outside_tests);
        for reason in parsed.unusable {
            if results.incomplete.last() != Some(&reason) {
                results.incomplete.push(reason);
            }
        }
        if let Some(why) = parsed.stopped_early {
            let consequence = if retry_covers_unrun_tests {
                "muted failures count"
            } else {
                results.rules_out_retry = true;
                "nothing is retried, and muted failures count"
            };
            results.incomplete.push(format!("{why}; {consequence}"));
        }
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.parts.iter().any(|part| part.interrupted_by.is_some())
    }

    pub(super) fn allows_retry(&self) -> bool {
        self.results.no_results.is_none()
            && self.results.errors_outside_tests.is_empty()
            && !self.results.rules_out_retry
            && !self.is_interrupted()
            && !self.parts.iter().any(|part| looks_killed(part.exit))
    }
}

impl PartCounts {
    fn of(parsed: &ParsedResults, is_muted: impl Fn(&TestKey) -> bool) -> Self {
        let failed = || {
            parsed
                .tests
                .iter()
                .filter(|test| test.outcome == Outcome::Failed)
        };
        let muted_failed = failed().filter(|test| is_muted(&test.key)).count();
        Self {
            failed: failed().count() - muted_failed,
            muted_failed,
            has_errors_outside_tests: !parsed.errors_outside_tests.is_empty(),
            has_unusable: !parsed.unusable.is_empty(),
            stopped_early: parsed.stopped_early.is_some(),
        }
    }
}

/// The runner was killed or interrupted: no further part may start.
pub(super) fn stops_attempt(ended: Ended) -> bool {
    looks_killed(ended.exit)
        || matches!(ended.exit, Exit::Signal(_))
        || ended.interrupted_by.is_some()
}

/// Whether a wrapper reports that the runner was killed, so that some tests may not have run.
fn looks_killed(exit: Exit) -> bool {
    matches!(exit, Exit::Code(code) if KILLED_CODES.contains(&code))
}

fn worse(before: Exit, after: Exit) -> Exit {
    match (before, after) {
        (Exit::Signal(_), _) => before,
        (_, Exit::Signal(_)) | (Exit::Code(0), _) => after,
        (Exit::Code(TESTS_FAILED), Exit::Code(code)) if code != 0 => after,
        _ => before,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(137, true)]
    #[case(143, true)]
    #[case(1, false)]
    #[case(127, false)]
    #[case(255, false)]
    fn recognizes_a_killed_runner_by_its_wrappers_code(#[case] code: i32, #[case] killed: bool) {
        assert_eq!(looks_killed(Exit::Code(code)), killed);
    }
}
