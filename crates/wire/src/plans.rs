//! Plans: the request, the response, and what a node reports after its run.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{PlanSelection, Population, object};

/// `POST …/test_plan`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanRequest {
    /// The runner's name, such as `rspec`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required, pattern = r"\S"))]
    pub runner: String,
    /// Shared by all nodes of a build; `BUILD_ID/STEP_ID` by default.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        schema(required, pattern = r"\S", max_length = 1024)
    )]
    pub identifier: String,
    /// Number of nodes; 0 if `max_parallelism` lets the server choose.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 1000))]
    pub parallelism: i64,
    /// Maximum number of nodes if the server chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 1000))]
    pub max_parallelism: Option<i64>,
    /// Desired seconds per node; only with `max_parallelism`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "integer_if_possible"
    )]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 86400))]
    pub target_time: Option<f64>,
    /// May be empty.
    #[serde(default)]
    pub branch: String,
    /// The path from the repository root to the project, if the user set one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub location_prefix: String,
    /// The tests to split.
    #[serde(default, deserialize_with = "object::one")]
    pub tests: PlanTests,
    /// Which of the tests to select; all of them if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// Facts about the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, serde_json::Value>>,
}

/// The tests of a plan request, by how they are identified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PlanTests {
    /// Whole files (the notation of client version 2).
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "object::list"
    )]
    #[cfg_attr(feature = "openapi", schema(nullable = true))]
    pub files: Vec<FilePath>,
    /// Single examples.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "object::list"
    )]
    #[cfg_attr(feature = "openapi", schema(nullable = true, value_type = Vec<PlanExample>))]
    pub examples: Vec<Case>,
    /// Anything a runner accepts as a target: a file, a package.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "object::list"
    )]
    #[cfg_attr(feature = "openapi", schema(nullable = true))]
    pub selectors: Vec<SelectorValue>,
}

/// `{"path": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FilePath {
    /// Relative, with the location prefix.
    #[cfg_attr(feature = "openapi", schema(pattern = r"\S"))]
    pub path: String,
}

/// `{"value": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SelectorValue {
    /// As discovered, without the location prefix.
    #[cfg_attr(feature = "openapi", schema(pattern = r"\S"))]
    pub value: String,
}

// Only for the OpenAPI document: requests are read and written as cases.
/// An example in a request.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
pub struct PlanExample {
    /// The file.
    #[schema(nullable = false)]
    pub path: Option<String>,
    /// A selector.
    #[schema(nullable = false)]
    pub value: Option<String>,
    /// Decides which of the other fields identify the test; by default `file`.
    #[schema(pattern = "^(file|example|selector|test|)$")]
    pub format: Option<String>,
    /// The runner's argument for one example.
    #[schema(nullable = false)]
    pub identifier: Option<String>,
    /// Of an example.
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// The example's group.
    #[schema(nullable = false)]
    pub scope: Option<String>,
}

/// How a [`Case`] identifies its test. Absent or empty means file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum CaseFormat {
    /// By path.
    #[default]
    #[serde(alias = "")]
    File,
    /// By the runner's id of one example.
    Example,
    /// By a selector value.
    Selector,
    /// The legacy name of [`CaseFormat::Example`].
    Test,
}

/// One thing to run, in a request (examples only) or in a response (every format).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PlanCase))]
pub struct Case {
    /// Empty for selectors.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The selector; empty for other formats.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Decides which of the other fields identify the test.
    #[serde(default, deserialize_with = "null_is_default")]
    pub format: CaseFormat,
    /// The runner's argument for one example.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub identifier: String,
    /// Of an example.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The example's group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// Milliseconds; only in responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_duration: Option<i64>,
    /// Number of runs behind the estimate, 0 for a default; only in responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing_sample_size: Option<i64>,
    /// Number of distinct tests with results in the latest complete run of the default branch, or
    /// of the plan's branch. Only in responses of this project's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_tests: Option<u64>,
}

impl Case {
    /// What the runner is started with: the selector's value, or the path.
    pub fn target(&self) -> &str {
        let choices = match self.format {
            CaseFormat::Selector => [&self.value, &self.path, &self.identifier],
            CaseFormat::File | CaseFormat::Example | CaseFormat::Test => {
                [&self.path, &self.identifier, &self.value]
            }
        };
        let first = choices.into_iter().find(|text| !text.is_empty());
        first.map_or("", String::as_str)
    }
}

/// Requests a part of the tests only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Selection {
    /// `confidence`, `percent`, `time` or `observe`; or `random`, `xgboost`, `manual` or
    /// `rspec_changed_files` of the hosted product's clients.
    pub strategy: String,
    /// Parameters of the strategy, as `docs/selection.md` lists them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
}

