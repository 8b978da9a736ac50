//! The body of every error answer.

use serde::{Deserialize, Serialize};

/// `{"message": "…"}`: a sentence that says what is wrong and what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// For a person.
    pub message: String,
    /// Which limit was exceeded; this and all below only with status 429.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Requests allowed in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Requests in this minute so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<u32>,
    /// Seconds until the next minute begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<u32>,
}
