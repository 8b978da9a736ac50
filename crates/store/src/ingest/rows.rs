//! Inserts the upload, its segment and its failures, and updates its run.

use serde_json::json;
use test_engine_duration::Micros;
use test_engine_results::{FailureDetail, Outcome};

use super::{Ingest, Result, RunRow};
use crate::records::NewExecution;
use crate::runs::{FAILED, PASSED, PENDING};
use crate::segment::{self, StoredExecution};
use crate::sql::values;

impl Ingest<'_> {
    pub(super) async fn insert_upload(
        &mut self,
        run: &RunRow,
        kept: usize,
        duplicates: usize,
    ) -> Result<i64> {
        let upload = self.upload;
        let row = self
            .session
            .one(
                "INSERT INTO uploads (suite_id, run_id, uuid, format, job_id, tags, digest, kept, \
                 duplicates, skipped, errors, errors_outside_tests, received_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id",
                values![
                    upload.suite.get(),
                    run.id,
                    upload.uuid,
                    upload.format.name(),
                    &upload.job_id,
                    json!(upload.tags).to_string(),
                    &upload.digest,
                    whole(kept as u64),
                    whole(duplicates as u64),
                    whole(upload.skipped),
                    json!(upload.errors).to_string(),
                    json!(upload.errors_outside_tests).to_string(),
                    upload.received_at,
                ],
            )
            .await?;
        row.integer("id")
    }

    pub(super) async fn insert_segment(
        &mut self,
        upload_id: i64,
        run_id: i64,
        kept: &[StoredExecution],
    ) -> Result<()> {
        self.session
            .execute(
                "INSERT INTO segments (upload_id, suite_id, run_id, day, body) \
                 VALUES ($1, $2, $3, $4, $5)",
                values![
                    upload_id,
                    self.upload.suite.get(),
                    run_id,
                    self.upload.received_at.day(),
                    segment::encode(kept),
                ],
            )
            .await?;
        Ok(())
    }

    pub(super) async fn insert_failures(
        &mut self,
        upload_id: i64,
        run_id: i64,
        kept: &[StoredExecution],
        sources: &[&NewExecution],
    ) -> Result<()> {
        let failed = (0_i64..)
            .zip(kept.iter().zip(sources))
            .filter(|(_, (execution, _))| execution.outcome == Outcome::Failed);
        let mut cells = Vec::new();
        for (position, (execution, source)) in failed {
            cells.extend(values![
                upload_id,
                position,
                run_id,
                execution.test_id,
                execution.muted,
                execution.duration.map(micros),
                &source.result.extras.failure_reason,
                &execution.tags,
                expanded_json(&source.result.extras.failure_expanded),
            ]);
        }
        let insert = "INSERT INTO failures (upload_id, position, run_id, test_id, muted, \
                      duration_us, reason, tags, expanded)";
        self.session.write_many(insert, 9, cells, "").await?;
        Ok(())
    }

    pub(super) async fn update_run(&mut self, run_id: i64, kept: &[StoredExecution]) -> Result<()> {
        let count = |outcome: Outcome| {
            whole(
                kept.iter()
                    .filter(|execution| execution.outcome == outcome)
                    .count() as u64,
            )
        };
        let failed = count(Outcome::Failed);
        let failed_muted = kept
            .iter()
            .filter(|execution| execution.outcome == Outcome::Failed && execution.muted)
            .count();
        let failed_muted = whole(failed_muted as u64);
        let duration = kept
            .iter()
            .filter(|execution| execution.is_timed())
            .filter_map(|execution| execution.duration)
            .sum::<Micros>();
        let result = if failed > failed_muted || !self.upload.errors_outside_tests.is_empty() {
            FAILED
        } else if count(Outcome::Passed) + failed > 0 {
            PASSED
        } else {
            PENDING
        };
        // A worse result has a larger code, so a failed run stays failed.
        self.session
            .execute(
                "UPDATE runs SET passed = passed + $2, failed = failed + $3, \
                 skipped = skipped + $4, unknown = unknown + $5, \
                 failed_muted = failed_muted + $6, duration_us = duration_us + $7, \
                 uploads = uploads + 1, \
                 result = CASE WHEN result > $8 THEN result ELSE $8 END WHERE id = $1",
                values![
                    run_id,
                    count(Outcome::Passed),
                    failed,
                    count(Outcome::Skipped),
                    count(Outcome::Unknown),
                    failed_muted,
                    micros(duration),
                    result,
                ],
            )
            .await?;
        Ok(())
    }
}

/// Saturates at the largest value of a column.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn micros(duration: Micros) -> i64 {
    whole(duration.get())
}

fn expanded_json(details: &[FailureDetail]) -> Option<String> {
    if details.is_empty() {
        return None;
    }
    let details: Vec<serde_json::Value> = details
        .iter()
        .map(|detail| json!({"expanded": detail.expanded, "backtrace": detail.backtrace}))
        .collect();
    Some(serde_json::Value::Array(details).to_string())
}
