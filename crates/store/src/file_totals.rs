//! What the tests of each file cost, for lists by owner: owners own files.

use std::collections::{BTreeMap, HashMap};

use test_engine_duration::Micros;
use test_engine_insights::Level;

use crate::day_sums::{self, Totals};
use crate::error::StoreError;
use crate::filters::level_code;
use crate::records::{FileTotals, Period, SuiteId};
use crate::sql::values;
use crate::store::Store;
use crate::sums::Cost;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// The tests of a suite by file, with the sums of their executions in the period. The file of a
    /// test without one is its location up to the first colon; empty if it has none either. Tests
    /// whose mean duration is above `slow` are slow.
    pub async fn file_totals(
        &self,
        suite: SuiteId,
        period: Period,
        slow: Micros,
    ) -> Result<BTreeMap<String, FileTotals>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT test_id, level FROM test_health WHERE suite_id = $1 AND level > 0",
                values![suite.get()],
            )
            .await?;
        let levels = rows
            .iter()
            .map(|row| Ok((row.integer("test_id")?, row.integer("level")?)));
        let levels: HashMap<i64, i64> = levels.collect::<Result<_>>()?;
        let costs: Totals<Cost> = day_sums::of_suite(&mut session, suite, period, None).await?;
        // A row for each file instead of each test: rows are what takes the time.
        let rows = session
            .rows(
                "SELECT COALESCE(file_name, location, '') AS file, \
                 file_name IS NULL AS is_location, \
                 SUM(CASE WHEN state = 0 THEN 0 ELSE 1 END) AS quarantined, \
                 STRING_AGG(CAST(id AS TEXT), ',') AS ids \
                 FROM tests WHERE suite_id = $1 GROUP BY 1, 2",
                values![suite.get()],
            )
            .await?;
        let mut files: BTreeMap<String, FileTotals> = BTreeMap::new();
        for row in &rows {
            let mut file = row.text("file")?;
            if row.boolean("is_location")?
                && let Some(end) = file.find(':')
            {
                file.truncate(end);
            }
            let totals = files.entry(file).or_default();
            totals.quarantined += row.count("quarantined")?;
            for id in row.text("ids")?.split(',') {
                let damaged = |_| StoreError::Damaged { what: "test id" };
                let test: i64 = id.parse().map_err(damaged)?;
                let cost = costs.of(test);
                let level = levels.get(&test).copied();
                totals.tests += 1;
                totals.flaky += u64::from(level == Some(level_code(Level::Flaky)));
                totals.broken += u64::from(level == Some(level_code(Level::Broken)));
                totals.slow += u64::from(cost.mean().is_some_and(|mean| mean > slow));
                totals.executions += cost.executions;
                totals.duration = totals.duration.saturating_add(cost.duration_sum);
            }
        }
        Ok(files)
    }
}
