//! All accepted uploads, and the latest rejected ones.

use std::collections::BTreeMap;

use test_engine_results::Format;

use crate::error::StoreError;
use crate::records::{
    AttemptState, Listed, NewRejectedUpload, Page, SuiteId, Timestamp, UploadAttempt, UploadHour,
    UploadProblem,
};
use crate::sql::{Row, Value, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// Rejected uploads to keep per suite.
pub const MAX_REJECTED_UPLOADS: i64 = 1_000;
/// HTTP statuses from here on are the server's fault.
const FIRST_SERVER_ERROR: i64 = 500;
const HOUR_MS: i64 = 60 * 60 * 1_000;

const KEPT: &str = "\
     SELECT uploads.uuid AS uuid, CAST(0 AS BIGINT) AS status, CAST(NULL AS TEXT) AS reason, \
     runs.key AS run_key, uploads.format AS format, runs.uuid AS run_uuid, \
     uploads.job_id AS job_id, uploads.kept AS kept, uploads.duplicates AS duplicates, \
     uploads.skipped AS skipped, uploads.errors AS errors, uploads.received_at AS received_at, \
     uploads.id AS number FROM uploads JOIN runs ON runs.id = uploads.run_id \
     WHERE uploads.suite_id = ? ORDER BY uploads.id DESC LIMIT ?";

impl Store {
    /// Records an upload that was not stored. Deletes the oldest ones past
    /// [`MAX_REJECTED_UPLOADS`].
    pub async fn record_rejected_upload(&self, refused: NewRejectedUpload) -> Result<()> {
        let mut session = self.write().await?;
        let suite_id = refused.suite.get();
        session
            .execute(
                "INSERT INTO refused_uploads (suite_id, uuid, status, reason, run_key, format, \
                 received_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                values![
                    suite_id,
                    refused.uuid,
                    i64::from(refused.status),
                    &refused.reason,
                    &refused.run_key,
                    refused.format.map(Format::name),
                    refused.received_at,
                ],
            )
            .await
            .map_err(|error| error.or_gone("the suite"))?;
        session
            .execute(
                "DELETE FROM refused_uploads WHERE suite_id = $1 AND id <= (SELECT id FROM \
                 refused_uploads WHERE suite_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
                values![suite_id, MAX_REJECTED_UPLOADS],
            )
            .await?;
        session.commit().await
    }

    /// The upload attempts of a suite, or only those in a state, newest first.
    pub async fn upload_attempts(
        &self,
        suite: SuiteId,
        state: Option<AttemptState>,
        page: Page,
    ) -> Result<Listed<UploadAttempt>> {
        // Up to the end of the page from either table: both have an index.
        let most = page.offset().saturating_add(page.limit());
        let of_status = match state {
            Some(AttemptState::Rejected) => format!("AND status < {FIRST_SERVER_ERROR}"),
            Some(AttemptState::Failed) => format!("AND status >= {FIRST_SERVER_ERROR}"),
            None | Some(AttemptState::Accepted) => String::new(),
        };
        let refused = format!(
            "SELECT uuid, status, reason, run_key, format, uuid AS run_uuid, \
             CAST(NULL AS TEXT) AS job_id, CAST(0 AS BIGINT) AS kept, \
             CAST(0 AS BIGINT) AS duplicates, CAST(0 AS BIGINT) AS skipped, \
             '[]' AS errors, received_at, id AS number FROM refused_uploads \
             WHERE suite_id = ? {of_status} ORDER BY id DESC LIMIT ?"
        );
        let with_kept = matches!(state, None | Some(AttemptState::Accepted));
        let with_refused = !matches!(state, Some(AttemptState::Accepted));
        let mut parts = Vec::new();
        let mut bound: Vec<Value<'_>> = Vec::new();
        if with_kept {
            parts.push(format!("SELECT * FROM ({KEPT}) AS kept_ones"));
            bound.extend(values![suite.get(), most]);
        }
        if with_refused {
            parts.push(format!("SELECT * FROM ({refused}) AS refused_ones"));
            bound.extend(values![suite.get(), most]);
        }
        bound.extend(values![page.limit(), page.offset()]);
        let text = format!(
            "SELECT * FROM ({}) AS attempts \
             ORDER BY received_at DESC, number DESC, status LIMIT ? OFFSET ?",
            parts.join(" UNION ALL ")
        );
        let mut session = self.read().await?;
        let rows = session.rows(text, bound).await?;
        let mut total = 0;
        if with_kept {
            let kept = "SELECT COUNT(*) FROM uploads WHERE suite_id = $1";
            total += session.count(kept, values![suite.get()]).await?;
        }
        if with_refused {
            let text =
                format!("SELECT COUNT(*) FROM refused_uploads WHERE suite_id = ? {of_status}");
            total += session.count(text, values![suite.get()]).await?;
        }
        Ok(Listed {
            items: rows.iter().map(attempt).collect::<Result<_>>()?,
            total,
        })
    }
}

