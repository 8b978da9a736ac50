//! The file that assigns tests to teams: at most one per suite, stored verbatim.

use crate::error::StoreError;
use crate::records::{OwnershipFile, SuiteId, Timestamp};
use crate::sql::values;
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Inserts or replaces the file.
    pub async fn set_ownership(&self, suite: SuiteId, body: &str, now: Timestamp) -> Result<()> {
        let mut session = self.write().await?;
        let kept = session
            .execute(
                "INSERT INTO ownership_files (suite_id, body, updated_at) \
                 SELECT id, $2, $3 FROM suites WHERE id = $1 AND NOT deleted \
                 ON CONFLICT (suite_id) DO UPDATE SET body = excluded.body, \
                 updated_at = excluded.updated_at",
                values![suite.get(), body, now],
            )
            .await?;
        if kept == 0 {
            return Err(StoreError::Gone("the suite"));
        }
        session.commit().await
    }

    /// `None` until a file has been set.
    pub async fn ownership(&self, suite: SuiteId) -> Result<Option<OwnershipFile>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT body, updated_at FROM ownership_files WHERE suite_id = $1",
                values![suite.get()],
            )
            .await?;
        row.map(|row| {
            Ok(OwnershipFile {
                body: row.text("body")?,
                updated_at: row.time("updated_at")?,
            })
        })
        .transpose()
    }
}
