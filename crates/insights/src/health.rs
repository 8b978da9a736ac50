//! The judgement on one test: broken, flaky, suspect or sound (§6 of the design).

use crate::breaks::{Breaks, OpenBreak};
use crate::evidence::{Evidence, KEPT_DAYS, Sums};
use crate::group::GroupOutcome;
use crate::parameters::Parameters;
use crate::score::{Score, score};
use crate::time::{DAY, day_of};

/// What the evidence says at one time. Whether the test *is* flaky also depends on its
/// [`Alarm`](crate::Alarm), which stays on until the test has been quiet for long enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The score over the window.
    pub score: Score,
    /// What the score was computed from.
    pub sums: Sums,
    /// Breaks of the default branch in the window.
    pub breaks: Breaks,
    /// Whether the conditions of an alarm hold.
    pub should_alarm: bool,
    /// Whether the conditions to end an alarm hold.
    pub may_recover: bool,
    /// Whether there is a first sign of flakiness.
    pub is_suspect: bool,
}

/// What is shown of a test, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Fails on the default branch now.
    Broken,
    /// The alarm is on.
    Flaky,
    /// A first sign of flakiness; nothing is done about it.
    Suspect,
    /// None of these.
    Sound,
}

impl Level {
    /// Worst first.
    pub const ALL: [Self; 4] = [Self::Broken, Self::Flaky, Self::Suspect, Self::Sound];

    /// As in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Flaky => "flaky",
            Self::Suspect => "suspect",
            Self::Sound => "sound",
        }
    }
}

impl Health {
    /// The break that makes the test broken.
    pub fn broken(&self) -> Option<&OpenBreak> {
        self.breaks.broken()
    }

    /// What to show of the test.
    pub fn level(&self, is_alarm_on: bool) -> Level {
        if self.broken().is_some() {
            Level::Broken
        } else if is_alarm_on {
            Level::Flaky
        } else if self.is_suspect {
            Level::Suspect
        } else {
            Level::Sound
        }
    }
}

/// Judges a test at a time.
pub fn judge(evidence: &Evidence, now: i64, parameters: &Parameters) -> Health {
    let (after, today) = window(now, parameters);
    let sums = evidence.sums(after, today);
    let breaks = Breaks::of(evidence, after, today);
    let score = score(&sums, parameters.flaky_rate);
    Health {
        score,
        sums,
        breaks,
        should_alarm: has_proof(&sums, &breaks, parameters, || score),
        may_recover: may_recover(evidence, now, parameters),
        is_suspect: sums.mixed_groups >= 1 || score.flaky >= parameters.suspect_score,
    }
}

/// [`Health::should_alarm`] alone, which takes less time.
pub(crate) fn should_alarm(evidence: &Evidence, now: i64, parameters: &Parameters) -> bool {
    let (after, today) = window(now, parameters);
    let sums = evidence.sums(after, today);
    let breaks = Breaks::of(evidence, after, today);
    has_proof(&sums, &breaks, parameters, || {
        score(&sums, parameters.flaky_rate)
    })
}

/// The last day before the window, and its last day.
fn window(now: i64, parameters: &Parameters) -> (i32, i32) {
    let today = day_of(now);
    (today.saturating_sub(parameters.window_days), today)
}

/// Whether a test that is not broken fails and passes on the same code too often for a sound test,
/// or fails every execution of a run and passes soon afterwards, again and again.
fn has_proof(
    sums: &Sums,
    breaks: &Breaks,
    parameters: &Parameters,
    score: impl FnOnce() -> Score,
) -> bool {
    if sums.groups < parameters.min_groups || breaks.broken().is_some() {
        return false;
    }
    let share = u64::from(breaks.ended) * u64::from(parameters.short_share);
    let breaks_often =
        breaks.short >= parameters.min_short_breaks && u64::from(breaks.short) * 1_000_000 >= share;
    let is_mixed = sums.mixed_groups >= parameters.min_mixed_groups;
    breaks_often || is_mixed && score().flaky >= parameters.alarm_score
}

/// Whether the last sign of flakiness is long ago, and the test was executed often since. A test
/// that is rarely executed also recovers if nothing that is kept of it has a sign.
pub(crate) fn may_recover(evidence: &Evidence, now: i64, parameters: &Parameters) -> bool {
    let today = day_of(now);
    let kept = today.saturating_sub(KEPT_DAYS);
    let quiet = i64::from(parameters.quiet_days) * DAY;
    let is_recent = |last: Option<i64>| last.is_some_and(|last| now.saturating_sub(last) < quiet);
    let mixed = last_mixed(evidence, today, kept);
    if is_recent(mixed) {
        return false;
    }
    match mixed.max(Breaks::of(evidence, kept, today).last_short_at) {
        last if is_recent(last) => false,
        Some(last) => evidence.sums(day_of(last), today).passes >= parameters.quiet_executions,
        None => evidence.sums(kept, today).groups >= parameters.min_groups,
    }
}

/// Whether any time could have an alarm. Cheap, and `true` too often.
pub(crate) fn could_alarm(evidence: &Evidence, parameters: &Parameters) -> bool {
    let (mut mixed, mut failed) = (0, 0);
    for group in evidence.groups() {
        match group.outcome() {
            Some(GroupOutcome::Mixed) => mixed += 1,
            Some(GroupOutcome::Failed) if group.commit.main.is_some() => failed += 1,
            _ => {}
        }
    }
    mixed >= parameters.min_mixed_groups || failed >= parameters.min_short_breaks
}

/// When the test last failed and passed on the same code.
fn last_mixed(evidence: &Evidence, today: i32, kept: i32) -> Option<i64> {
    let is_mixed = |outcome| outcome == Some(GroupOutcome::Mixed);
    evidence
        .groups()
        .iter()
        .filter(|group| is_mixed(group.outcome()))
        .map(|group| group.first_at)
        .filter(|at| (kept + 1..=today).contains(&day_of(*at)))
        .max()
}
