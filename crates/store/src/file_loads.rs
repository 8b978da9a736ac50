//! What loading a test file takes in a suite, learned from the reports of its nodes.

use test_engine_duration::Micros;

use crate::error::StoreError;
use crate::records::SuiteId;
use crate::sql::values;
use crate::store::{Store, check_key};

type Result<T> = std::result::Result<T, StoreError>;

/// How many reports the mean is over, about.
const REPORTS: i64 = 8;
/// A report counts as at most so many times the mean, so that one slow machine changes it little.
const MAX_RISE: i64 = 4;
/// Added to that, so that a mean of zero can rise.
const MIN_RISE_US: i64 = 10_000;

impl Store {
    /// Adds the time per file that a node with this runner has reported.
    pub async fn add_file_load(&self, suite: SuiteId, runner: &str, load: Micros) -> Result<()> {
        check_key("runner", runner)?;
        let mut session = self.write().await?;
        session
            .execute(
                "INSERT INTO file_loads (suite_id, runner, load_us, reports) \
                 VALUES ($1, $2, $3, 1) \
                 ON CONFLICT (suite_id, runner) DO UPDATE SET \
                 load_us = (file_loads.load_us * ($4 - 1) + \
                 CASE WHEN excluded.load_us > file_loads.load_us * $5 + $6 \
                 THEN file_loads.load_us * $5 + $6 ELSE excluded.load_us END) / $4, \
                 reports = file_loads.reports + 1",
                values![
                    suite.get(),
                    runner,
                    i64::try_from(load.get()).unwrap_or(i64::MAX),
                    REPORTS,
                    MAX_RISE,
                    MIN_RISE_US,
                ],
            )
            .await
            .map_err(|error| error.or_gone("the suite"))?;
        session.commit().await
    }

    /// The time to load a file with this runner; `None` if no node has reported it.
    pub async fn file_load(&self, suite: SuiteId, runner: &str) -> Result<Option<Micros>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT load_us FROM file_loads WHERE suite_id = $1 AND runner = $2",
                values![suite.get(), runner],
            )
            .await?;
        row.map(|row| row.count("load_us").map(Micros::new))
            .transpose()
    }
}
