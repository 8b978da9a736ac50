//! Plans: what is asked for, what is answered, and what a node reports afterwards.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// `POST …/test_plan`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanRequest {
    /// The runner's name, such as `rspec`.
    #[serde(default)]
    pub runner: String,
    /// What all nodes of a build share; `BUILD_ID/STEP_ID` unless set.
    #[serde(default)]
    pub identifier: String,
    /// Nodes to fill; 0 when `max_parallelism` lets the server choose.
    #[serde(default)]
    pub parallelism: i64,
    /// Upper bound of nodes when the server chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallelism: Option<i64>,
    /// Seconds each node should take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_time: Option<f64>,
    /// May be empty.
    #[serde(default)]
    pub branch: String,
    /// The folder of the project inside its repository.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub location_prefix: String,
    /// What to split.
    #[serde(default)]
    pub tests: PlanTests,
    /// Which part of the tests to choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// What the client knows of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, serde_json::Value>>,
}

/// The tests of a plan request, by how they are named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanTests {
    /// Whole files (the form of client version 2).
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub files: Vec<FilePath>,
    /// Single examples.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub examples: Vec<Case>,
    /// Anything a runner can be handed: a file, a package.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub selectors: Vec<SelectorValue>,
}

/// `{"path": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FilePath {
    /// Relative, with the location prefix.
    pub path: String,
}

/// `{"value": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SelectorValue {
    /// As discovered, without the location prefix.
    pub value: String,
}

/// How a [`Case`] names its test. Absent or empty means file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// The legacy name of an example.
    Test,
}

/// One thing to run, in a request (examples) or in an answer (every kind).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Where the test is; empty for selectors.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The selector, for selectors only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Which kind it is.
    #[serde(default, deserialize_with = "null_is_default")]
    pub format: CaseFormat,
    /// What the runner is handed to run one example.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub identifier: String,
    /// The example's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The example's group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// Milliseconds the server expects; only in answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_duration: Option<i64>,
    /// Runs behind that estimate; 0 when it is a guess. Only in answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing_sample_size: Option<i64>,
}

/// Ask for a part of the tests only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The strategy's name.
    pub strategy: String,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
}

/// The answer to both `GET` and `POST …/test_plan`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// As asked for.
    #[serde(default)]
    pub identifier: String,
    /// Nodes in the plan.
    #[serde(default)]
    pub parallelism: i64,
    /// Always empty here; clients expect the key.
    #[serde(default, deserialize_with = "null_is_default")]
    pub experiment: String,
    /// One per node, keyed by its number in decimal. Empty: the server could not plan.
    #[serde(default, deserialize_with = "null_is_default")]
    pub tasks: BTreeMap<String, Task>,
    /// Tests whose failures do not count.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub muted_tests: Vec<TestIdentity>,
    /// Tests that were left out.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub skipped_tests: Vec<TestIdentity>,
    /// What stood behind the estimates; `{}` for a single node.
    #[serde(default, deserialize_with = "null_is_default")]
    pub timing_metadata: TimingMetadata,
    /// Share of cases with history, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_timings_ratio: Option<f64>,
}

/// One node's share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// From 0.
    #[serde(default)]
    pub node_number: i64,
    /// What the node runs; may be empty, but must be there: a share that is missing by mistake
    /// must not look like a node with nothing to do.
    #[serde(deserialize_with = "null_is_empty")]
    pub tests: Vec<Case>,
}

/// A test by scope and name, with the place it was last seen at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestIdentity {
    /// Group; may be empty.
    #[serde(default, deserialize_with = "null_is_default")]
    pub scope: String,
    /// Name.
    #[serde(default, deserialize_with = "null_is_default")]
    pub name: String,
    /// `path:line`, or empty.
    #[serde(default, deserialize_with = "null_is_default")]
    pub path: String,
}

/// Per kind of case, what unknown durations were taken to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimingMetadata {
    /// For whole files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<TimingDefaults>,
    /// For examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<TimingDefaults>,
    /// For selectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<TimingDefaults>,
}

impl TimingMetadata {
    /// Nothing known of any kind, as at parallelism 1.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Milliseconds assumed for what has no history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimingDefaults {
    /// Median of the known ones; `None` when nothing is known.
    #[serde(default)]
    pub median_duration: Option<f64>,
    /// Used when there is no median.
    #[serde(default)]
    pub default_duration: f64,
}

/// `POST …/test_plan/filter_tests`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FilterTestsRequest {
    /// Every discovered file, with the location prefix.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub files: Vec<FilePath>,
    /// Upper bound of nodes, when the server chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallelism: Option<i64>,
    /// Seconds each node should take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_time: Option<f64>,
    /// The client's settings.
    #[serde(default)]
    pub env: crate::EnvPayload,
}

/// The answer: the files to expand into examples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterTestsResponse {
    /// May be empty.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub tests: Vec<FilteredTest>,
}

/// A file worth expanding, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilteredTest {
    /// As it was sent.
    pub path: String,
    /// `slow file`, or that it holds skipped tests.
    #[serde(default)]
    pub reason: String,
}

/// `POST …/test_files`, the timings call of older clients; the answer is path → milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestFilesRequest {
    /// Files to look up.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub paths: Vec<String>,
}

/// `POST …/test_plan_metadata`: how a node's run went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanMetadataRequest {
    /// The client's version.
    #[serde(default)]
    pub version: String,
    /// The client's settings; the plan is found by its identifier, the node by its job number.
    #[serde(default)]
    pub env: crate::EnvPayload,
    /// What happened when.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub timeline: Vec<TimelineEvent>,
    /// How many tests ended how.
    #[serde(default)]
    pub statistics: Statistics,
}

/// One moment of a node's run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEvent {
    /// RFC 3339 with fractions of a second.
    pub timestamp: String,
    /// `test_start`, `test_end`, `retry_N_start`, `retry_N_end`.
    pub event: String,
}

/// Counts of tests, each test once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Statistics {
    /// All tests seen.
    pub total: i64,
    /// Passed the first time.
    pub passed_on_first_run: i64,
    /// Passed after more than one execution.
    pub passed_on_retry: i64,
    /// Muted, and passed.
    pub muted_passed: i64,
    /// Muted, and failed to the end.
    pub muted_failed: i64,
    /// Failed to the end.
    pub failed: i64,
    /// Not run.
    pub skipped: i64,
}

/// Go servers and clients write an empty list as `null`.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
