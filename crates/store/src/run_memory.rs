//! The cache of one run: what recognizes repeated results and retried tests.

use foldhash::{HashSet, HashSetExt as _};

use crate::run_outcomes::{InLane, Lane, RunOutcomes};
use crate::segment::{SelectorRef, StoredExecution};

/// What the uploads of a run so far have in common with the next one.
#[derive(Debug, Default)]
pub(crate) struct RunMemory {
    /// The id of the last upload included.
    pub(crate) last_upload: i64,
    /// How its tests ended so far.
    pub(crate) outcomes: RunOutcomes,
    /// Messages whose tests are part of an outage as soon as they pass on retry.
    pub(crate) guarded_messages: HashSet<u32>,
    /// See [`StoredExecution::repetition_key`].
    results: HashSet<(u64, u64)>,
    /// Tests with a duration, each with the selectors it had one in: the same name in two files is
    /// one test.
    timed: HashSet<(i64, SelectorRef)>,
    pub(crate) used: u64,
}

impl RunMemory {
    /// Adds the outcome of an execution; returns whether it is the first one of its test.
    pub(crate) fn observe(
        &mut self,
        lane: Lane,
        execution: &StoredExecution,
        message: Option<u32>,
    ) -> bool {
        self.outcomes.add(InLane {
            lane,
            test: execution.test_id,
            outcome: execution.outcome,
            muted: execution.muted,
            message,
        })
    }

    /// Adds executions that were [observed](Self::observe) and are stored.
    pub(crate) fn add(&mut self, upload_id: i64, executions: &[StoredExecution]) {
        for execution in executions {
            self.results.extend(execution.repetition_key());
            if execution.is_timed() {
                self.timed.insert((execution.test_id, execution.selector));
            }
        }
        self.last_upload = self.last_upload.max(upload_id);
    }

    /// Guards the tests that passed on retry and whose message is guarded; returns those that were
    /// not guarded before.
    pub(crate) fn guard_recovered(&mut self) -> HashSet<i64> {
        if self.guarded_messages.is_empty() {
            return HashSet::new();
        }
        let messages = self.outcomes.recovered_by_message();
        let guarded = messages
            .into_iter()
            .filter(|(message, _)| self.guarded_messages.contains(message))
            .flat_map(|(_, tests)| tests);
        self.outcomes.guard(guarded)
    }

    /// Whether it has a result with this [`StoredExecution::repetition_key`].
    pub(crate) fn has_result(&self, key: (u64, u64)) -> bool {
        self.results.contains(&key)
    }

    pub(crate) fn has_timed(&self, test_id: i64, selector: SelectorRef) -> bool {
        let selectors = [selector, SelectorRef::Unrecorded];
        let mut keys = selectors.map(|selector| (test_id, selector)).into_iter();
        keys.any(|key| self.timed.contains(&key))
    }

    pub(crate) fn size(&self) -> usize {
        self.results.len() + self.timed.len() + self.outcomes.size()
    }
}

#[cfg(test)]
mod tests {
    use test_engine_results::Outcome;

    use super::*;

    fn has(run: &RunMemory, execution: &StoredExecution) -> bool {
        execution
            .repetition_key()
            .is_some_and(|key| run.has_result(key))
    }

    fn kept(test_id: i64, key: Option<u64>) -> StoredExecution {
        StoredExecution {
            test_id,
            result_key: key,
            ..StoredExecution::passed()
        }
    }

    #[test]
    fn recognizes_results_with_equal_id_test_outcome_and_duration() {
        let mut run = RunMemory::default();
        run.add(3, &[kept(1, Some(9))]);
        assert!(has(&run, &kept(1, Some(9))));
        assert!(!has(&run, &kept(1, Some(8))));
        assert!(!has(&run, &kept(2, Some(9))));
        assert!(!has(
            &run,
            &StoredExecution {
                outcome: Outcome::Failed,
                ..kept(1, Some(9))
            }
        ));
        assert!(!has(
            &run,
            &StoredExecution {
                duration: None,
                ..kept(1, Some(9))
            }
        ));
        assert!(
            !has(&run, &kept(1, None)),
            "results without an id are never repetitions"
        );
    }

    #[test]
    fn a_test_is_timed_once_for_each_selector() {
        let timed = |test_id, selector| StoredExecution {
            selector,
            ..kept(test_id, None)
        };
        let (one, other) = (SelectorRef::Id(1), SelectorRef::Id(2));
        let mut run = RunMemory::default();
        run.add(3, &[timed(1, one), timed(2, SelectorRef::Unrecorded)]);
        assert!(run.has_timed(1, one));
        assert!(!run.has_timed(1, other));
        assert!(
            run.has_timed(2, one),
            "it is not known which selector it was"
        );
    }
}
