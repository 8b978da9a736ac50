//! What executions add to the daily sums of their tests.

use std::collections::BTreeMap;

use crate::error::StoreError;
use crate::records::Metrics;
use crate::segment::Kept;
use crate::sql::{Session, values};
use crate::sums;

/// Adds executions to the sums of a day and branch (0: none).
pub(super) async fn add(
    session: &mut Session,
    suite_id: i64,
    day: i64,
    branch_id: i64,
    executions: &[Kept],
) -> Result<(), StoreError> {
    // In the order of the table, so that neighbours are written together.
    let mut tests: BTreeMap<i64, Metrics> = BTreeMap::new();
    for execution in executions {
        sums::add(tests.entry(execution.test_id).or_default(), execution);
    }
    let insert = "INSERT INTO test_days (suite_id, day, test_id, branch_id, passed, failed, skipped, \
             unknown, timed, duration_sum_us, duration_min_us, duration_max_us)";
    let update = "ON CONFLICT (suite_id, day, test_id, branch_id) DO UPDATE SET \
             passed = test_days.passed + excluded.passed, \
             failed = test_days.failed + excluded.failed, \
             skipped = test_days.skipped + excluded.skipped, \
             unknown = test_days.unknown + excluded.unknown, \
             timed = test_days.timed + excluded.timed, \
             duration_sum_us = test_days.duration_sum_us + excluded.duration_sum_us, \
             duration_min_us = CASE WHEN test_days.duration_min_us IS NULL \
              OR excluded.duration_min_us < test_days.duration_min_us \
              THEN excluded.duration_min_us ELSE test_days.duration_min_us END, \
             duration_max_us = CASE WHEN test_days.duration_max_us IS NULL \
              OR excluded.duration_max_us > test_days.duration_max_us \
              THEN excluded.duration_max_us ELSE test_days.duration_max_us END";
    let mut cells = Vec::with_capacity(tests.len() * 12);
    for (test_id, sums) in tests {
        cells.extend(values![
            suite_id,
            day,
            test_id,
            branch_id,
            sums.counts.passed.cast_signed(),
            sums.counts.failed.cast_signed(),
            sums.counts.skipped.cast_signed(),
            sums.counts.unknown.cast_signed(),
            sums.timed.cast_signed(),
            sums.duration_sum_us.cast_signed(),
            sums.duration_min_us.map(u64::cast_signed),
            sums.duration_max_us.map(u64::cast_signed),
        ]);
    }
    session.write_many(insert, 12, cells, update).await?;
    Ok(())
}