/// The response to both `GET` and `POST …/test_plan`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Plan {
    /// As requested.
    #[serde(default)]
    pub identifier: String,
    /// Number of nodes.
    #[serde(default)]
    pub parallelism: i64,
    /// Always empty here, but clients expect the key.
    #[serde(default, deserialize_with = "null_is_default")]
    pub experiment: String,
    /// One per node, keyed by its number in decimal. Empty if the server could not plan.
    #[serde(default, deserialize_with = "null_is_default")]
    pub tasks: BTreeMap<String, Task>,
    /// Their failures do not fail the build.
    #[serde(default, deserialize_with = "null_is_default")]
    pub muted_tests: Vec<TestIdentity>,
    /// Left out of `tasks`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub skipped_tests: Vec<TestIdentity>,
    /// The defaults behind the estimates; `{}` for a single node.
    #[serde(default, deserialize_with = "null_is_default")]
    pub timing_metadata: TimingMetadata,
    /// Fraction of the cases with history, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 1))]
    pub known_timings_ratio: Option<f64>,
    /// Calls beyond the hosted product's that this server offers, such as `node_reports`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// The targets of the request that created the plan; sent by this project's server only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<Population>,
    /// The decision about what runs; only if the request asked for a selection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<PlanSelection>,
}

/// One node's share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Task {
    /// From 0.
    #[serde(default)]
    pub node_number: i64,
    /// May be empty, but not absent: a share that is missing by mistake must not look like a node
    /// without tests.
    #[serde(deserialize_with = "null_is_default")]
    pub tests: Vec<Case>,
}

/// A test by scope and name, with its last known location.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestIdentity {
    /// Group; may be empty.
    #[serde(default, deserialize_with = "null_is_default")]
    pub scope: String,
    /// Unique within the scope.
    #[serde(default, deserialize_with = "null_is_default")]
    pub name: String,
    /// `path:line`, or empty.
    #[serde(default, deserialize_with = "null_is_default")]
    pub path: String,
}

/// The durations assumed for cases without history, per format.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimingMetadata {
    /// For [`CaseFormat::File`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<TimingDefaults>,
    /// For [`CaseFormat::Example`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<TimingDefaults>,
    /// For [`CaseFormat::Selector`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<TimingDefaults>,
}

impl TimingMetadata {
    /// True for a plan with parallelism 1.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Milliseconds assumed for a case without history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimingDefaults {
    /// Median of the cases with history; `None` if there are none.
    pub median_duration: Option<f64>,
    /// Used if there is no median.
    #[serde(default)]
    pub default_duration: f64,
}

/// `POST …/test_plan/filter_tests`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FilterTestsRequest {
    /// Every discovered file, with the location prefix.
    #[serde(deserialize_with = "object::list")]
    #[cfg_attr(feature = "openapi", schema(required, nullable = true))]
    pub files: Vec<FilePath>,
    /// Maximum number of nodes if the server chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallelism: Option<i64>,
    /// Desired seconds per node.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "integer_if_possible"
    )]
    pub target_time: Option<f64>,
    /// The client's settings.
    #[serde(default, deserialize_with = "object::one")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub env: crate::EnvPayload,
}

/// The files to expand into examples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FilterTestsResponse {
    /// May be empty.
    #[serde(default, deserialize_with = "null_is_default")]
    pub tests: Vec<FilteredTest>,
}

/// A file worth expanding into examples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FilteredTest {
    /// As requested.
    pub path: String,
    /// `slow file`, or that it contains skipped tests.
    #[serde(default)]
    pub reason: String,
}

/// `POST …/test_files`, the timings call of older clients; the response maps paths to
/// milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestFilesRequest {
    /// Relative to the repository or to the project.
    #[serde(deserialize_with = "null_is_default")]
    #[cfg_attr(feature = "openapi", schema(required, nullable = true))]
    pub paths: Vec<String>,
}

/// `POST …/test_plan_metadata`: the outcome of a node's run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanMetadataRequest {
    /// Of the client.
    #[serde(default)]
    pub version: String,
    /// The client's settings. They identify the plan and the node.
    #[serde(default, deserialize_with = "object::one")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub env: crate::EnvPayload,
    /// Start and end of each attempt; empty for a node without tests.
    #[serde(default, deserialize_with = "object::list")]
    #[cfg_attr(feature = "openapi", schema(nullable = true))]
    pub timeline: Vec<TimelineEvent>,
    /// Number of tests by outcome.
    #[serde(default, deserialize_with = "object::one")]
    pub statistics: Statistics,
}

/// A point in time of a node's run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimelineEvent {
    /// RFC 3339 with fractions of a second.
    pub timestamp: String,
    /// `test_start`, `test_end`, `retry_N_start`, `retry_N_end`.
    pub event: String,
}

/// Counts of tests; a test that was retried counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Statistics {
    /// Sum of the other counts.
    pub total: i64,
    /// Passed in its only execution.
    pub passed_on_first_run: i64,
    /// Passed after more than one execution.
    pub passed_on_retry: i64,
    /// Muted and passed.
    pub muted_passed: i64,
    /// Muted and failed in the last execution.
    pub muted_failed: i64,
    /// Failed in the last execution.
    pub failed: i64,
    /// Not run.
    pub skipped: i64,
}

/// Go servers and clients write empty lists and maps as `null`.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Writes 150.0 as `150`, as Go does.
#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn integer_if_possible<S: Serializer>(
    number: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let Some(number) = *number else {
        return serializer.serialize_none();
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "compared with the original"
    )]
    let integer = number as i64;
    #[expect(clippy::cast_precision_loss, reason = "detects exactly that")]
    let is_exact = (integer as f64).to_bits() == number.to_bits();
    if is_exact {
        serializer.serialize_i64(integer)
    } else {
        serializer.serialize_f64(number)
    }
}
