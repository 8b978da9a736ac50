//! How the tests of one run ended so far: the numbers of the run, and what the guard against
//! outages needs.
//!
//! A test that failed is broken, muted or recovered by how it ended in its lanes. A lane is a job
//! with its tags, such as a leg of a matrix: a retry repairs only failures of its own lane.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use foldhash::{HashMap, HashSet, HashSetExt as _};
use test_engine_insights::{Counts, RunCounts};
use test_engine_results::Outcome;

use crate::records::TestCounts;

/// Identifies a lane within this process; never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane(u64);

impl Lane {
    /// `tags` is the JSON that the upload is stored with.
    pub(crate) fn new(job: Option<&str>, tags: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (job, tags).hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// How a test ended in a lane in which it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Passed,
    Failed,
    Muted,
}

/// A test that failed in the run.
#[derive(Clone, Debug)]
struct FailedInRun {
    /// Its first execution in the run.
    failed_first: bool,
    /// Half of the first failure's fingerprint.
    message: Option<u32>,
    /// Its executions are part of an outage, because they share a new cause with others.
    is_guarded: bool,
    lanes: Vec<(Lane, End)>,
}

/// What a failed test counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailedEnd {
    /// It failed to the end in some lane.
    Broken,
    /// It was muted where it failed to the end.
    Muted,
    /// It passed on retry wherever it failed.
    Recovered,
}

impl FailedInRun {
    fn end(&self) -> FailedEnd {
        let ends_with = |wanted: End| self.lanes.iter().any(|(_, end)| *end == wanted);
        if ends_with(End::Failed) {
            FailedEnd::Broken
        } else if ends_with(End::Muted) {
            FailedEnd::Muted
        } else {
            FailedEnd::Recovered
        }
    }
}

/// One execution, as far as the outcome of its run is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InLane {
    pub(crate) lane: Lane,
    pub(crate) test: i64,
    pub(crate) outcome: Outcome,
    pub(crate) muted: bool,
    /// Of a failure with a fingerprint.
    pub(crate) message: Option<u32>,
}

/// The tests of one run.
#[derive(Debug, Default)]
pub(crate) struct RunOutcomes {
    /// Executions of each test that passed or failed.
    ran: HashMap<i64, Counts>,
    failed: HashMap<i64, FailedInRun>,
    /// Whether one of them is guarded.
    has_guarded: bool,
    counts: TestCounts,
}

impl RunOutcomes {
    /// Adds an execution; returns whether it is the test's first one that passed or failed.
    pub(crate) fn add(&mut self, execution: InLane) -> bool {
        let is_failure = match execution.outcome {
            Outcome::Passed => false,
            Outcome::Failed => true,
            Outcome::Skipped | Outcome::Unknown => {
                return !self.ran.contains_key(&execution.test);
            }
        };
        let counts = self.ran.entry(execution.test).or_default();
        let is_first = *counts == Counts::default();
        if is_failure {
            counts.failed = counts.failed.saturating_add(1);
            self.add_failure(execution, is_first);
        } else {
            counts.passed = counts.passed.saturating_add(1);
            if !self.failed.is_empty() {
                self.add_pass(execution);
            }
        }
        is_first
    }

    fn add_failure(&mut self, execution: InLane, is_first: bool) {
        let end = if execution.muted {
            End::Muted
        } else {
            End::Failed
        };
        let before = match self.failed.entry(execution.test) {
            Entry::Occupied(known) => Some(known.get().end()),
            Entry::Vacant(new) => {
                new.insert(FailedInRun {
                    failed_first: is_first,
                    message: execution.message,
                    is_guarded: false,
                    lanes: Vec::new(),
                });
                self.counts.first_failed += u64::from(is_first);
                None
            }
        };
        self.end_lane(execution, end, before);
    }

    fn add_pass(&mut self, execution: InLane) {
        if let Some(known) = self.failed.get(&execution.test)
            && known.lanes.iter().any(|(lane, _)| *lane == execution.lane)
        {
            let before = Some(known.end());
            self.end_lane(execution, End::Passed, before);
        }
    }

    fn end_lane(&mut self, execution: InLane, end: End, before: Option<FailedEnd>) {
        let Some(test) = self.failed.get_mut(&execution.test) else {
            return;
        };
        let same = |(lane, _): &&mut (Lane, End)| *lane == execution.lane;
        match test.lanes.iter_mut().find(same) {
            Some(known) => known.1 = end,
            None => test.lanes.push((execution.lane, end)),
        }
        let after = test.end();
        if before != Some(after) {
            if let Some(before) = before {
                *count_of(&mut self.counts, before) -= 1;
            }
            *count_of(&mut self.counts, after) += 1;
        }
    }

    /// The numbers of the run.
    pub(crate) fn counts(&self) -> TestCounts {
        self.counts
    }

    /// What the guard judges the run by.
    pub(crate) fn for_guard(&self) -> RunCounts {
        RunCounts {
            tests: u32::try_from(self.ran.len()).unwrap_or(u32::MAX),
            failed_first: u32::try_from(self.counts.first_failed).unwrap_or(u32::MAX),
        }
    }

