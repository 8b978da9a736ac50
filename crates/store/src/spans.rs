//! Spans of executions: opaque values that the caller has encoded, bounded and compressed.
//!
//! They expire before the executions; see [`crate::retention`].

use uuid::Uuid;

use crate::error::StoreError;
use crate::identity::{execution_place, execution_uuid};
use crate::records::SuiteId;
use crate::sql::{Session, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// Values per step; each has at most a few KiB.
const ROWS: i64 = 500;

impl Store {
    /// The spans of an execution, as uploaded; `None` if there are none.
    pub async fn spans(&self, suite: SuiteId, execution: Uuid) -> Result<Option<Vec<u8>>> {
        let (upload, position) = execution_place(execution);
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT uploads.uuid, spans.body FROM spans \
                 JOIN uploads ON uploads.id = spans.upload_id \
                 WHERE spans.upload_id = $1 AND spans.position = $2 AND spans.suite_id = $3",
                values![upload, i64::from(position), suite.get()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        if execution_uuid(upload, row.uuid("uuid")?, position) != execution {
            return Ok(None);
        }
        row.bytes("body").map(Some)
    }
}

/// Deletes some spans of a suite from before a day; returns how many.
pub(crate) async fn remove_some(session: &mut Session, suite: SuiteId, day: i64) -> Result<u64> {
    session
        .execute(
            "DELETE FROM spans WHERE (upload_id, position) IN (\
             SELECT upload_id, position FROM spans WHERE suite_id = $1 AND day < $2 \
             ORDER BY day, upload_id, position LIMIT $3)",
            values![suite.get(), day, ROWS],
        )
        .await
}

/// The number of spans of a suite from before a day.
pub(crate) async fn count_before(session: &mut Session, suite: SuiteId, day: i64) -> Result<u64> {
    session
        .count(
            "SELECT COUNT(*) FROM spans WHERE suite_id = $1 AND day < $2",
            values![suite.get(), day],
        )
        .await
}
