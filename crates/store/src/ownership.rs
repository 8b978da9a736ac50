//! The file that assigns tests to teams: at most one per suite, stored verbatim.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::audit::{self, Event, Place};
use crate::error::StoreError;
use crate::records::{Change, OwnershipFile, SuiteId};
use crate::sql::values;
use crate::store::Store;
use crate::suites;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Inserts or replaces the file. The audit log has the digest and length of both files.
    pub async fn set_ownership(&self, suite: SuiteId, body: &str, change: &Change) -> Result<()> {
        let mut session = self.write().await?;
        let Some(owner) = suites::lock(&mut session, suite).await? else {
            return Err(StoreError::Gone("the suite"));
        };
        let earlier = session
            .optional(
                "SELECT body FROM ownership_files WHERE suite_id = $1",
                values![suite.get()],
            )
            .await?
            .map(|row| row.text("body"))
            .transpose()?;
        session
            .execute(
                "INSERT INTO ownership_files (suite_id, body, updated_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (suite_id) DO UPDATE SET body = excluded.body, \
                 updated_at = excluded.updated_at",
                values![suite.get(), body, change.at],
            )
            .await?;
        let before = earlier.as_deref().map_or_else(Map::new, summary);
        if let Some((before, after)) = audit::differences(&before, summary(body)) {
            let event = Event {
                before: earlier.is_some().then_some(before),
                after: Some(after),
                ..suites::event("owners.updated", &owner)
            };
            audit::record(&mut session, &Place::of(&owner), change, event).await?;
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

/// Identifies a file, which may be too large for the audit log.
fn summary(body: &str) -> Map<String, Value> {
    let digest = Sha256::digest(body.as_bytes());
    let digest: String = digest
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    Map::from_iter([
        ("sha256".to_owned(), json!(digest)),
        ("bytes".to_owned(), json!(body.len())),
    ])
}
