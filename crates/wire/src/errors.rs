//! The body of every error response.

use serde::{Deserialize, Serialize};

/// `{"message": "…"}`; the rate limit fields are present only with status 429.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Error))]
pub struct ErrorBody {
    /// What is wrong and what to do, for a person.
    pub message: String,
    /// The limit that was exceeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Requests allowed per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Requests made in this minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<u32>,
    /// Seconds until the next minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<u32>,
}
