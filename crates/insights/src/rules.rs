//! Rules over the evidence on one test: when they raise an alarm, and when they end it.

use crate::evidence::{Evidence, KEPT_DAYS};
use crate::group::GroupOutcome;
use crate::health::{could_alarm, judge, may_recover, should_alarm};
use crate::parameters::Parameters;
use crate::time::day_of;

/// A rule. Shares are in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The alarm of this design.
    Flaky,
    /// Broken on the default branch.
    Broken,
    /// Fails and passes on the same commit.
    PassedOnRetry {
        /// Such commits needed.
        commits: u32,
        /// Days in which they have to be.
        days: i32,
        /// Passes after which the last of them no longer counts.
        executions: u32,
    },
    /// The failure rate on good code.
    ProbabilisticFlakiness {
        /// Above this the alarm begins.
        high: u32,
        /// Below this it ends.
        low: u32,
    },
}

impl Rule {
    /// The hosted product's default rule.
    pub const PASSED_ON_RETRY: Self = Self::PassedOnRetry {
        commits: 1,
        days: 7,
        executions: 100,
    };
    /// The hosted product's thresholds.
    pub const PROBABILISTIC_FLAKINESS: Self = Self::ProbabilisticFlakiness {
        high: 100_000,
        low: 80_000,
    };

    /// Whether the rule could apply to the test at any time. Cheap, and `true` too often.
    pub(crate) fn could_alarm(&self, evidence: &Evidence, parameters: &Parameters) -> bool {
        match self {
            Self::Flaky => could_alarm(evidence, parameters),
            Self::PassedOnRetry { .. } => {
                let mut groups = evidence.groups().iter();
                groups.any(|group| group.outcome() == Some(GroupOutcome::Mixed))
            }
            Self::Broken | Self::ProbabilisticFlakiness { .. } => evidence.has_failures(),
        }
    }

    /// Whether the alarm of a test begins, if it is off.
    pub fn alarms(&self, evidence: &Evidence, now: i64, parameters: &Parameters) -> bool {
        match *self {
            Self::Flaky => should_alarm(evidence, now, parameters),
            Self::Broken => judge(evidence, now, parameters).broken().is_some(),
            Self::ProbabilisticFlakiness { high, .. } => {
                judge(evidence, now, parameters).score.rate > high
            }
            Self::PassedOnRetry {
                commits,
                days,
                executions,
            } => mixed_within(evidence, day_of(now), days, executions) >= commits.max(1),
        }
    }

    /// Whether the alarm of a test ends, if it is on.
    pub fn recovers(&self, evidence: &Evidence, now: i64, parameters: &Parameters) -> bool {
        match *self {
            Self::Flaky => {
                may_recover(evidence, now, parameters) && !should_alarm(evidence, now, parameters)
            }
            Self::Broken => !self.alarms(evidence, now, parameters),
            Self::ProbabilisticFlakiness { low, .. } => {
                judge(evidence, now, parameters).score.rate < low
            }
            Self::PassedOnRetry {
                days, executions, ..
            } => mixed_within(evidence, day_of(now), days, executions) == 0,
        }
    }
}

/// Keeps rules from quarantining a whole suite, for example after a change of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// Tests of the suite.
    pub tests: u32,
    /// Of those, the tests that rules have quarantined and that still are.
    pub quarantined: u32,
    /// Tests that rules have quarantined today.
    pub quarantined_today: u32,
}

impl Brake {
    const MAX_PERCENT: u32 = 5;
    const MAX_PER_DAY: u32 = 20;

    /// How many more tests rules may quarantine today: 5% of the suite in all, at least one test,
    /// and 20 tests per day.
    pub fn remaining(&self) -> u32 {
        let in_all = u64::from(self.tests) * u64::from(Self::MAX_PERCENT);
        let in_all = u32::try_from(in_all.div_ceil(100)).unwrap_or(u32::MAX);
        let today = Self::MAX_PER_DAY.saturating_sub(self.quarantined_today);
        in_all.saturating_sub(self.quarantined).min(today)
    }
}

/// Mixed groups of the last `days` days after which the test passed fewer than `executions` times.
fn mixed_within(evidence: &Evidence, today: i32, days: i32, executions: u32) -> u32 {
    let first = today.saturating_sub(days.clamp(1, KEPT_DAYS)) + 1;
    let is_recent =
        |day: i32| (first..=today).contains(&day) && evidence.sums(day, today).passes < executions;
    let mixed = evidence
        .groups()
        .iter()
        .filter(|group| group.outcome() == Some(GroupOutcome::Mixed))
        .filter(|group| is_recent(day_of(group.first_at)));
    u32::try_from(mixed.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_quarantine_a_twentieth_of_a_suite_and_twenty_tests_a_day() {
        // Tests, quarantined by rules, of those today: how many more.
        let cases = [
            (0, 0, 0, 0),
            (1, 0, 0, 1),
            (20, 1, 1, 0),
            (100, 0, 0, 5),
            (100, 5, 0, 0),
            (100, 9, 0, 0),
            (10_000, 0, 0, 20),
            (10_000, 20, 19, 1),
            (10_000, 20, 25, 0),
            (10_000, 495, 0, 5),
            (u32::MAX, 0, 0, 20),
        ];
        for (tests, quarantined, quarantined_today, expected) in cases {
            let brake = Brake {
                tests,
                quarantined,
                quarantined_today,
            };
            assert_eq!(brake.remaining(), expected, "{brake:?}");
        }
    }
}
