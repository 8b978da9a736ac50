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
     WHERE uploads.suite_id = ? AND uploads.id < ? ORDER BY uploads.id DESC LIMIT ?";

/// How far a list of upload attempts was read: the numbers before which it goes on, in either
/// table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadPosition {
    kept: i64,
    refused: i64,
}

impl UploadPosition {
    /// Before the newest attempt.
    pub const START: Self = Self {
        kept: i64::MAX,
        refused: i64::MAX,
    };
}

/// Selects at most some attempts from either table, newest first: both have an index.
struct Parts {
    text: String,
    bound: Vec<Value<'static>>,
}

impl Parts {
    fn new(
        suite: SuiteId,
        state: Option<AttemptState>,
        position: UploadPosition,
        most: i64,
    ) -> Self {
        let of_status = of_status(state);
        let refused = format!(
            "SELECT uuid, status, reason, run_key, format, uuid AS run_uuid, \
             CAST(NULL AS TEXT) AS job_id, CAST(0 AS BIGINT) AS kept, \
             CAST(0 AS BIGINT) AS duplicates, CAST(0 AS BIGINT) AS skipped, \
             '[]' AS errors, received_at, id AS number FROM refused_uploads \
             WHERE suite_id = ? AND id < ? {of_status} ORDER BY id DESC LIMIT ?"
        );
        let mut parts = Vec::new();
        let mut bound = Vec::new();
        if has_kept(state) {
            parts.push(format!("SELECT * FROM ({KEPT}) AS kept_ones"));
            bound.extend(values![suite.get(), position.kept, most]);
        }
        if has_refused(state) {
            parts.push(format!("SELECT * FROM ({refused}) AS refused_ones"));
            bound.extend(values![suite.get(), position.refused, most]);
        }
        Self {
            text: parts.join(" UNION ALL "),
            bound,
        }
    }
}

fn has_kept(state: Option<AttemptState>) -> bool {
    matches!(state, None | Some(AttemptState::Accepted))
}

fn has_refused(state: Option<AttemptState>) -> bool {
    !matches!(state, Some(AttemptState::Accepted))
}

/// The condition on refused uploads.
fn of_status(state: Option<AttemptState>) -> String {
    match state {
        Some(AttemptState::Rejected) => format!("AND status < {FIRST_SERVER_ERROR}"),
        Some(AttemptState::Failed) => format!("AND status >= {FIRST_SERVER_ERROR}"),
        None | Some(AttemptState::Accepted) => String::new(),
    }
}

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
        // Up to the end of the page from either table.
        let most = page.offset().saturating_add(page.limit());
        let Parts { text, mut bound } = Parts::new(suite, state, UploadPosition::START, most);
        bound.extend(values![page.limit(), page.offset()]);
        let text = format!(
            "SELECT * FROM ({text}) AS attempts \
             ORDER BY received_at DESC, number DESC, status LIMIT ? OFFSET ?"
        );
        let mut session = self.read().await?;
        let rows = session.rows(text, bound).await?;
        let mut total = 0;
        if has_kept(state) {
            let kept = "SELECT COUNT(*) FROM uploads WHERE suite_id = $1";
            total += session.count(kept, values![suite.get()]).await?;
        }
        if has_refused(state) {
            let of_status = of_status(state);
            let text =
                format!("SELECT COUNT(*) FROM refused_uploads WHERE suite_id = ? {of_status}");
            total += session.count(text, values![suite.get()]).await?;
        }
        Ok(Listed {
            items: rows.iter().map(attempt).collect::<Result<_>>()?,
            total,
        })
    }

    /// At most `limit` attempts in the order of [`Self::upload_attempts`], and where the list goes
    /// on; `None` at its end.
    pub async fn upload_attempts_from(
        &self,
        suite: SuiteId,
        state: Option<AttemptState>,
        position: UploadPosition,
        limit: u32,
    ) -> Result<(Vec<UploadAttempt>, Option<UploadPosition>)> {
        let Parts { text, bound } = Parts::new(suite, state, position, limit.into());
        let mut session = self.read().await?;
        let mut kept = Vec::new();
        let mut refused = Vec::new();
        for row in &session.rows(text, bound).await? {
            let numbered = (row.integer("number")?, attempt(row)?);
            match numbered.1.state {
                AttemptState::Accepted => kept.push(numbered),
                AttemptState::Rejected | AttemptState::Failed => refused.push(numbered),
            }
        }
        Ok(merged(kept, refused, position, limit as usize))
    }
}

/// The first attempts of both tables in one order, and the position after them. Attempts have the
/// numbers of their table.
fn merged(
    mut kept: Vec<(i64, UploadAttempt)>,
    mut refused: Vec<(i64, UploadAttempt)>,
    mut position: UploadPosition,
    limit: usize,
) -> (Vec<UploadAttempt>, Option<UploadPosition>) {
    for part in [&mut kept, &mut refused] {
        part.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    }
    let (mut kept, mut refused) = (kept.into_iter().peekable(), refused.into_iter().peekable());
    let mut attempts = Vec::new();
    while attempts.len() < limit {
        let order = |(number, attempt): &(i64, UploadAttempt)| (attempt.received_at, *number);
        let is_kept = kept.peek().map(order) >= refused.peek().map(order);
        let part = if is_kept { &mut kept } else { &mut refused };
        let Some((number, attempt)) = part.next() else {
            return (attempts, None);
        };
        if is_kept {
            position.kept = number;
        } else {
            position.refused = number;
        }
        attempts.push(attempt);
    }
    (attempts, Some(position))
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
