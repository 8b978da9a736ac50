//! Runs of a suite over some weeks.

use test_engine_insights::{Commit, Counts, DAY, Run, TestResult, Upload};

use super::kinds::Kind;
use super::numbers::Numbers;

/// What happens in a generated history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) tests: usize,
    pub(crate) days: u32,
    pub(crate) runs_per_day: u32,
    /// Executions of a failed test after the first, at most.
    pub(crate) retries: u32,
    /// A day on which an outage fails 60% of all executions.
    pub(crate) outage_day: Option<u32>,
    pub(crate) seed: u64,
}

/// A history, with the truth about each test.
pub(crate) struct Generated {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) runs: Vec<Run>,
    /// When the history starts.
    pub(crate) start: i64,
    /// Commit groups of the last 28 days in which each test is expected to fail on good code.
    pub(crate) expected: Vec<f64>,
}

/// The day the history starts, in days since the epoch.
const START: i64 = 20_000;
/// Half of the runs are on other branches than the default branch.
const BRANCHES: f64 = 0.5;
/// A third of those break tests.
const BREAKING: f64 = 0.35;
/// Runs of the default branch that repeat a commit.
const REPEATED: f64 = 0.2;
/// Runs in which something unrelated fails tests once.
const HICCUPS: f64 = 0.03;
/// Hiccups in which all failures have one message.
const SAME_MESSAGE: f64 = 0.5;
/// Tests that branches break more often than others.
const OFTEN_BROKEN: u32 = 100;
/// Failing tests of an outage.
const OUTAGE: f64 = 0.6;
/// Message of an outage; hiccups have the ones after it.
const OUTAGE_MESSAGE: u32 = 1_000_000;

/// What is true during one run.
struct Moment {
    /// Since the start, with a fraction.
    day: f64,
    /// When the commit was first run, which decides what is broken in it.
    committed: f64,
    is_busy: bool,
    is_outage: bool,
    /// Tests that the branch breaks.
    broken: Vec<u32>,
    /// Tests that fail once, with their message.
    hiccup: Vec<(u32, u32)>,
}

impl World {
    pub(crate) fn generate(self) -> Generated {
        let mut numbers = Numbers::new(self.seed.wrapping_mul(7_919).wrapping_add(17));
        let kinds = Kind::suite(self.tests, f64::from(self.days), &mut numbers);
        let busy: Vec<(f64, f64)> = (0..self.days)
            .map(|day| {
                let from = f64::from(day) + numbers.within(8.0, 16.0) / 24.0;
                (from, from + numbers.within(1.0, 3.0) / 24.0)
            })
            .collect();
        let outages: Vec<(f64, f64)> = (0..2)
            .map(|_| numbers.within(0.1, 0.9) * f64::from(self.days))
            .map(|from| (from, from + 4.0 / 24.0))
            .chain(
                self.outage_day
                    .map(|day| (f64::from(day), f64::from(day + 1))),
            )
            .collect();
        let is_in = |stretches: &[(f64, f64)], day: f64| {
            stretches
                .iter()
                .any(|(from, to)| (*from..*to).contains(&day))
        };
        let mut runs = Vec::new();
        let mut expected = vec![0.0; self.tests];
        let (mut commits, mut main) = (0, 0);
        let mut last_main: Option<(Commit, f64)> = None;
        for day in self.times(&mut numbers) {
            let is_main = !numbers.happens(BRANCHES);
            let repeats = is_main && numbers.happens(REPEATED);
            let (commit, committed) = last_main.filter(|_| repeats).unwrap_or_else(|| {
                commits += 1;
                main += u32::from(is_main);
                let main = is_main.then_some(main);
                (
                    Commit {
                        number: commits,
                        main,
                    },
                    day,
                )
            });
            if is_main {
                last_main = Some((commit, committed));
            }
            let moment = Moment {
                day,
                committed,
                is_busy: is_in(&busy, day),
                is_outage: is_in(&outages, day),
                broken: self.broken(is_main, &mut numbers),
                hiccup: self.hiccup(runs.len(), &mut numbers),
            };
            if day >= f64::from(self.days) - 28.0 && day <= committed {
                for (sum, kind) in expected.iter_mut().zip(&kinds) {
                    *sum += kind.failure_rate(day, moment.is_busy, false);
                }
            }
            runs.push(self.run(&kinds, commit, &moment, &mut numbers, runs.len()));
        }
        Generated {
            kinds,
            runs,
            start: START * DAY,
            expected,
        }
    }

