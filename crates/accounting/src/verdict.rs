//! The verdict.

use serde::{Deserialize, Serialize};

/// Whether every test is accounted for. Ordered from best to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every target ran to its end.
    Complete,
    /// A target did not, or that cannot be proven.
    Incomplete,
    /// There is neither a plan nor a report, or no target to account for.
    #[default]
    Unknown,
}
