//! Feeds a suite's runs to its tests, and reports each change of an alarm.
//!
//! A server that stores evidence does the same with one run at a time; both go through
//! [`Evidence::update`], [`judge`] and [`Alarm::update`], so they agree.

use std::collections::{BTreeMap, BTreeSet};

use crate::alarm::{Alarm, Transition};
use crate::evidence::{Change, Event, Evidence};
use crate::group::{Commit, Counts};
use crate::guard::{Recovered, RunCounts, shared_cause};
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
    /// Its commit.
    pub commit: Commit,
    /// When it was received.
    pub at: i64,
    /// One per test that passed or failed.
    pub results: Vec<TestResult>,
}

/// The executions of one test in one run.
#[derive(Clone, Copy, Debug)]
pub struct TestResult {
    /// The test.
    pub test: u32,
    /// How many of its executions passed and failed.
    pub counts: Counts,
    /// Whether the first one failed.
    pub failed_first: bool,
    /// The half of the first failure's fingerprint that identifies the message.
    pub message: u32,
}

/// A change of one test's alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmChange {
    /// The test.
    pub test: u32,
    /// When.
    pub at: i64,
    /// What.
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
    /// Its evidence.
    pub evidence: Evidence,
    /// Its alarm.
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
        let guarded = self.guarded(run);
        let mut changes = Vec::new();
        for result in &run.results {
            let tracked = self.tests.entry(result.test).or_default();
            let is_guarded = guarded
                .as_ref()
                .is_none_or(|tests| tests.contains(&result.test));
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
            if tracked.evidence.has_failures() {
                let health = judge(&tracked.evidence, run.at, &self.parameters);
                changes.extend(tracked.follow(result.test, &health, run.at));
            }
        }
        if run.commit.main.is_some() {
            for result in run.results.iter().filter(|result| result.failed_first) {
                self.messages.insert(result.message, run.at);
            }
        }
        changes
    }

    /// The tests whose executions in this run do not count; `None` for all.
    fn guarded(&self, run: &Run) -> Option<BTreeSet<u32>> {
        let failed: Vec<&TestResult> = run.results.iter().filter(|one| one.failed_first).collect();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let counts = RunCounts {
            tests: count(run.results.len()),
            failed_first: count(failed.len()),
        };
        if counts.is_outage() {
            return None;
        }
        let recovered: Vec<Recovered> = failed
            .iter()
            .filter(|result| result.counts.passed > 0)
            .map(|result| Recovered {
                test: result.test,
                message: result.message,
            })
            .collect();
        let is_known = |message| {
            let seen = self.messages.get(&message);
            seen.is_some_and(|seen| run.at.saturating_sub(*seen) <= MESSAGES_KEPT)
        };
        Some(shared_cause(&recovered, is_known))
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