    /// Executions of a test that passed or failed.
    pub(crate) fn of(&self, test: i64) -> Counts {
        self.ran.get(&test).copied().unwrap_or_default()
    }

    /// How a test ended that failed; `None` if it did not fail.
    pub(crate) fn failed_end(&self, test: i64) -> Option<FailedEnd> {
        self.failed.get(&test).map(FailedInRun::end)
    }

    /// Whether there is a test of which [`Self::is_guarded`] is true.
    pub(crate) fn has_guarded(&self) -> bool {
        self.has_guarded
    }

    /// Whether the executions of a test are part of an outage, because of their cause.
    pub(crate) fn is_guarded(&self, test: i64) -> bool {
        self.has_guarded && self.failed.get(&test).is_some_and(|test| test.is_guarded)
    }

    /// Tests that failed first, then passed, and whose failure has a message, by message.
    pub(crate) fn recovered_by_message(&self) -> BTreeMap<u32, Vec<i64>> {
        let mut by_message: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
        for (test, found) in &self.failed {
            let has_passed = found.failed_first && self.of(*test).passed > 0;
            if let Some(message) = found.message.filter(|_| has_passed) {
                by_message.entry(message).or_default().push(*test);
            }
        }
        by_message
    }

    /// Guards tests; returns those that were not guarded before.
    pub(crate) fn guard(&mut self, tests: impl IntoIterator<Item = i64>) -> HashSet<i64> {
        let mut new = HashSet::new();
        for test in tests {
            if let Some(known) = self.failed.get_mut(&test)
                && !known.is_guarded
            {
                known.is_guarded = true;
                self.has_guarded = true;
                new.insert(test);
            }
        }
        new
    }

    pub(crate) fn size(&self) -> usize {
        self.ran.len()
    }
}

fn count_of(counts: &mut TestCounts, end: FailedEnd) -> &mut u64 {
    match end {
        FailedEnd::Broken => &mut counts.broken,
        FailedEnd::Muted => &mut counts.muted_failed,
        FailedEnd::Recovered => &mut counts.recovered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution(job: &str, test: i64, outcome: Outcome) -> InLane {
        InLane {
            lane: Lane::new(Some(job), "{}"),
            test,
            outcome,
            muted: false,
            message: None,
        }
    }

    fn counts(first_failed: u64, broken: u64, recovered: u64, muted_failed: u64) -> TestCounts {
        TestCounts {
            first_failed,
            broken,
            recovered,
            muted_failed,
        }
    }

    #[test]
    fn a_retry_repairs_a_failure_of_its_own_lane() {
        let mut run = RunOutcomes::default();
        assert!(run.add(execution("1", 7, Outcome::Failed)));
        assert_eq!(run.counts(), counts(1, 1, 0, 0));
        assert!(!run.add(execution("2", 7, Outcome::Passed)));
        assert_eq!(run.counts(), counts(1, 1, 0, 0), "another lane");
        run.add(execution("1", 7, Outcome::Passed));
        assert_eq!(run.counts(), counts(1, 0, 1, 0));
        run.add(execution("1", 7, Outcome::Failed));
        assert_eq!(run.counts(), counts(1, 1, 0, 0), "the last one decides");
        run.add(execution("1", 7, Outcome::Skipped));
        assert_eq!(run.counts(), counts(1, 1, 0, 0), "nothing ran");
        assert_eq!(run.of(7).failed, 2);
        assert_eq!(run.of(7).passed, 2);
    }

    #[test]
    fn muted_failures_are_apart_unless_another_lane_is_broken() {
        let muted = InLane {
            muted: true,
            ..execution("1", 7, Outcome::Failed)
        };
        let mut run = RunOutcomes::default();
        run.add(execution("1", 7, Outcome::Passed));
        run.add(muted);
        assert_eq!(run.counts(), counts(0, 0, 0, 1), "its first one passed");
        run.add(execution("2", 7, Outcome::Failed));
        assert_eq!(run.counts(), counts(0, 1, 0, 0));
    }

    #[test]
    fn recovered_tests_are_found_by_message_and_guarded_once() {
        let mut run = RunOutcomes::default();
        for test in 1..=3 {
            run.add(InLane {
                message: Some(9),
                ..execution("1", test, Outcome::Failed)
            });
        }
        assert!(run.recovered_by_message().is_empty());
        run.add(execution("1", 1, Outcome::Passed));
        run.add(execution("1", 2, Outcome::Passed));
        let found = run.recovered_by_message();
        let mut tests = found[&9].clone();
        tests.sort_unstable();
        assert_eq!(tests, [1, 2]);
        assert_eq!(run.guard([1, 2]).len(), 2);
        assert_eq!(run.guard([2, 3]), HashSet::from_iter([3]));
        assert!(run.is_guarded(1) && !run.is_guarded(4));
    }
}
