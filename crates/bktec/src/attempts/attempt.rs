//! One attempt: its parts, how they exited together, and their merged results. Pure.
//!
//! A command line that is too long for the system runs in parts. The exit of an attempt in parts is
//! the first exit code above 1, else 1 if a part exited with 1, else 0. A signal outweighs all
//! codes.

use std::ops::Range;

use test_engine_wire::Loading;

use super::NoResults;
use crate::process::{Ended, Exit};
use crate::runners::{
    Observed, ParsedResults, ResultTrust, RunnerError, Shortfall, StopPolicy, TestKey,
};

/// The exit code of most runners for failed tests.
pub(super) const TESTS_FAILED: i32 = 1;

/// Shells and wrappers exit with 128 plus the signal that killed their child.
const KILLED_CODES: std::ops::RangeInclusive<i32> = 129..=165;

/// One invocation of the runner: the first, or a retry.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) parts: Vec<Part>,
    pub(super) exit: Exit,
    /// Further parts should have followed.
    pub(super) is_cut_short: bool,
    pub(super) results: AttemptResults,
}

/// The targets of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    /// Numbers in the index of targets.
    pub(super) targets: Vec<usize>,
    /// All tests of these targets were to run.
    pub(super) is_whole: bool,
}

#[derive(Debug)]
pub(super) struct Part {
    pub(super) given: Given,
    /// `None` if nothing depends on it.
    pub(super) policy: Option<StopPolicy>,
    pub(super) exit: Exit,
    pub(super) interrupted_by: Option<i32>,
    /// `None` if it has no usable results.
    pub(super) results: Option<PartResults>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct PartResults {
    /// Its tests among those of the attempt.
    pub(super) tests: Range<usize>,
    pub(super) shortfalls: Vec<Shortfall>,
    /// Why other tests may not have run.
    pub(super) stopped_early: Option<String>,
    pub(super) has_errors_outside_tests: bool,
    /// Some results are unusable; each may be a failure.
    pub(super) has_unusable: bool,
    /// The runner documents its exit code for this number of failed tests.
    pub(super) is_documented: bool,
    /// The runner exited only because none of its tests were selected. The ledger checks that none
    /// was expected.
    pub(super) selected_nothing: bool,
    /// Failed tests that are not muted; set when the attempt is added to the ledger.
    pub(super) failed: usize,
    /// Set when the attempt is added to the ledger.
    pub(super) muted_failed: usize,
}

/// What the runner documents about its exit code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CodeMeaning {
    /// It is that of the failed tests in the results.
    pub(super) is_documented: bool,
    /// No test was selected.
    pub(super) selected_nothing: bool,
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
    /// Of all parts that say so.
    pub(super) loading: Option<Loading>,
    /// Files whose tests were all deselected.
    pub(super) deselected: Vec<String>,
    /// Moved into the ledger of targets when the attempt is added.
    pub(super) deselected_tests: Vec<TestKey>,
    /// Failed tests that failed only because a subtest did.
    pub(super) failed_by_subtest: Vec<TestKey>,
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
            is_cut_short: false,
            results: AttemptResults::default(),
        }
    }

    /// Adds a finished part. With `is_cut_short`, others should have followed, so its exit code
    /// must not pass for that of the attempt.
    pub(super) fn add_part(&mut self, part: Part, is_cut_short: bool) {
        self.exit = worse(self.exit, part.exit);
        self.is_cut_short |= is_cut_short;
        if let Some(signal) = part.interrupted_by.filter(|_| is_cut_short) {
            self.exit = Exit::Signal(signal);
        }
        self.parts.push(part);
    }

    /// The next part cannot be started.
    pub(super) fn cut_short(&mut self, why: &RunnerError) {
        self.is_cut_short = true;
        self.results.no_results = Some(NoResults::NotStarted {
            reason: why.to_string(),
        });
    }

    /// Merges the results of the part added last. `retry_covers_unrun_tests`: after an early stop,
    /// a retry also runs the tests that did not run.
    pub(super) fn add_results(
        &mut self,
        mut parsed: ParsedResults,
        trust: ResultTrust,
        meaning: CodeMeaning,
        retry_covers_unrun_tests: bool,
    ) {
        let policy = self.parts.last().and_then(|part| part.policy.as_ref());
        if let Some(policy) = policy {
            policy.note_stop(&mut parsed);
        }
        let results = &mut self.results;
        let start = results.tests.len();
        results.rules_out_retry |= trust != ResultTrust::Complete;
        results.has_focus |= parsed.has_focus;
        if let Some(more) = parsed.loading {
            let loading = results.loading.get_or_insert_default();
            loading.files = loading.files.saturating_add(more.files);
            loading.duration_us = loading.duration_us.saturating_add(more.duration_us);
        }
        results.tests.extend(parsed.tests);
        if let Some(part) = self.parts.last_mut() {
            part.results = Some(PartResults {
                tests: start..results.tests.len(),
                has_errors_outside_tests: !parsed.errors_outside_tests.is_empty(),
                has_unusable: !parsed.unusable.is_empty(),
                is_documented: meaning.is_documented,
                selected_nothing: meaning.selected_nothing,
                shortfalls: parsed.shortfalls,
                stopped_early: parsed.stopped_early.clone(),
                failed: 0,
                muted_failed: 0,
            });
        }
        results.deselected.extend(parsed.deselected);
        results.deselected_tests.extend(parsed.deselected_tests);
        results.failed_by_subtest.extend(parsed.failed_by_subtest);
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

    /// The first stop signal that arrived while the runner ran.
    pub(super) fn interrupted_by(&self) -> Option<i32> {
        self.parts.iter().find_map(|part| part.interrupted_by)
    }

    /// Every command of the attempt ran, and each ran everything.
    pub(super) fn ended_normally(&self) -> bool {
        !self.is_cut_short && self.parts.iter().all(Part::ended_normally)
    }

    pub(super) fn allows_retry(&self) -> bool {
        self.results.no_results.is_none()
            && self.results.errors_outside_tests.is_empty()
            && !self.results.rules_out_retry
            && self.interrupted_by().is_none()
            && !self.parts.iter().any(|part| looks_killed(part.exit))
    }

    pub(super) fn part_results(&self) -> impl Iterator<Item = &PartResults> {
        self.parts.iter().filter_map(|part| part.results.as_ref())
    }
}

