//! Whose failure it is: what is known of a failed test, as the pure verdict needs it.

use test_engine_insights::{FailureFacts, FailureVerdict};
use test_engine_store::{FailedTest, FailureHistory, TestedCode};

/// How a test ended that failed at least once in a build; the worst over its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Failed,
    Muted,
    /// It passed after its failures, but a node reported a failed test of its target that no stored
    /// result explains. Jobs that look the same may be legs of a matrix, whose passes prove nothing
    /// for each other.
    Doubtful,
    Passed,
}

impl End {
    /// `is_unexplained` tells whether a node reported more failures of the test's target.
    pub(crate) fn of(failed: &FailedTest, is_unexplained: bool) -> Self {
        Self::of_lanes(failed.failed_lanes, failed.muted_lanes, is_unexplained)
    }

    const fn of_lanes(failed: usize, muted: usize, is_unexplained: bool) -> Self {
        match (failed, muted) {
            (0, 0) if is_unexplained => Self::Doubtful,
            (0, 0) => Self::Passed,
            (0, _) => Self::Muted,
            _ => Self::Failed,
        }
    }

    /// A test that passed on retry or is muted does not fail the build.
    pub(crate) const fn fails_build(self) -> bool {
        matches!(self, Self::Failed | Self::Doubtful)
    }
}

/// A test that failed in a build.
#[derive(Clone, Copy)]
pub(crate) struct Failure<'a> {
    pub(crate) history: &'a FailureHistory,
    /// Of the test.
    pub(crate) file: Option<&'a str>,
    pub(crate) end: End,
    /// Whether it passed in a job of the build.
    pub(crate) has_passed: bool,
    /// Somebody has labelled it as flaky, which counts as much as an alarm.
    pub(crate) is_labelled: bool,
}

impl Failure<'_> {
    /// Why it failed.
    pub(crate) fn verdict(self, code: &TestedCode) -> FailureVerdict {
        let history = self.history;
        let facts = FailureFacts {
            is_muted: self.end == End::Muted,
            is_guarded: history.is_guarded,
            passed_on_retry: self.end == End::Passed,
            // Passes of another job of the build prove nothing.
            passed_in_later_run: history.passed_on_commit && !self.has_passed,
            branches_with_fingerprint: history.branches_with_fingerprint,
            main: &history.main,
            is_alarm_on: history.is_alarm_on || self.is_labelled,
            is_known_fingerprint: history.is_known_fingerprint || self.is_labelled,
            is_changed_here: self.is_changed(code),
        };
        facts.verdict()
    }

    /// Whether the commit changes the file of the test, or of the first own frame of its failure.
    fn is_changed(self, code: &TestedCode) -> bool {
        let frame = self.history.frame.as_deref();
        let own_file = frame.and_then(|frame| frame.rsplit_once(':'));
        self.file.is_some_and(|file| code.changes(file))
            || own_file.is_some_and(|(file, _line)| code.changes_anywhere(file))
    }
}

#[cfg(test)]
mod tests {
    use test_engine_insights::FailureVerdict::{
        AlsoOnMain, FlakyHere, Infrastructure, KnownFlaky, Muted, New,
    };
    use test_engine_insights::GroupOutcome;

    use super::*;

    #[test]
    fn the_worst_end_over_the_jobs_decides() {
        for (failed, muted, is_unexplained, expected) in [
            (1, 1, false, End::Failed),
            (0, 1, true, End::Muted),
            (0, 0, true, End::Doubtful),
            (0, 0, false, End::Passed),
        ] {
            let found = End::of_lanes(failed, muted, is_unexplained);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_failure_is_new_unless_something_else_explains_it() {
        let nothing = FailureHistory::default();
        let broken = FailureHistory {
            main: vec![GroupOutcome::Failed; 2],
            ..FailureHistory::default()
        };
        let alarm = FailureHistory {
            is_alarm_on: true,
            is_known_fingerprint: true,
            ..FailureHistory::default()
        };
        let framed = FailureHistory {
            frame: Some("/ci/build/lib/cart.rb:3".to_owned()),
            ..alarm.clone()
        };
        let outage = FailureHistory {
            is_guarded: true,
            passed_on_commit: true,
            ..FailureHistory::default()
        };
        for (history, end, is_labelled, changed, expected) in [
            (&nothing, End::Failed, false, "", New),
            (&broken, End::Failed, true, "", AlsoOnMain),
            (&broken, End::Muted, false, "", Muted),
            (&nothing, End::Passed, false, "", FlakyHere),
            (&nothing, End::Doubtful, false, "", New),
            (&nothing, End::Failed, true, "", KnownFlaky),
            (&nothing, End::Failed, true, "spec/cart_spec.rb", New),
            (&alarm, End::Failed, false, "lib/cart.rb", KnownFlaky),
            (&framed, End::Failed, false, "lib/cart.rb", New),
            (&framed, End::Failed, false, "art.rb", KnownFlaky),
            (&outage, End::Failed, false, "", Infrastructure),
        ] {
            let failure = Failure {
                history,
                file: Some("spec/cart_spec.rb"),
                end,
                has_passed: false,
                is_labelled,
            };
            let code = TestedCode::new(Some("topic"), "main", Some(changed));
            let found = failure.verdict(&code);
            assert_eq!(found, expected, "{history:?} {end:?} {changed}");
        }
    }

    #[test]
    fn a_pass_in_another_job_is_no_proof_of_an_outage() {
        let history = FailureHistory {
            is_guarded: true,
            passed_on_commit: true,
            ..FailureHistory::default()
        };
        let failure = Failure {
            history: &history,
            file: None,
            end: End::Failed,
            has_passed: true,
            is_labelled: false,
        };
        assert_eq!(failure.verdict(&TestedCode::default()), New);
    }
}
