//! Removing what is older than it has to be, in steps that are small enough to stand between uploads.
//!
//! Executions go first: segments, tags given afterwards, and the text of failures. Daily sums, runs and receipts of uploads
//! tell of them for longer. Tests, their states, branches and the recent durations of selectors are
//! not touched: they do not grow with time.

use crate::error::StoreError;
use crate::records::{Expired, KeptSince, SuiteId, Timestamp};
use crate::sql::values;
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// Segments removed in one step.
const SEGMENTS: i64 = 16;
/// Failures removed in one step; their text may be long.
const FAILURES: u64 = 500;
/// Blocks of daily sums removed in one step, of up to 128 tests each.
const BLOCKS: i64 = 64;
/// Runs removed in one step, with what is left of their uploads.
const RUNS: i64 = 20;

impl Store {
    /// Every suite there is, to be asked for what has expired.
    pub async fn suite_ids(&self) -> Result<Vec<SuiteId>> {
        let mut session = self.read().await?;
        let rows = session
            .rows("SELECT id FROM suites ORDER BY id", [])
            .await?;
        rows.iter()
            .map(|row| Ok(SuiteId::new(row.integer("id")?)))
            .collect()
    }

    /// Removes a little of what a suite need not keep any longer; what went. Nothing at all means
    /// that nothing is left to be removed.
    pub async fn remove_some_expired(&self, suite: SuiteId, kept: KeptSince) -> Result<Expired> {
        if let Some(day) = kept.executions {
            let removed = self.remove_executions(suite, day).await?;
            if removed != Expired::default() {
                return Ok(removed);
            }
        }
        if let Some(day) = kept.aggregates {
            let removed = self.remove_sums(suite, day).await?;
            if removed != Expired::default() {
                return Ok(removed);
            }
            return self.remove_runs(suite, day).await;
        }
        Ok(Expired::default())
    }

    /// How much a suite would lose if everything that has expired were removed now.
    pub async fn count_expired(&self, suite: SuiteId, kept: KeptSince) -> Result<Expired> {
        let mut session = self.read().await?;
        let mut expired = Expired::default();
        if let Some(day) = kept.executions {
            let row = session
                .one(
                    "SELECT COUNT(*) AS segments, \
                     CAST(COALESCE(SUM(uploads.kept), 0) AS BIGINT) AS executions \
                     FROM segments JOIN uploads ON uploads.id = segments.upload_id \
                     WHERE segments.suite_id = $1 AND segments.day < $2",
                    values![suite.get(), day],
                )
                .await?;
            expired.segments = row.count("segments")?;
            expired.executions = row.count("executions")?;
            expired.failures = session
                .count(
                    "SELECT COUNT(*) FROM segments \
                     JOIN failures ON failures.upload_id = segments.upload_id \
                     WHERE segments.suite_id = $1 AND segments.day < $2",
                    values![suite.get(), day],
                )
                .await?;
        }
        if let Some(day) = kept.aggregates {
            expired.sums = session
                .count(
                    "SELECT CAST(COALESCE(SUM(tests), 0) AS BIGINT) FROM day_blocks \
                     WHERE suite_id = $1 AND day < $2",
                    values![suite.get(), day],
                )
                .await?;
            expired.runs = session
                .count(
                    "SELECT COUNT(*) FROM runs WHERE suite_id = $1 AND updated_at < $2",
                    values![suite.get(), start_of(day)],
                )
                .await?;
        }
        Ok(expired)
    }

    async fn remove_executions(&self, suite: SuiteId, day: i64) -> Result<Expired> {
        // Looked for outside the transaction: segments never change.
        let old = self
            .read()
            .await?
            .rows(
                "SELECT segments.upload_id, uploads.kept \
                 FROM segments JOIN uploads ON uploads.id = segments.upload_id \
                 WHERE segments.suite_id = $1 AND segments.day < $2 \
                 ORDER BY segments.day, segments.upload_id LIMIT $3",
                values![suite.get(), day, SEGMENTS],
            )
            .await?;
        let mut removed = Expired::default();
        if old.is_empty() {
            return Ok(removed);
        }
        let mut session = self.write().await?;
        for row in &old {
            let upload = row.integer("upload_id")?;
            let left = FAILURES - removed.failures;
            removed.failures += session
                .execute(
                    "DELETE FROM failures WHERE upload_id = $1 AND position IN (\
                     SELECT position FROM failures WHERE upload_id = $1 \
                     ORDER BY position LIMIT $2)",
                    values![upload, i64::try_from(left).unwrap_or(i64::MAX)],
                )
                .await?;
            if removed.failures >= FAILURES {
                // The segment goes when its failures are gone: until then it is found again.
                break;
            }
            let gone = session
                .execute("DELETE FROM segments WHERE upload_id = $1", values![upload])
                .await?;
            removed.segments += gone;
            // Another server may have removed it a moment earlier.
            removed.executions += if gone > 0 { row.count("kept")? } else { 0 };
        }
        session.commit().await?;
        Ok(removed)
    }

    async fn remove_sums(&self, suite: SuiteId, day: i64) -> Result<Expired> {
        let oldest = self
            .read()
            .await?
            .one(
                "SELECT MIN(day) AS oldest FROM day_blocks WHERE suite_id = $1",
                values![suite.get()],
            )
            .await?
            .integer_or_null("oldest")?;
        let Some(oldest) = oldest.filter(|oldest| *oldest < day) else {
            return Ok(Expired::default());
        };
        let mut session = self.write().await?;
        // By the order of the table, so that neighbours go together.
        let gone = session
            .rows(
                "DELETE FROM day_blocks WHERE suite_id = $1 AND day = $2 AND block <= (\
                 SELECT MAX(block) FROM (SELECT block FROM day_blocks \
                 WHERE suite_id = $1 AND day = $2 ORDER BY block LIMIT $3) AS oldest) \
                 RETURNING tests",
                values![suite.get(), oldest, BLOCKS],
            )
            .await?;
        let sums = gone
            .iter()
            .map(|row| row.count("tests"))
            .sum::<Result<u64>>()?;
        session.commit().await?;
        Ok(Expired {
            sums,
            ..Expired::default()
        })
    }

    async fn remove_runs(&self, suite: SuiteId, day: i64) -> Result<Expired> {
        let before = start_of(day);
        let old = self
            .read()
            .await?
            .rows(
                "SELECT id FROM runs WHERE suite_id = $1 AND updated_at < $2 \
                 ORDER BY id LIMIT $3",
                values![suite.get(), before, RUNS],
            )
            .await?;
        let mut removed = Expired::default();
        if old.is_empty() {
            return Ok(removed);
        }
        let mut session = self.write().await?;
        for row in &old {
            // Asked again: an upload may have come to it in between.
            removed.runs += session
                .execute(
                    "DELETE FROM runs WHERE id = $1 AND updated_at < $2",
                    values![row.integer("id")?, before],
                )
                .await?;
        }
        session.commit().await?;
        Ok(removed)
    }
}

/// The first moment of a day.
fn start_of(day: i64) -> Timestamp {
    Timestamp::from_millis(0).plus_days(day)
}