impl PartResults {
    /// Nothing shows that tests failed or did not run.
    pub(super) fn is_clean(&self) -> bool {
        self.failed + self.muted_failed == 0
            && self.shortfalls.is_empty()
            && self.stopped_early.is_none()
    }
}

impl Part {
    pub(super) fn new(given: Given, policy: Option<StopPolicy>, ended: Ended) -> Self {
        Self {
            given,
            policy,
            exit: ended.exit,
            interrupted_by: ended.interrupted_by,
            results: None,
        }
    }

    /// The exit code is that of a runner that ran everything.
    pub(super) fn ended_normally(&self) -> bool {
        let has_documented_failures = |results: &PartResults| {
            results.is_documented && results.failed + results.muted_failed > 0
        };
        match &self.results {
            None => false,
            Some(results) => {
                self.interrupted_by.is_none()
                    && (self.exit == Exit::Code(0)
                        || results.selected_nothing
                        || has_documented_failures(results))
            }
        }
    }

    /// Neither failed tests nor tests that did not run account for the exit code.
    pub(super) fn has_unexplained_exit(&self) -> bool {
        let is_shortfall =
            |results: &PartResults| results.is_documented && !results.shortfalls.is_empty();
        !self.ended_normally() && !self.results.as_ref().is_some_and(is_shortfall)
    }

    /// Whether the exit code reports nothing but failed muted tests, or that nothing was selected.
    pub(super) fn is_excused(&self) -> bool {
        let is_excused = |results: &PartResults| {
            let by_mutes = results.is_documented && results.muted_failed > 0;
            (by_mutes || results.selected_nothing)
                && results.failed == 0
                && !results.has_errors_outside_tests
        };
        self.exit == Exit::Code(0) || self.results.as_ref().is_some_and(is_excused)
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