    /// When the runs are, in days since the start: four fifths of them between 7 and 20 o'clock.
    fn times(self, numbers: &mut Numbers) -> Vec<f64> {
        let mut times: Vec<f64> = (0..self.days * self.runs_per_day)
            .map(|index| {
                let hour = if numbers.happens(0.8) {
                    numbers.within(7.0, 20.0)
                } else {
                    numbers.within(0.0, 24.0)
                };
                f64::from(index / self.runs_per_day) + hour.min(23.99) / 24.0
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times
    }

    fn broken(self, is_main: bool, numbers: &mut Numbers) -> Vec<u32> {
        if is_main || !numbers.happens(BREAKING) {
            return Vec::new();
        }
        let tests = u32::try_from(self.tests).unwrap_or(u32::MAX);
        let count = numbers.between(1, 9);
        // Half of them are among the tests that often break.
        let test = |_| {
            if numbers.happens(0.5) {
                tests - 1 - numbers.between(0, OFTEN_BROKEN.min(tests / 4))
            } else {
                numbers.between(0, tests)
            }
        };
        (0..count).map(test).collect()
    }

    fn hiccup(self, run: usize, numbers: &mut Numbers) -> Vec<(u32, u32)> {
        if !numbers.happens(HICCUPS) {
            return Vec::new();
        }
        let tests = u32::try_from(self.tests).unwrap_or(u32::MAX);
        let message = OUTAGE_MESSAGE + 1 + u32::try_from(run).unwrap_or_default();
        let is_same = numbers.happens(SAME_MESSAGE);
        (0..numbers.between(3, 41))
            .map(|_| numbers.between(0, tests))
            .map(|test| (test, if is_same { message } else { test }))
            .collect()
    }

    fn run(
        self,
        kinds: &[Kind],
        commit: Commit,
        moment: &Moment,
        numbers: &mut Numbers,
        index: usize,
    ) -> Run {
        let results = (0_u32..)
            .zip(kinds)
            .map(|(test, kind)| self.result(test, kind, moment, numbers))
            .collect();
        Run {
            number: u32::try_from(index).unwrap_or(u32::MAX),
            commit,
            at: START * DAY + millis(moment.day),
            uploads: vec![Upload {
                results,
                ..Upload::default()
            }],
        }
    }

    fn result(self, test: u32, kind: &Kind, moment: &Moment, numbers: &mut Numbers) -> TestResult {
        let hiccup = moment.hiccup.iter().find(|(hit, _)| *hit == test);
        let is_broken = kind.is_broken(moment.committed) || moment.broken.contains(&test);
        let mut counts = Counts::default();
        for execution in 0..=self.retries {
            let is_retry = execution > 0;
            let fails = is_broken
                || !is_retry && hiccup.is_some()
                || moment.is_outage && numbers.happens(OUTAGE)
                || numbers.happens(kind.failure_rate(moment.day, moment.is_busy, is_retry));
            if !fails {
                counts.passed += 1;
                break;
            }
            counts.failed += 1;
        }
        let message = match hiccup {
            _ if moment.is_outage => OUTAGE_MESSAGE,
            Some((_, message)) => *message,
            None => test,
        };
        TestResult {
            test,
            counts,
            failed_first: counts.failed > 0,
            message,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "some weeks")]
fn millis(days: f64) -> i64 {
    #[expect(clippy::cast_precision_loss, reason = "a day has few milliseconds")]
    let day = DAY as f64;
    (days * day) as i64
}
