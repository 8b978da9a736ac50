//! What pages show of the decisions and holdouts of a suite.

use test_engine_duration::Micros;

use super::{Result, codes};
use crate::records::{DecisionSums, SuiteId, Timestamp};
use crate::sql::{Row, values};
use crate::store::Store;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl Store {
    /// The decisions since a time by day, verdict and reason.
    pub async fn selection_sums(
        &self,
        suite: SuiteId,
        since: Timestamp,
    ) -> Result<Vec<DecisionSums>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT created_at / $3 AS day, verdict, reason, COUNT(*) AS plans, \
                 CAST(SUM(time_us) AS BIGINT) AS time_us, \
                 CAST(SUM(selected_time_us) AS BIGINT) AS selected_time_us \
                 FROM selection_decisions WHERE suite_id = $1 AND created_at >= $2 \
                 GROUP BY created_at / $3, verdict, reason ORDER BY 1, 2, 3",
                values![suite.get(), since, DAY_MS],
            )
            .await?;
        let sums = |row: &Row| {
            Ok(DecisionSums {
                day: row.integer("day")?,
                verdict: codes::verdict(row.integer("verdict")?)?,
                reason: row.text_or_null("reason")?,
                plans: row.count("plans")?,
                time: Micros::new(row.count("time_us")?),
                selected_time: Micros::new(row.count("selected_time_us")?),
            })
        };
        rows.iter().map(sums).collect()
    }

    /// How much was known of the changed files of the newest decisions, newest first, with the time
    /// of each. In parts per million.
    pub async fn selection_knowledge(
        &self,
        suite: SuiteId,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(Timestamp, u32)>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT created_at, known FROM selection_decisions \
                 WHERE suite_id = $1 AND created_at >= $2 AND known IS NOT NULL \
                 ORDER BY created_at DESC LIMIT $3",
                values![suite.get(), since, i64::from(limit)],
            )
            .await?;
        let known = |row: &Row| Ok((row.time("created_at")?, super::small(row.integer("known")?)));
        rows.iter().map(known).collect()
    }
}
