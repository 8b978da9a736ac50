//! Saved views of the list of tests.

use uuid::Uuid;

use super::values::Timestamp;

/// A name for a query of the list of tests, for all readers of the suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedView {
    pub uuid: Uuid,
    /// Unique in its suite.
    pub name: String,
    pub settings: ViewSettings,
    pub created_at: Timestamp,
}

/// What a view shows. The store does not interpret the texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewSettings {
    pub query: String,
    /// Names, separated by commas.
    pub columns: String,
    pub sort: String,
    /// Shown if a reader asks for none. At most one view of a suite is.
    pub is_default: bool,
}
