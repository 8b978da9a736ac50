//! Feeds a suite's runs to its tests, and reports each change of an alarm.
//!
//! A server that stores evidence does the same with one run at a time; both go through
//! [`Evidence::update`], [`judge`] and [`Alarm::update`], so they agree.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::alarm::{Alarm, Transition};
use crate::evidence::{Change, Event, Evidence};
use crate::group::{Commit, Counts};
use crate::guard::{Recovered, RunCounts, UploadCounts, shared_cause};
use crate::health::{Health, judge};
use crate::parameters::Parameters;
use crate::time::{DAY, day_of};

/// Messages of the default branch are remembered this long.
const MESSAGES_KEPT: i64 = 7 * DAY;
/// Reruns of a commit arrive within this time.
const RERUNS_WITHIN: i64 = 3 * DAY;

/// All results of one run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Unique in the suite.
    pub number: u32,
    /// A run without a commit has one of its own.
    pub commit: Commit,
    /// When it was received.
    pub at: i64,
    /// In order of receipt.
    pub uploads: Vec<Upload>,
}

/// All results of one upload.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    /// Whether the runner reported errors outside tests.
    pub has_errors_outside_tests: bool,
    /// One per test that passed or failed.
    pub results: Vec<TestResult>,
}

/// The executions of one test in one upload.
#[derive(Clone, Copy, Debug)]
pub struct TestResult {
    /// Unique in the suite.
    pub test: u32,
    /// Attempts and repetitions in this upload.
    pub counts: Counts,
    /// Whether the first one in this upload failed.
    pub failed_first: bool,
    /// The half of the first failure's fingerprint that identifies the message.
    pub message: u32,
}

/// A change of one test's alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmChange {
    /// Unique in the suite.
    pub test: u32,
    /// The time of the judgement, which follows an upload or is that of the daily job.
    pub at: i64,
    /// Whether the alarm began or ended.
    pub transition: Transition,
}

/// A suite during a replay.
#[derive(Debug, Default)]
pub struct Suite {
    parameters: Parameters,
    tests: BTreeMap<u32, Tracked>,
    messages: BTreeMap<u32, i64>,
}

/// One test.
#[derive(Clone, Debug, Default)]
pub struct Tracked {
    /// As of the last run, or compacted by the daily job since.
    pub evidence: Evidence,
    /// As of the last judgement.
    pub alarm: Alarm,
}

impl Suite {
    /// Without any history.
    pub fn new(parameters: Parameters) -> Self {
        Self {
            parameters,
            ..Self::default()
        }
    }

    /// The tests seen so far.
    pub fn tests(&self) -> &BTreeMap<u32, Tracked> {
        &self.tests
    }

    /// Adds a run.
    pub fn record(&mut self, run: &Run) -> Vec<AlarmChange> {
        let summary = Summary::of(run);
        let is_outage = summary.run_counts().is_outage();
        let with_cause = self.with_shared_cause(run.at, &summary);
        for (upload, counts) in run.uploads.iter().zip(&summary.uploads) {
            let all_guarded = is_outage || counts.is_outage();
            for result in &upload.results {
                let is_guarded = all_guarded || with_cause.contains(&result.test);
                let tracked = self.tests.entry(result.test).or_default();
                tracked.evidence.update(&Event {
                    change: if is_guarded {
                        Change::AddGuarded
                    } else {
                        Change::Add
                    },
                    commit: run.commit,
                    run: run.number,
                    at: run.at,
                    counts: result.counts,
                });
            }
        }
        let mut changes = Vec::new();
        for test in summary.tests.keys() {
            let Some(tracked) = self.tests.get_mut(test) else {
                continue;
            };
            if tracked.evidence.has_failures() {
                let health = judge(&tracked.evidence, run.at, &self.parameters);
                changes.extend(tracked.follow(*test, &health, run.at));
            }
        }
        if run.commit.main.is_some() {
            for test in summary.tests.values().filter(|test| test.failed_first) {
                self.messages.insert(test.message, run.at);
            }
        }
        changes
    }

    /// The tests whose failures in this run have one new cause.
    fn with_shared_cause(&self, at: i64, summary: &Summary) -> BTreeSet<u32> {
        let recovered: Vec<Recovered> = summary
            .tests
            .iter()
            .filter(|(_, test)| test.failed_first && test.counts.passed > 0)
            .map(|(test, found)| Recovered {
                test: *test,
                message: found.message,
            })
            .collect();
        let is_known = |message| {
            let seen = self.messages.get(&message);
            seen.is_some_and(|seen| at.saturating_sub(*seen) <= MESSAGES_KEPT)
        };
        shared_cause(&recovered, is_known)
    }

    /// What a daily job does: ends alarms, and forgets old evidence.
    pub fn tick(&mut self, now: i64) -> Vec<AlarmChange> {
        let mut changes = Vec::new();
        for (test, tracked) in &mut self.tests {
            tracked.evidence.expire(day_of(now));
            tracked.evidence.compact(now.saturating_sub(RERUNS_WITHIN));
            if tracked.alarm.is_on() {
                let health = judge(&tracked.evidence, now, &self.parameters);
                changes.extend(tracked.follow(*test, &health, now));
            }
        }
        self.messages
            .retain(|_, seen| now.saturating_sub(*seen) <= MESSAGES_KEPT);
        changes
    }
}

/// A run as the guard sees it.
#[derive(Default)]
struct Summary {
    tests: BTreeMap<u32, TestResult>,
    uploads: Vec<UploadCounts>,
}

impl Summary {
    fn of(run: &Run) -> Self {
        let mut summary = Self::default();
        for upload in &run.uploads {
            let mut counts = UploadCounts {
                has_errors_outside_tests: upload.has_errors_outside_tests,
                ..UploadCounts::default()
            };
            for result in &upload.results {
                match summary.tests.entry(result.test) {
                    Entry::Occupied(mut known) => {
                        let counts = known.get().counts.plus(result.counts);
                        known.get_mut().counts = counts;
                    }
                    Entry::Vacant(first) => {
                        first.insert(*result);
                        counts.tests += 1;
                        counts.failed += u32::from(result.failed_first);
                    }
                }
            }
            summary.uploads.push(counts);
        }
        summary
    }

    fn run_counts(&self) -> RunCounts {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let failed = self.tests.values().filter(|test| test.failed_first);
        RunCounts {
            tests: count(self.tests.len()),
            failed_first: count(failed.count()),
        }
    }
}

impl Tracked {
    fn follow(&mut self, test: u32, health: &Health, at: i64) -> Option<AlarmChange> {
        let transition = self.alarm.update(health, at)?;
        Some(AlarmChange {
            test,
            at,
            transition,
        })
    }
}
