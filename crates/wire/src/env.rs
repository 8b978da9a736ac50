//! The client settings in `filter_tests` and `test_plan_metadata` requests.

use serde::{Deserialize, Serialize};

/// Exactly the 18 keys that the hosted client sends, with its types. Tokens and upload settings are
/// never included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "each field is the variable of its name")]
pub struct EnvPayload {
    pub buildkite_build_id: String,
    pub buildkite_job_id: String,
    pub buildkite_step_id: String,
    pub buildkite_organization_slug: String,
    pub buildkite_retry_count: i64,
    pub buildkite_parallel_job: i64,
    pub buildkite_parallel_job_count: i64,
    pub buildkite_test_engine_debug_enabled: bool,
    pub buildkite_test_engine_identifier: String,
    pub buildkite_test_engine_retry_cmd: String,
    pub buildkite_test_engine_retry_count: i64,
    pub buildkite_test_engine_split_by_example: bool,
    pub buildkite_test_engine_suite_slug: String,
    pub buildkite_test_engine_tag_filters: String,
    pub buildkite_test_engine_test_cmd: String,
    pub buildkite_test_engine_test_file_exclude_pattern: String,
    pub buildkite_test_engine_test_file_pattern: String,
    pub buildkite_test_engine_test_runner: String,
}
