//! What the tests of each file cost, for lists by owner: owners own files.

use std::collections::{BTreeMap, HashMap};

use test_engine_duration::Micros;
use test_engine_insights::Level;

use crate::day_sums;
use crate::error::StoreError;
use crate::filters::level_code;
use crate::records::{FileTotals, Period, SuiteId};
use crate::sql::{positions, values};
use crate::store::Store;

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
        let sums = day_sums::of_suite(&mut session, suite, period, None).await?;
        let rows = session
            .rows(
                "SELECT id, state, COALESCE(file_name, location, '') AS file, \
                 file_name IS NULL AS is_location FROM tests WHERE suite_id = $1",
                values![suite.get()],
            )
            .await?;
        let columns = positions(&rows, ["id", "state", "file", "is_location"])?;
        let [id, state, file, is_location] = columns;
        let mut files: BTreeMap<String, FileTotals> = BTreeMap::new();
        for row in &rows {
            let test = row.integer(id)?;
            let mut file = row.text(file)?;
            if row.boolean(is_location)?
                && let Some(end) = file.find(':')
            {
                file.truncate(end);
            }
            let totals = files.entry(file).or_default();
            let sums = sums.of(test);
            let level = levels.get(&test).copied();
            totals.tests += 1;
            totals.flaky += u64::from(level == Some(level_code(Level::Flaky)));
            totals.broken += u64::from(level == Some(level_code(Level::Broken)));
            totals.quarantined += u64::from(row.integer(state)? != 0);
            totals.slow += u64::from(sums.duration_mean().is_some_and(|mean| mean > slow));
            totals.executions += sums.counts.executions();
            totals.duration = totals.duration.saturating_add(sums.duration_sum);
        }
        Ok(files)
    }
}
