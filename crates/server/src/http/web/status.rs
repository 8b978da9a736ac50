//! How pages show a result: a shape, a color and a word.

use test_engine_store::{Run, RunResult};

/// The class names the shape and the color: `pass`, `flaky`, `fail`, `mute`, `skip` or `run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) class: &'static str,
    pub(super) word: &'static str,
}

impl Mark {
    /// The API calls a run failed too if all of its failed tests passed on retry; pages do not.
    pub(super) fn of_run(run: &Run, has_errors_outside_tests: bool) -> Self {
        let (class, word) = match run.result {
            RunResult::Passed => ("pass", "Passed"),
            RunResult::Failed if is_recovered(run) && !has_errors_outside_tests => {
                ("flaky", "Passed on retry")
            }
            RunResult::Failed => ("fail", "Failed"),
            RunResult::Pending | RunResult::Stale if run.counts.skipped > 0 => ("skip", "Skipped"),
            RunResult::Pending | RunResult::Stale => ("run", "No results"),
        };
        Self { class, word }
    }
}

/// Whether no test failed every try. Whether anything else failed is another question.
pub(super) fn is_recovered(run: &Run) -> bool {
    run.tests
        .is_some_and(|tests| tests.broken == 0 && tests.recovered > 0)
}

/// Whether a run tells nothing about single tests, unless somebody has it counted all the same.
pub(super) fn is_outage(run: &Run) -> bool {
    run.guarded && !run.outage_counted
}

/// What failed in a run, such as `2 broken, 1 flaky`.
pub(super) fn what_failed(run: &Run) -> String {
    let Some(tests) = run.tests else {
        return match run.counts.failed {
            0 => String::new(),
            failed => format!("{} failed", super::format::count(failed)),
        };
    };
    let parts = [
        (tests.broken, "broken"),
        (tests.recovered, "flaky"),
        (tests.muted_failed, "muted"),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts
        .map(|(number, word)| format!("{} {word}", super::format::count(number)))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
pub(super) mod tests {
    use test_engine_duration::Micros;
    use test_engine_store::{
        OutcomeCounts, Run, RunId, RunResult, RunState, SuiteId, TestCounts, Timestamp,
    };
    use uuid::Uuid;

    use super::{Mark, is_outage, what_failed};

    pub(in crate::http::web) fn run(result: RunResult, tests: Option<TestCounts>) -> Run {
        Run {
            id: RunId::default(),
            uuid: Uuid::nil(),
            suite: SuiteId::default(),
            key: "key".to_owned(),
            branch: None,
            commit_sha: None,
            build_id: None,
            number: None,
            url: None,
            message: None,
            state: RunState::Finished,
            result,
            counts: OutcomeCounts::default(),
            failed_muted: 0,
            tests,
            guarded: false,
            outage_counted: false,
            duration: Micros::default(),
            uploads: 1,
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn an_outage_that_is_counted_is_none() {
        for (guarded, outage_counted, expected) in [
            (false, false, false),
            (true, false, true),
            (true, true, false),
        ] {
            let run = Run {
                guarded,
                outage_counted,
                ..run(RunResult::Failed, None)
            };
            assert_eq!(is_outage(&run), expected);
        }
    }

    #[test]
    fn a_run_whose_failures_passed_on_retry_is_not_failed() {
        let counts = |broken, recovered, muted_failed| TestCounts {
            first_failed: broken + recovered + muted_failed,
            broken,
            recovered,
            muted_failed,
        };
        for (result, tests, errors, word, failed) in [
            (
                RunResult::Passed,
                Some(counts(0, 0, 0)),
                false,
                "Passed",
                "",
            ),
            (
                RunResult::Passed,
                Some(counts(0, 0, 1)),
                false,
                "Passed",
                "1 muted",
            ),
            (
                RunResult::Failed,
                Some(counts(0, 2, 0)),
                false,
                "Passed on retry",
                "2 flaky",
            ),
            (
                RunResult::Failed,
                Some(counts(0, 2, 0)),
                true,
                "Failed",
                "2 flaky",
            ),
            (
                RunResult::Failed,
                Some(counts(1, 2, 0)),
                false,
                "Failed",
                "1 broken, 2 flaky",
            ),
            // Only errors outside of tests.
            (RunResult::Failed, Some(counts(0, 0, 0)), true, "Failed", ""),
            // Stored by an earlier version.
            (RunResult::Failed, None, false, "Failed", ""),
            (RunResult::Pending, None, false, "No results", ""),
        ] {
            let run = run(result, tests);
            assert_eq!(Mark::of_run(&run, errors).word, word, "{run:?}");
            assert_eq!(what_failed(&run), failed);
        }
        let mut skipped = run(RunResult::Pending, None);
        skipped.counts.skipped = 1;
        assert_eq!(Mark::of_run(&skipped, false).word, "Skipped");
    }
}
