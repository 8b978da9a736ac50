//! The fields of the API's responses that an import reads.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) created_at: String,
    #[serde(default)]
    pub(super) build_id: Option<String>,
    #[serde(default)]
    pub(super) branch: Option<String>,
    #[serde(default)]
    pub(super) commit_sha: Option<String>,
    #[serde(default)]
    pub(super) state: Option<String>,
    /// Of the API: tells the suite.
    #[serde(default)]
    pub(super) url: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Test {
    pub(super) id: String,
    #[serde(default)]
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) scope: Option<String>,
    pub(super) name: String,
    #[serde(default)]
    pub(super) location: Option<String>,
    #[serde(default)]
    pub(super) file_name: Option<String>,
    /// In seconds, over all executions of the build.
    #[serde(default)]
    pub(super) duration_sum: Option<f64>,
    /// Only with `Buildkite-Version: 2026-08-01`.
    #[serde(default)]
    pub(super) executions_count_by_result: Option<CountsByResult>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct CountsByResult {
    #[serde(default)]
    pub(super) passed: usize,
    #[serde(default)]
    pub(super) failed: usize,
    #[serde(default)]
    pub(super) skipped: usize,
    #[serde(default)]
    pub(super) pending: usize,
    #[serde(default)]
    pub(super) unknown: usize,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct FailedExecution {
    pub(super) execution_id: String,
    pub(super) test_id: String,
    #[serde(default)]
    pub(super) failure_reason: Option<String>,
    /// In seconds.
    #[serde(default)]
    pub(super) duration: Option<f64>,
    #[serde(default)]
    pub(super) location: Option<String>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) failure_expanded: Option<Value>,
}
