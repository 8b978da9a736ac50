//! Migrates daily sums of earlier releases, which had a row per test, to blocks.
//!
//! Runs when a database is opened, with a transaction per suite and day, so it may be interrupted
//! and may run in two processes concurrently. Usually there is nothing to do.

use std::collections::BTreeMap;

use test_engine_duration::Micros;

use super::{Sums, add};
use crate::error::StoreError;
use crate::records::{DurationHistogram, Metrics, OutcomeCounts};
use crate::sql::{Row, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    pub(crate) async fn migrate_day_sums(&self) -> Result<()> {
        loop {
            let next = self
                .read()
                .await?
                .optional(
                    "SELECT suite_id, day FROM test_days ORDER BY suite_id, day LIMIT 1",
                    [],
                )
                .await?;
            let Some(next) = next else { return Ok(()) };
            self.move_day(next.integer("suite_id")?, next.integer("day")?)
                .await?;
        }
    }

    async fn move_day(&self, suite_id: i64, day: i64) -> Result<()> {
        let mut session = self.write().await?;
        // Locks the suite like an upload does, without changing its counter: caches stay valid.
        session
            .execute(
                "UPDATE suites SET timings_seq = timings_seq WHERE id = $1",
                values![suite_id],
            )
            .await?;
        let rows = session
            .rows(
                "DELETE FROM test_days WHERE suite_id = $1 AND day = $2 \
                 RETURNING branch_id, test_id, passed, failed, skipped, unknown, timed, \
                 duration_sum_us, duration_min_us, duration_max_us",
                values![suite_id, day],
            )
            .await?;
        let mut branches: BTreeMap<i64, Vec<(i64, Metrics)>> = BTreeMap::new();
        for row in &rows {
            let tests = branches.entry(row.integer("branch_id")?).or_default();
            tests.push((row.integer("test_id")?, metrics(row)?));
        }
        for (branch_id, tests) in branches {
            add(&mut session, Sums::All, (suite_id, day, branch_id), tests).await?;
        }
        session.commit().await
    }
}

fn metrics(row: &Row) -> Result<Metrics> {
    let timed = row.count("timed")?;
    let shortest = row.count_or_null("duration_min_us")?.map(Micros::new);
    let longest = row.count_or_null("duration_max_us")?.map(Micros::new);
    let durations = shortest
        .zip(longest)
        .and_then(|(shortest, longest)| DurationHistogram::implied(timed, shortest, longest));
    Ok(Metrics {
        counts: OutcomeCounts {
            passed: row.count("passed")?,
            failed: row.count("failed")?,
            skipped: row.count("skipped")?,
            unknown: row.count("unknown")?,
        },
        timed,
        duration_sum: Micros::new(row.count("duration_sum_us")?),
        duration_min: shortest,
        duration_max: longest,
        durations: durations.unwrap_or_default(),
    })
}
