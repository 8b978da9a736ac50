//! Measures detection against the truth of generated histories.

use std::collections::{BTreeMap, BTreeSet};

use test_engine_insights::{AlarmChange, DAY, Parameters, Suite, Transition, day_of};

use crate::generated::{Generated, Truth, World};

/// Counts over one or more histories.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) histories: u32,
    /// Flaky tests that are flagged at the end, or not.
    pub(crate) found: u32,
    pub(crate) missed: u32,
    /// Other tests that are flagged at the end.
    pub(crate) wrong: u32,
    /// Of the flaky tests, those expected to fail in at least four commit groups of the window.
    pub(crate) frequent_found: u32,
    pub(crate) frequent_missed: u32,
    /// Healthy or broken tests that were flagged at any time.
    pub(crate) false_alarms: u32,
    /// Alarms of flaky tests that ended and came back.
    pub(crate) flaps: u32,
    /// Healthy or broken tests flagged from the day of the outage to two days later.
    pub(crate) flagged_by_outage: u32,
    /// Days until the first alarm of tests that were flaky from the start.
    pub(crate) days_until_alarm: Vec<i64>,
    /// By kind: flagged at the end, at any time, all.
    pub(crate) kinds: BTreeMap<String, [u32; 3]>,
}

/// Commit groups in which a test must be expected to fail for it to be findable.
const FREQUENT: f64 = 4.0;

impl Measured {
    /// Generates a history and replays it.
    pub(crate) fn add(&mut self, world: World, parameters: Parameters) {
        let generated = world.generate();
        let mut suite = Suite::new(parameters);
        let changes = replay(&generated, &mut suite);
        let tests = suite.tests().iter();
        let on: BTreeSet<u32> = tests
            .filter(|(_, tracked)| tracked.alarm.is_on())
            .map(|(test, _)| *test)
            .collect();
        self.count(&generated, &changes, &on);
        if let Some(day) = world.outage_day {
            let from = generated.start + i64::from(day) * DAY;
            let is_not_flaky =
                |test: u32| generated.kinds[test as usize].truth() == Truth::NotFlaky;
            let flagged = changes.iter().filter(|change| {
                change.transition == Transition::Alarm
                    && (from..from + 3 * DAY).contains(&change.at)
                    && is_not_flaky(change.test)
            });
            self.flagged_by_outage += count(flagged);
        }
    }

    fn count(&mut self, generated: &Generated, changes: &[AlarmChange], on: &BTreeSet<u32>) {
        self.histories += 1;
        let mut alarms: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
        for change in changes
            .iter()
            .filter(|change| change.transition == Transition::Alarm)
        {
            alarms.entry(change.test).or_default().push(change.at);
        }
        for ((test, kind), expected) in (0..).zip(&generated.kinds).zip(&generated.expected) {
            let is_on = on.contains(&test);
            let times = alarms.get(&test).map_or(&[][..], Vec::as_slice);
            let row = self.kinds.entry(kind.name()).or_default();
            row[0] += u32::from(is_on);
            row[1] += u32::from(!times.is_empty());
            row[2] += 1;
            match kind.truth() {
                Truth::Flaky => {
                    self.found += u32::from(is_on);
                    self.missed += u32::from(!is_on);
                    if *expected >= FREQUENT {
                        self.frequent_found += u32::from(is_on);
                        self.frequent_missed += u32::from(!is_on);
                    }
                    self.flaps += count(times.iter().skip(1));
                    let start = generated.start;
                    if kind.is_flaky_from_the_start() {
                        self.days_until_alarm
                            .extend(times.first().map(|at| (at - start).div_euclid(DAY)));
                    }
                }
                Truth::NotFlaky => {
                    self.wrong += u32::from(is_on);
                    self.false_alarms += u32::from(!times.is_empty());
                }
                Truth::WasFlaky => self.wrong += u32::from(is_on),
                Truth::Unscored => {}
            }
        }
    }

    /// Harmonic mean of precision and recall over all flaky tests.
    pub(crate) fn f1(&self) -> f64 {
        f1(self.found, self.missed, self.wrong)
    }

    /// The same over tests that are expected to fail often enough.
    pub(crate) fn frequent_f1(&self) -> f64 {
        f1(self.frequent_found, self.frequent_missed, self.wrong)
    }
}

fn f1(found: u32, missed: u32, wrong: u32) -> f64 {
    2.0 * f64::from(found) / (2.0 * f64::from(found) + f64::from(missed) + f64::from(wrong))
}

fn count(items: impl Iterator) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

/// As a server does: each run when it arrives, and a job every night.
pub(crate) fn replay(generated: &Generated, suite: &mut Suite) -> Vec<AlarmChange> {
    let mut changes = Vec::new();
    let mut today = day_of(generated.start);
    for run in &generated.runs {
        while today < day_of(run.at) {
            today += 1;
            changes.extend(suite.tick(i64::from(today) * DAY));
        }
        changes.extend(suite.record(run));
    }
    changes.extend(suite.tick((i64::from(today) + 1) * DAY));
    changes
}
