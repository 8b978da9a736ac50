//! Adds executions to metrics.

use std::collections::BTreeMap;

use test_engine_duration::Micros;
use test_engine_results::Outcome;

use crate::records::Metrics;
use crate::segment::StoredExecution;

/// The largest number that a database column can store.
const MAX_SUM: Micros = Micros::new(i64::MAX as u64);

pub(crate) fn add(metrics: &mut Metrics, execution: &StoredExecution) {
    let counts = &mut metrics.counts;
    match execution.outcome {
        Outcome::Passed => counts.passed += 1,
        Outcome::Failed => counts.failed += 1,
        Outcome::Skipped => counts.skipped += 1,
        Outcome::Unknown => counts.unknown += 1,
    }
    if let Some(duration) = execution.duration.filter(|_| execution.is_timed()) {
        let duration = duration.min(MAX_SUM);
        let at_least = metrics.duration_min.unwrap_or(duration);
        let at_most = metrics.duration_max.unwrap_or(duration);
        metrics.timed += 1;
        metrics.duration_sum = metrics.duration_sum.saturating_add(duration).min(MAX_SUM);
        metrics.duration_min = Some(at_least.min(duration));
        metrics.duration_max = Some(at_most.max(duration));
        metrics.durations.add(duration);
    }
}

/// By test id.
pub(crate) fn by_test(executions: &[StoredExecution]) -> BTreeMap<i64, Metrics> {
    let mut tests: BTreeMap<i64, Metrics> = BTreeMap::new();
    for execution in executions {
        add(tests.entry(execution.test_id).or_default(), execution);
    }
    tests
}

#[inline]
pub(crate) fn merge(metrics: &mut Metrics, other: &Metrics) {
    let (counts, others) = (&mut metrics.counts, &other.counts);
    counts.passed = sum(counts.passed, others.passed);
    counts.failed = sum(counts.failed, others.failed);
    counts.skipped = sum(counts.skipped, others.skipped);
    counts.unknown = sum(counts.unknown, others.unknown);
    metrics.timed = sum(metrics.timed, other.timed);
    metrics.duration_sum = metrics
        .duration_sum
        .saturating_add(other.duration_sum)
        .min(MAX_SUM);
    metrics.duration_min = match (metrics.duration_min, other.duration_min) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    };
    // `None` is less than any duration.
    metrics.duration_max = metrics.duration_max.max(other.duration_max);
    metrics.durations.merge(&other.durations);
}

/// The executions of a test and what they took. Much faster to sum up than [`Metrics`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub executions: u64,
    /// Executions with a duration, without skipped ones.
    pub timed: u64,
    pub duration_sum: Micros,
    /// `None` without timed executions.
    pub longest: Option<Micros>,
}

impl Cost {
    #[inline]
    pub(crate) fn add(&mut self, other: &Metrics) {
        self.executions = sum(self.executions, other.counts.executions());
        self.timed = sum(self.timed, other.timed);
        self.duration_sum = self
            .duration_sum
            .saturating_add(other.duration_sum)
            .min(MAX_SUM);
        self.longest = self.longest.max(other.duration_max);
    }

    /// Rounded to the microsecond; `None` without timed executions.
    pub(crate) fn mean(&self) -> Option<Micros> {
        self.duration_sum.mean_of(self.timed)
    }
}

/// Subtracts executions, but not their durations.
pub(crate) fn subtract_counts(metrics: &mut Metrics, other: &Metrics) {
    let (counts, others) = (&mut metrics.counts, &other.counts);
    counts.passed = counts.passed.saturating_sub(others.passed);
    counts.failed = counts.failed.saturating_sub(others.failed);
    counts.skipped = counts.skipped.saturating_sub(others.skipped);
    counts.unknown = counts.unknown.saturating_sub(others.unknown);
}

fn sum(one: u64, two: u64) -> u64 {
    one.saturating_add(two).min(MAX_SUM.get())
}
