//! How often an organization has asked, counted over all servers of one database.
//!
//! Only the counting: which limits there are, and what happens at them, is the server's business.

use crate::error::StoreError;
use crate::records::{OrganizationId, Timestamp};
use crate::sql::values;
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Adds requests to the count of a window, and returns the count with them. `bucket` is the
    /// caller's number for a kind of request; a window is named by when it began, and a later one
    /// takes the place of the one before. One that is over counts as the present one: a clock that
    /// is a little behind must not start anew.
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
