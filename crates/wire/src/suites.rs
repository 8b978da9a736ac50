//! Suites, runs and tokens of the REST API.

use serde::{Deserialize, Serialize};

/// A test suite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    /// UUID.
    pub id: String,
    /// Base64 of `Suite---` and the UUID.
    #[serde(default)]
    pub graphql_id: String,
    /// UUID of the organization.
    #[serde(default)]
    pub organization_id: String,
    /// Unique within the organization.
    pub slug: String,
    /// For people.
    pub name: String,
    /// Of the API.
    #[serde(default)]
    pub url: String,
    /// Of the page.
    #[serde(default)]
    pub web_url: String,
    /// The branch that pages and plans prefer.
    #[serde(default)]
    pub default_branch: String,
    /// What is tested.
    #[serde(default)]
    pub application_name: Option<String>,
    /// For people.
    #[serde(default)]
    pub color: Option<String>,
    /// For people.
    #[serde(default)]
    pub emoji: Option<String>,
    /// Who may use the suite with an OIDC token.
    #[serde(default)]
    pub oidc_policy: Option<serde_json::Value>,
    /// The suite token; only when asked for by someone who may write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_token: Option<String>,
}

/// One run: every upload with the same key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// UUID.
    pub id: String,
    /// As uploaded, without `refs/heads/`.
    pub branch: Option<String>,
    /// As uploaded.
    pub commit_sha: Option<String>,
    /// `running` or `finished`.
    pub state: String,
    /// `pending`, `passed`, `failed` or `stale`.
    pub result: String,
    /// Of the API.
    pub url: String,
    /// Of the page.
    pub web_url: String,
    /// The build, when the CI says.
    pub build_id: Option<String>,
    /// RFC 3339.
    pub created_at: String,
}

/// `GET /v2/access-token`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// UUID of the token.
    pub uuid: String,
    /// What it may do.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
}
