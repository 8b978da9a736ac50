//! Suites, runs and tokens of the REST API.

use serde::{Deserialize, Serialize};

/// Only `id` is required in a response.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Suite {
    /// UUID.
    pub id: String,
    /// Base64 of `Suite---` and the UUID.
    #[serde(default)]
    pub graphql_id: String,
    /// UUID.
    #[serde(default)]
    pub organization_id: String,
    /// Unique within the organization.
    #[serde(default)]
    pub slug: String,
    /// For display.
    #[serde(default)]
    pub name: String,
    /// Of the API.
    #[serde(default)]
    pub url: String,
    /// Of the page.
    #[serde(default)]
    pub web_url: String,
    /// Preferred by pages and plans.
    #[serde(default)]
    pub default_branch: String,
    /// The application under test.
    pub application_name: Option<String>,
    /// For display.
    pub color: Option<String>,
    /// For display.
    pub emoji: Option<String>,
    /// Who may use the suite with an OIDC token.
    pub oidc_policy: Option<serde_json::Value>,
    /// How long tests are muted and skipped; not in the hosted product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<QuarantineSettings>,
    /// The suite token; only on request, and only for a token that may write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_token: Option<String>,
}

/// How long a suite mutes and skips tests, in days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuarantineSettings {
    /// Unless a request has an end.
    pub days: u32,
    /// The longest that a request can choose.
    pub max_days: u32,
    /// For requests without details; by default they have no end.
    pub api_days: Option<u32>,
}

/// All uploads with the same key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Run {
    /// UUID.
    pub id: String,
    /// As uploaded, without `refs/heads/`.
    pub branch: Option<String>,
    /// As uploaded.
    pub commit_sha: Option<String>,
    /// `running` or `finished`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^(running|finished)$"))]
    pub state: String,
    /// `pending`, `passed`, `failed` or `stale`.
    #[cfg_attr(
        feature = "openapi",
        schema(pattern = "^(pending|passed|failed|stale)$")
    )]
    pub result: String,
    /// Of the API.
    pub url: String,
    /// Of the page.
    pub web_url: String,
    /// As uploaded; not every CI has one.
    pub build_id: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// The tests that failed, by how they ended. Null for runs of earlier versions of the server.
    #[serde(default)]
    pub failed_tests: Option<FailedTests>,
    /// So many tests failed together that the run says nothing about single tests: its results
    /// count in no score.
    #[serde(default)]
    pub outage: bool,
    /// Somebody has the results of an outage counted all the same.
    #[serde(default)]
    pub outage_counted: bool,
}

/// Numbers of distinct tests of a run that failed at least once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailedTests {
    /// Their first execution in the run failed, whatever came later.
    pub first_failed: u64,
    /// They failed to the end in some job.
    pub broken: u64,
    /// They passed on retry in every job in which they failed.
    pub recovered: u64,
    /// They failed to the end, but were muted.
    pub muted_failed: u64,
}

/// `GET /v2/access-token`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessToken {
    /// UUID.
    pub uuid: String,
    /// The permissions of the token.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// For display.
    pub description: Option<String>,
}
