//! The response to an upload of results.

use serde::{Deserialize, Serialize};

/// Has the fields that the collectors of every language expect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct UploadReceipt {
    /// UUID.
    pub id: String,
    /// UUID of the run it belongs to.
    pub run_id: String,
    /// The same as `id`, for newer clients.
    pub upload_id: String,
    /// Number of results accepted.
    pub queued: u64,
    /// Number of results rejected.
    pub skipped: u64,
    /// Why, and what was read or stored differently than it was sent; at most 50.
    #[cfg_attr(feature = "openapi", schema(max_items = 50))]
    pub errors: Vec<String>,
    /// URL of the run's page.
    pub run_url: String,
    /// URL of the upload's page.
    pub upload_url: String,
}
