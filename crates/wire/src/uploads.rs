//! The answer to an upload of results.

use serde::{Deserialize, Serialize};

/// What the collectors of every language read, in one body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadReceipt {
    /// UUID of the upload.
    pub id: String,
    /// UUID of the run it belongs to.
    pub run_id: String,
    /// The same as `id`; newer clients read this one.
    pub upload_id: String,
    /// Results kept.
    pub queued: u64,
    /// Results passed over.
    pub skipped: u64,
    /// What was wrong with them, the first 50.
    pub errors: Vec<String>,
    /// The run's page.
    pub run_url: String,
    /// The upload's page.
    pub upload_url: String,
}
