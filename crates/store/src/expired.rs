//! Deletes what is kept for some time only: plans and accountings.

use crate::error::StoreError;
use crate::records::Timestamp;
use crate::sql::{Session, values};

/// Deletes at most `limit` rows of a table, and what belongs to them; returns how many.
pub(crate) async fn delete_expired(
    session: &mut Session,
    table: &str,
    now: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let expired = session
        .rows(
            format!(
                "SELECT suite_id, identifier FROM {table} WHERE expires_at <= $1 \
                 ORDER BY expires_at LIMIT $2"
            ),
            values![now, i64::from(limit)],
        )
        .await?;
    let delete =
        format!("DELETE FROM {table} WHERE suite_id = $1 AND identifier = $2 AND expires_at <= $3");
    let mut deleted = 0;
    for row in expired {
        let values = values![row.integer("suite_id")?, row.text("identifier")?, now];
        deleted += session.execute(delete.clone(), values).await?;
    }
    Ok(deleted)
}
