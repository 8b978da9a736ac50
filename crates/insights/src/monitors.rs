//! Monitors: the conditions on the history of a test under which a rule raises its alarm, and under
//! which the alarm ends.

use crate::evidence::{Evidence, KEPT_DAYS};
use crate::executions::{Execution, median_duration, transition_share};
use crate::group::GroupOutcome;
use crate::health::{could_alarm, judge, may_recover, should_alarm};
use crate::parameters::Parameters;
use crate::time::{DAY, day_of};

/// The monitor of a rule. Shares are in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monitor {
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
    /// How often the result changes from one execution to the next.
    TransitionCount {
        /// Executions that are looked at, at most [`Monitor::MAX_WINDOW`]; changes are divided by
        /// it.
        window: u32,
        /// From this share on the alarm begins.
        high: u32,
        /// From this share down it ends.
        low: u32,
    },
    /// The median duration.
    DurationP50 {
        /// Durations that are looked at, at most [`Monitor::MAX_WINDOW`].
        window: u32,
        /// In microseconds; from this duration on the alarm begins.
        high: u64,
        /// In microseconds; from this duration down it ends.
        low: u64,
    },
    /// Executed for the first time. This alarm never ends.
    NewTest,
}

/// What is known of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// For most monitors.
    pub evidence: Evidence,
    /// Oldest first, for monitors with a window; at least as many as it has, if there are.
    pub executions: Vec<Execution>,
    /// When the test was executed first, if that is not too long ago to matter.
    pub first_at: Option<i64>,
}

impl From<Evidence> for History {
    fn from(evidence: Evidence) -> Self {
        Self {
            evidence,
            ..Self::default()
        }
    }
}

impl History {
    /// The executions up to a time.
    fn executions_until(&self, now: i64) -> &[Execution] {
        let end = self
            .executions
            .partition_point(|execution| execution.at <= now);
        &self.executions[..end]
    }
}

impl Monitor {
    /// The hosted product's default.
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
    /// The largest window of executions.
    pub const MAX_WINDOW: u32 = 100;

    /// The number of executions that the monitor looks at, if it looks at single ones.
    pub fn window(&self) -> Option<u32> {
        match self {
            Self::TransitionCount { window, .. } | Self::DurationP50 { window, .. } => {
                Some(*window)
            }
            _ => None,
        }
    }

    /// Whether the monitor could apply to the test at any time. Cheap, and `true` too often.
    pub(crate) fn could_alarm(&self, history: &History, parameters: &Parameters) -> bool {
        let evidence = &history.evidence;
        match self {
            Self::Flaky => could_alarm(evidence, parameters),
            Self::PassedOnRetry { .. } => {
                let mut groups = evidence.groups().iter();
                groups.any(|group| group.outcome() == Some(GroupOutcome::Mixed))
            }
            Self::Broken | Self::ProbabilisticFlakiness { .. } => evidence.has_failures(),
            Self::TransitionCount { .. } | Self::DurationP50 { .. } => {
                !history.executions.is_empty()
            }
            Self::NewTest => history.first_at.is_some(),
        }
    }

    /// Whether the alarm of a test begins, if it is off.
    pub fn alarms(&self, history: &History, now: i64, parameters: &Parameters) -> bool {
        let evidence = &history.evidence;
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
            Self::TransitionCount { window, high, .. } => {
                transition_share(history.executions_until(now), window) >= high.max(1)
            }
            Self::DurationP50 { window, high, .. } => {
                let median = median_duration(history.executions_until(now), window);
                median.is_some_and(|median| median >= high)
            }
            Self::NewTest => history
                .first_at
                .is_some_and(|first| (0..DAY).contains(&now.saturating_sub(first))),
        }
    }

    /// Whether the alarm of a test ends, if it is on.
    pub fn recovers(&self, history: &History, now: i64, parameters: &Parameters) -> bool {
        let evidence = &history.evidence;
        match *self {
            Self::Flaky => {
                may_recover(evidence, now, parameters) && !should_alarm(evidence, now, parameters)
            }
            Self::Broken => !self.alarms(history, now, parameters),
            Self::ProbabilisticFlakiness { low, .. } => {
                judge(evidence, now, parameters).score.rate < low
            }
            Self::PassedOnRetry {
                days, executions, ..
            } => mixed_within(evidence, day_of(now), days, executions) == 0,
            Self::TransitionCount { window, low, .. } => {
                let executions = history.executions_until(now);
                !executions.is_empty() && transition_share(executions, window) <= low
            }
            Self::DurationP50 { window, low, .. } => {
                let median = median_duration(history.executions_until(now), window);
                median.is_some_and(|median| median <= low)
            }
            Self::NewTest => false,
        }
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
