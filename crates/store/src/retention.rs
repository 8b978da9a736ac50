//! Deletes expired rows in steps that are small enough not to delay uploads.
//!
//! Spans expire first, then executions: segments, later tags and failure texts. Daily sums, runs,
//! receipts of uploads and events may be kept longer. Tests, branches and the recent durations of
//! selectors are never deleted: they do not grow with time.

use crate::error::StoreError;
use crate::events;
use crate::records::{Expired, RetentionStart, SuiteId, Timestamp};
use crate::spans;
use crate::sql::{Session, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// Segments per step.
const SEGMENTS: i64 = 16;
/// Failures per step; their texts may be long.
const FAILURES: u64 = 500;
/// Blocks of daily sums per step, of up to 128 tests each.
const BLOCKS: i64 = 64;
/// Commit groups per step.
const GROUPS: i64 = 200;
/// Runs per step, with the remains of their uploads.
const RUNS: i64 = 20;
/// Events per step, with their deliveries.
const EVENTS: i64 = 200;

impl Store {
    /// Includes deleted suites that are not purged yet.
    pub async fn suite_ids(&self) -> Result<Vec<SuiteId>> {
        let mut session = self.read().await?;
        let rows = session
            .rows("SELECT id FROM suites ORDER BY id", [])
            .await?;
        rows.iter()
            .map(|row| Ok(SuiteId::new(row.integer("id")?)))
            .collect()
    }

    /// When the newest upload of any suite was received.
    pub async fn newest_upload(&self) -> Result<Option<Timestamp>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT received_at FROM uploads ORDER BY id DESC LIMIT 1",
                [],
            )
            .await?;
        row.map(|row| row.time("received_at")).transpose()
    }

    /// Deletes some expired rows of a suite; returns how many. All zeros mean that none are left.
    pub async fn delete_some_expired(
        &self,
        suite: SuiteId,
        kept: RetentionStart,
    ) -> Result<Expired> {
        if let Some(day) = kept.spans {
            let removed = self.remove_spans(suite, day).await?;
            if removed != Expired::default() {
                return Ok(removed);
            }
        }
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
            let evidence = self.remove_evidence(suite, day).await?;
            if evidence > 0 {
                return Ok(Expired {
                    evidence,
                    ..Expired::default()
                });
            }
            let removed = self.remove_runs(suite, day).await?;
            if removed != Expired::default() {
                return Ok(removed);
            }
            return self.remove_events(suite, day).await;
        }
        Ok(Expired::default())
    }

    /// Counts all expired rows of a suite.
    pub async fn count_expired(&self, suite: SuiteId, kept: RetentionStart) -> Result<Expired> {
        let mut session = self.read().await?;
        let mut expired = Expired::default();
        if let Some(day) = kept.spans {
            expired.spans = spans::count_before(&mut session, suite, day).await?;
        }
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
            expired.evidence = session
                .count(
                    "SELECT (SELECT COUNT(*) FROM commit_groups \
                     WHERE suite_id = $1 AND first_at < $2) \
                     + (SELECT COUNT(*) FROM guarded_blocks WHERE suite_id = $1 AND day < $3)",
                    values![suite.get(), start_of(day), day],
                )
                .await?;
            expired.runs = session
                .count(
                    "SELECT COUNT(*) FROM runs WHERE suite_id = $1 AND updated_at < $2",
                    values![suite.get(), start_of(day)],
                )
                .await?;
            expired.events = session
                .count(
                    "SELECT COUNT(*) FROM events WHERE suite_id = $1 AND at < $2",
                    values![suite.get(), start_of(day)],
                )
                .await?;
        }
        Ok(expired)
    }

    async fn remove_spans(&self, suite: SuiteId, day: i64) -> Result<Expired> {
        let mut removed = Expired::default();
        // Most calls find none, and a write would make uploads wait.
        if spans::count_before(&mut self.read().await?, suite, day).await? == 0 {
            return Ok(removed);
        }
        let mut session = self.write().await?;
        removed.spans = spans::remove_some(&mut session, suite, day).await?;
        session.commit().await?;
        Ok(removed)
    }

    async fn remove_executions(&self, suite: SuiteId, day: i64) -> Result<Expired> {
        // Read outside the transaction: segments never change.
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
                // Keep the segment until all of its failures are deleted: the next step finds them
                // by it.
                break;
            }
            let gone = session
                .execute("DELETE FROM segments WHERE upload_id = $1", values![upload])
                .await?;
            removed.segments += gone;
            // Another server may have deleted it concurrently.
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
        // In primary key order, so that adjacent rows are deleted together.
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

    /// Deletes some evidence on tests from before a day; returns the number of rows.
    pub(crate) async fn remove_evidence(&self, suite: SuiteId, day: i64) -> Result<u64> {
        // Commits are numbered in the order of their first results, so old groups are in front.
        let old = self
            .read()
            .await?
            .rows(
                "SELECT commit_number, test_id FROM commit_groups \
                 WHERE suite_id = $1 AND first_at < $2 \
                 ORDER BY commit_number, test_id LIMIT $3",
                values![suite.get(), start_of(day), GROUPS],
            )
            .await?;
        let blocks = self
            .read()
            .await?
            .count(
                "SELECT COUNT(*) FROM guarded_blocks WHERE suite_id = $1 AND day < $2",
                values![suite.get(), day],
            )
            .await?;
        if old.is_empty() && blocks == 0 {
            return Ok(0);
        }
        let mut session = self.write().await?;
        let mut removed = 0;
        for row in &old {
            removed += session
                .execute(
                    "DELETE FROM commit_groups WHERE suite_id = $1 AND commit_number = $2 \
                     AND test_id = $3 AND first_at < $4",
                    values![
                        suite.get(),
                        row.integer("commit_number")?,
                        row.integer("test_id")?,
                        start_of(day)
                    ],
                )
                .await?;
        }
        removed += session
            .execute(
                "DELETE FROM guarded_blocks WHERE suite_id = $1 AND day < $2 AND day = \
                 (SELECT MIN(day) FROM guarded_blocks WHERE suite_id = $1)",
                values![suite.get(), day],
            )
            .await?;
        session.commit().await?;
        Ok(removed)
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
        let mut gone_runs = Vec::new();
        for row in &old {
            // Check again: an upload may have extended the run concurrently.
            let gone = session
                .rows(
                    "DELETE FROM runs WHERE id = $1 AND updated_at < $2 \
                     RETURNING id, commit_number",
                    values![row.integer("id")?, before],
                )
                .await?;
            removed.runs += gone.len() as u64;
            for run in gone {
                gone_runs.push(run.integer("id")?.into());
                remove_commit(&mut session, suite, run.integer_or_null("commit_number")?).await?;
            }
        }
        let failures = "DELETE FROM failure_groups WHERE run_id";
        session.look_up(failures, &[], gone_runs, "").await?;
        session.commit().await?;
        Ok(removed)
    }

    async fn remove_events(&self, suite: SuiteId, day: i64) -> Result<Expired> {
        let mut session = self.write().await?;
        let before = start_of(day);
        let events = events::delete_some_before(&mut session, suite, before, EVENTS).await?;
        session.commit().await?;
        Ok(Expired {
            events,
            ..Expired::default()
        })
    }
}

/// Deletes a tested commit that no run and no commit group refers to any more.
async fn remove_commit(
    session: &mut Session,
    suite: SuiteId,
    commit_number: Option<i64>,
) -> Result<()> {
    session
        .execute(
            "DELETE FROM tested_commits WHERE suite_id = $1 AND number = $2 \
             AND NOT EXISTS (SELECT 1 FROM runs WHERE suite_id = $1 AND commit_number = $2) \
             AND NOT EXISTS (SELECT 1 FROM commit_groups \
             WHERE suite_id = $1 AND commit_number = $2)",
            values![suite.get(), commit_number],
        )
        .await?;
    Ok(())
}

fn start_of(day: i64) -> Timestamp {
    Timestamp::from_millis(0).plus_days(day)
}
