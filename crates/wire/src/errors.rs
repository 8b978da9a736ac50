//! The body of every error answer.

use serde::{Deserialize, Serialize};

/// `{"message": "…"}`: a sentence that says what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// For a person.
    pub message: String,
}
