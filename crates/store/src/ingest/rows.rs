//! Inserts the upload, its segment, failures and spans, and updates its run.

use serde::Serialize;
use serde_json::json;
use test_engine_duration::Micros;
use test_engine_results::{FailureDetail, Outcome};

use super::{Ingest, Result, RunRow};
use crate::error::StoreError;
use crate::identity::fingerprint_code;
use crate::records::{FailureTexts, NewExecution, TestCounts};
use crate::runs::{FAILED, PASSED, PENDING};
use crate::segment::{self, StoredExecution};
use crate::sql::{Value, values};
use crate::together::Write;

/// Bytes of failure texts that are written by one call, so that few copies are in memory.
const MAX_TEXT_AT_ONCE: usize = 2 * 1_024 * 1_024;

impl Ingest<'_> {
    pub(super) async fn insert_upload(
        &mut self,
        run: &RunRow,
        (kept, duplicates): (usize, usize),
        is_guarded: bool,
    ) -> Result<i64> {
        let upload = self.upload;
        let row = self
            .session
            .one(
                "INSERT INTO uploads (suite_id, run_id, uuid, format, job_id, tags, digest, kept, \
                 duplicates, skipped, errors, errors_outside_tests, received_at, guarded) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
                 RETURNING id",
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
                    is_guarded,
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
        let insert = "INSERT INTO failures (upload_id, position, run_id, test_id, muted, \
                      duration_us, reason, tags, expanded, fingerprint, frame)";
        let (mut cells, mut size) = (Vec::new(), 0);
        for (position, (execution, source)) in failed {
            let cause = source.cause.as_ref();
            let texts = Texts::of(source)?;
            size += texts.size;
            cells.extend(values![
                upload_id,
                position,
                run_id,
                execution.test_id,
                execution.muted,
                execution.duration.map(micros),
                texts.reason,
                &execution.tags,
                texts.expanded,
                cause.map(|cause| fingerprint_code(cause.fingerprint)),
                cause.and_then(|cause| cause.frame.as_deref()),
            ]);
            if size >= MAX_TEXT_AT_ONCE {
                let part = std::mem::take(&mut cells);
                self.session.write_many(insert, 11, part, "").await?;
                size = 0;
            }
        }
        self.session.write_many(insert, 11, cells, "").await?;
        Ok(())
    }

    pub(super) async fn insert_spans(
        &mut self,
        upload_id: i64,
        sources: &[&NewExecution],
    ) -> Result<()> {
        let (suite, day) = (self.upload.suite.get(), self.upload.received_at.day());
        let mut cells = Vec::new();
        for (position, source) in (0_i64..).zip(sources) {
            if let Some(spans) = source.spans.as_deref() {
                cells.extend(values![upload_id, position, suite, day, spans]);
            }
        }
        let insert = "INSERT INTO spans (upload_id, position, suite_id, day, body)";
        self.session.write_many(insert, 5, cells, "").await?;
        Ok(())
    }

    /// What the upload changes in the row of its run.
    pub(super) fn updated_run(
        &self,
        run_id: i64,
        kept: &[StoredExecution],
        (tests, is_guarded): (TestCounts, bool),
    ) -> Write<'static> {
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
        Write::Plain {
            text: "UPDATE runs SET passed = passed + ?, failed = failed + ?, \
                 skipped = skipped + ?, unknown = unknown + ?, \
                 failed_muted = failed_muted + ?, duration_us = duration_us + ?, \
                 uploads = uploads + 1, \
                 result = CASE WHEN result > ? THEN result ELSE ? END, \
                 guarded = ?, first_failed = ?, broken = ?, recovered = ?, \
                 muted_failed = ? WHERE id = ?",
            bound: values![
                count(Outcome::Passed),
                failed,
                count(Outcome::Skipped),
                count(Outcome::Unknown),
                failed_muted,
                micros(duration),
                result,
                result,
                is_guarded,
                whole(tests.first_failed),
                whole(tests.broken),
                whole(tests.recovered),
                whole(tests.muted_failed),
                run_id,
            ]
            .to_vec(),
        }
    }
}

/// Saturates at the largest value of a column.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn micros(duration: Micros) -> i64 {
    whole(duration.get())
}

/// The texts of a failure as they are stored.
struct Texts<'a> {
    reason: Value<'a>,
    /// JSON.
    expanded: Option<String>,
    /// In bytes.
    size: usize,
}

impl<'a> Texts<'a> {
    fn of(source: &'a NewExecution) -> Result<Self> {
        let extras = &source.result.extras;
        let (reason, length, expanded) = match &source.kept_texts {
            None => {
                let reason = &extras.failure_reason;
                let length = reason.as_ref().map_or(0, String::len);
                let expanded = expanded_json(&extras.failure_expanded);
                (Value::from(reason), length, expanded)
            }
            Some(kept) => {
                let FailureTexts { reason, expanded } = kept.read().map_err(StoreError::Texts)?;
                let length = reason.as_ref().map_or(0, String::len);
                (Value::from(reason), length, expanded_json(&expanded))
            }
        };
        Ok(Self {
            size: length + expanded.as_ref().map_or(0, String::len),
            reason,
            expanded,
        })
    }
}

fn expanded_json(details: &[FailureDetail]) -> Option<String> {
    if details.is_empty() {
        return None;
    }
    let details: Vec<Details<'_>> = details
        .iter()
        .map(|detail| Details {
            backtrace: &detail.backtrace,
            expanded: &detail.expanded,
        })
        .collect();
    // Texts can always be serialized.
    serde_json::to_string(&details).ok()
}

/// As stored. Borrowed, because it may be long.
#[derive(Serialize)]
struct Details<'a> {
    backtrace: &'a [String],
    expanded: &'a [String],
}
