//! What executions come to when they are counted one by one.

use test_engine_results::Outcome;

use crate::ingest::is_timed;
use crate::records::Metrics;
use crate::segment::Kept;

/// Durations stop here, which is what a column can hold.
const LONGEST: u64 = i64::MAX as u64;

/// Counts one more execution.
pub(crate) fn add(metrics: &mut Metrics, execution: &Kept) {
    let counts = &mut metrics.counts;
    match execution.outcome {
        Outcome::Passed => counts.passed += 1,
        Outcome::Failed => counts.failed += 1,
        Outcome::Skipped => counts.skipped += 1,
        Outcome::Unknown => counts.unknown += 1,
    }
    if let Some(duration) = execution.duration_us.filter(|_| is_timed(execution)) {
        let duration = duration.min(LONGEST);
        let at_least = metrics.duration_min_us.unwrap_or(duration);
        let at_most = metrics.duration_max_us.unwrap_or(duration);
        metrics.timed += 1;
        metrics.duration_sum_us = metrics
            .duration_sum_us
            .saturating_add(duration)
            .min(LONGEST);
        metrics.duration_min_us = Some(at_least.min(duration));
        metrics.duration_max_us = Some(at_most.max(duration));
    }
}
