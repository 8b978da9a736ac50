//! Tests of the REST API.

use serde::{Deserialize, Serialize};

/// A test with executions in the suite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Test {
    /// UUID, derived from suite, scope and name.
    pub id: String,
    /// Of the API.
    pub url: String,
    /// Of the page.
    pub web_url: String,
    /// Group; may be empty.
    pub scope: Option<String>,
    /// Unique within the scope.
    pub name: String,
    /// `path:line` of the latest execution.
    pub location: Option<String>,
    /// File of the latest execution.
    pub file_name: Option<String>,
    /// Only in responses of endpoints that include them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
}

/// `POST …/tests/find`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindTest {
    /// Group; absent means empty.
    pub scope: Option<String>,
    /// Unique within the scope.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required, pattern = r"\S"))]
    pub name: String,
}