impl Store {
    /// How many uploads of a suite were accepted, rejected or failed in each hour from `since` on;
    /// hours without any are left out. Of those not accepted, only the latest
    /// [`MAX_REJECTED_UPLOADS`] are known.
    pub async fn uploads_by_hour(
        &self,
        suite: SuiteId,
        since: Timestamp,
    ) -> Result<Vec<UploadHour>> {
        let mut session = self.read().await?;
        let text = format!(
            "SELECT received_at / {HOUR_MS} AS hour, 0 AS status, COUNT(*) AS number \
             FROM uploads WHERE suite_id = $1 AND received_at >= $2 \
             GROUP BY received_at / {HOUR_MS} UNION ALL \
             SELECT received_at / {HOUR_MS} AS hour, \
             CASE WHEN status < {FIRST_SERVER_ERROR} THEN 1 ELSE 2 END AS status, \
             COUNT(*) AS number FROM refused_uploads \
             WHERE suite_id = $1 AND received_at >= $2 GROUP BY received_at / {HOUR_MS}, \
             CASE WHEN status < {FIRST_SERVER_ERROR} THEN 1 ELSE 2 END"
        );
        let rows = session.rows(text, values![suite.get(), since]).await?;
        let mut hours: BTreeMap<i64, UploadHour> = BTreeMap::new();
        for row in &rows {
            let hour = row.integer("hour")?;
            let counts = hours.entry(hour).or_default();
            counts.start = Timestamp::from_millis(hour * HOUR_MS);
            let number = row.count("number")?;
            match row.integer("status")? {
                0 => counts.accepted = number,
                1 => counts.rejected = number,
                _ => counts.failed = number,
            }
        }
        Ok(hours.into_values().collect())
    }

    /// Why uploads from `since` on were not accepted; the most frequent reason first.
    pub async fn upload_problems(
        &self,
        suite: SuiteId,
        since: Timestamp,
    ) -> Result<Vec<UploadProblem>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT status, reason, COUNT(*) AS number, MIN(received_at) AS first, \
                 MAX(received_at) AS last FROM refused_uploads \
                 WHERE suite_id = $1 AND received_at >= $2 GROUP BY status, reason \
                 ORDER BY number DESC, last DESC, reason",
                values![suite.get(), since],
            )
            .await?;
        let problem = |row: &Row| {
            let status = row.integer("status")?;
            Ok(UploadProblem {
                status: u16::try_from(status)
                    .map_err(|_| StoreError::Damaged { what: "status" })?,
                reason: row.text("reason")?,
                uploads: row.count("number")?,
                first_at: row.time("first")?,
                last_at: row.time("last")?,
            })
        };
        rows.iter().map(problem).collect()
    }
}

fn attempt(row: &Row) -> Result<UploadAttempt> {
    let format = row
        .text_or_null("format")?
        .map(|name| {
            Format::from_name(&name).ok_or(StoreError::Damaged {
                what: "result format",
            })
        })
        .transpose()?;
    let status = row.integer("status")?;
    // Rejected uploads have no run; the column contains their own id.
    let run_uuid = if status == 0 {
        Some(row.uuid("run_uuid")?)
    } else {
        None
    };
    Ok(UploadAttempt {
        uuid: row.uuid("uuid")?,
        state: match status {
            0 => AttemptState::Accepted,
            FIRST_SERVER_ERROR.. => AttemptState::Failed,
            _ => AttemptState::Rejected,
        },
        status: u16::try_from(status).map_err(|_| StoreError::Damaged { what: "status" })?,
        reason: row.text_or_null("reason")?,
        run_key: row.text_or_null("run_key")?,
        format,
        run_uuid,
        job_id: row.text_or_null("job_id")?,
        kept: row.count("kept")?,
        duplicates: row.count("duplicates")?,
        skipped: row.count("skipped")?,
        errors: row.json("errors", "list of errors")?,
        received_at: row.time("received_at")?,
    })
}
