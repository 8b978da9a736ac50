//! Counts the requests of organizations, over all servers of one database. The server defines the
//! limits.

use crate::error::StoreError;
use crate::records::{OrganizationId, Timestamp};
use crate::sql::values;
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Adds requests to the count of a window, and returns the new count. `bucket` is the kind of
    /// request. A window is identified by its start: a later one replaces the present one, an
    /// earlier one counts towards it, because a clock that is slightly behind must not reset the
    /// count.
    pub async fn count_requests(
        &self,
        organization: OrganizationId,
        bucket: i64,
        window: Timestamp,
        requests: u32,
    ) -> Result<u64> {
        let mut session = self.write().await?;
        let row = session
            .one(
                "INSERT INTO request_counts (organization_id, bucket, began_at, used) \
                 VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (organization_id, bucket) DO UPDATE SET \
                 used = CASE WHEN request_counts.began_at < excluded.began_at \
                  THEN excluded.used ELSE request_counts.used + excluded.used END, \
                 began_at = CASE WHEN request_counts.began_at < excluded.began_at \
                  THEN excluded.began_at ELSE request_counts.began_at END \
                 RETURNING used",
                values![organization.get(), bucket, window, i64::from(requests)],
            )
            .await?;
        let used = row.count("used")?;
        session.commit().await?;
        Ok(used)
    }
}
