//! What executions add to the daily sums of their tests.

use std::collections::BTreeMap;

use test_engine_results::Outcome;

use crate::error::StoreError;
use crate::ingest::cache::is_timed;
use crate::segment::Kept;
use crate::sql::{Session, Value, repeated, statement_sizes, values};

/// What one upload adds to one test's day.
#[derive(Default)]
struct Sums {
    passed: i64,
    failed: i64,
    skipped: i64,
    unknown: i64,
    timed: i64,
    duration_sum_us: i64,
    duration_min_us: Option<i64>,
    duration_max_us: Option<i64>,
}

impl Sums {
    fn add(&mut self, execution: &Kept) {
        match execution.outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Skipped => self.skipped += 1,
            Outcome::Unknown => self.unknown += 1,
        }
        if let Some(duration) = execution.duration_us.filter(|_| is_timed(execution)) {
            let duration = i64::try_from(duration).unwrap_or(i64::MAX);
            self.timed += 1;
            self.duration_sum_us = self.duration_sum_us.saturating_add(duration);
            self.duration_min_us = Some(
                self.duration_min_us
                    .map_or(duration, |min| min.min(duration)),
            );
            self.duration_max_us = Some(
                self.duration_max_us
                    .map_or(duration, |max| max.max(duration)),
            );
        }
    }
}

/// Adds executions to the sums of a day and branch (0: none).
pub(super) async fn add(
    session: &mut Session,
    suite_id: i64,
    day: i64,
    branch_id: i64,
    executions: &[Kept],
) -> Result<(), StoreError> {
    // In the order of the table, so that neighbours are written together.
    let mut tests: BTreeMap<i64, Sums> = BTreeMap::new();
    for execution in executions {
        tests.entry(execution.test_id).or_default().add(execution);
    }
    let mut rest = tests.iter();
    for size in statement_sizes(tests.len()) {
        let text = repeated(
            "INSERT INTO test_days (suite_id, day, test_id, branch_id, passed, failed, skipped, \
             unknown, timed, duration_sum_us, duration_min_us, duration_max_us) VALUES ",
            "(?,?,?,?,?,?,?,?,?,?,?,?)",
            size,
            " ON CONFLICT (suite_id, day, test_id, branch_id) DO UPDATE SET \
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
              THEN excluded.duration_max_us ELSE test_days.duration_max_us END",
        );
        let mut bound: Vec<Value<'_>> = Vec::with_capacity(size * 12);
        for (test_id, sums) in rest.by_ref().take(size) {
            bound.extend(values![
                suite_id,
                day,
                *test_id,
                branch_id,
                sums.passed,
                sums.failed,
                sums.skipped,
                sums.unknown,
                sums.timed,
                sums.duration_sum_us,
                sums.duration_min_us,
                sums.duration_max_us,
            ]);
        }
        session.execute(text, bound).await?;
    }
    Ok(())
}
