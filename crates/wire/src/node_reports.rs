//! `POST …/test_plan/node_reports`: a node's share and what it ran. The hosted product has no such
//! call, so clients send it only to servers whose plans list the feature `node_reports`.

use serde::{Deserialize, Serialize};

use crate::{PlanMetadataRequest, object};

/// One job's report. Sent when tests start, when they end, and after a fatal error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct NodeReport {
    /// Identifier of the plan.
    #[cfg_attr(
        feature = "openapi",
        schema(required, pattern = r"\S", max_length = 1024)
    )]
    pub identifier: String,
    /// Plans of one build share it, also those of different steps.
    #[cfg_attr(feature = "openapi", schema(max_length = 1024))]
    pub build_id: String,
    /// `run_env[key]` of the uploads of the job's results, if it differs from the build.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 1024))]
    pub run_key: String,
    /// The path from the repository root to the project, as in plan requests. Names of targets are
    /// looked up with it if there is no plan.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_length = 1024))]
    pub location_prefix: String,
    /// Separates the legs of a matrix build that share a plan; empty if there is no matrix.
    #[cfg_attr(feature = "openapi", schema(max_length = 256))]
    pub group: String,
    /// Index of the node, from 0. A job that runs missing targets afterwards uses `parallelism`.
    #[cfg_attr(feature = "openapi", schema(maximum = 1000))]
    pub node: u32,
    /// Number of nodes of the step.
    #[cfg_attr(
        feature = "openapi",
        schema(required, minimum = 1, maximum = 1000, default = 1)
    )]
    pub parallelism: u32,
    /// How often the CI retried the job; the report of the latest retry counts.
    pub job_retry_count: u32,
    /// The CI's identifier of the job; two jobs with one node index have different ones.
    #[cfg_attr(
        feature = "openapi",
        schema(required, pattern = r"\S", max_length = 1024)
    )]
    pub job_id: String,
    /// How far the job got.
    pub state: NodeState,
    /// Origin of the node's share.
    pub plan_source: PlanSource,
    /// Name of the test runner.
    pub runner: String,
    /// The targets that the node discovered.
    #[serde(deserialize_with = "object::one")]
    pub population: Population,
    /// `population.digest` of the plan; empty without a plan, or if the plan has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub plan_digest: String,
    /// The node's share, each target once.
    #[cfg_attr(feature = "openapi", schema(max_items = 200_000, nullable = true))]
    #[serde(deserialize_with = "object::list")]
    pub targets: Vec<TargetReport>,
    /// Tests whose failures do not count or that did not run, with the reason. Of those that the
    /// plan skips, which every node knows, only node 0 reports any.
    #[cfg_attr(feature = "openapi", schema(max_items = 200_000, nullable = true))]
    #[serde(deserialize_with = "object::list")]
    pub excused_tests: Vec<ExcusedTest>,
    /// Only focused tests ran, by the results, such as those with RSpec's `fit`.
    pub has_focus: bool,
    /// Exit code of the job; absent in a start report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// What loading test files took in the first attempt, if the runner measures it; later plans
    /// reckon with it.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub loading: Option<Loading>,
    /// RFC 3339.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub started_at: String,
    /// RFC 3339; absent in a start report.
    #[cfg_attr(feature = "openapi", schema(schema_with = nullable_time))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// The body of a `POST …/test_plan_metadata`, which it replaces. Only for servers whose plans
    /// list the feature `node_report_metadata`, in end reports.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub metadata: Option<PlanMetadataRequest>,
}

/// The time to load test files, without the start of the runner and without the tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Loading {
    /// How many files were loaded.
    #[cfg_attr(feature = "openapi", schema(maximum = 200_000))]
    pub files: u32,
    /// For all of them, in microseconds; at most a day.
    #[cfg_attr(feature = "openapi", schema(maximum = 86_400_000_000_u64))]
    pub duration_us: u64,
}

/// How far a job got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Its share is known and tests start.
    #[default]
    Started,
    /// It ended with an error before all targets had their attempts.
    Failed,
    /// All attempts are over.
    Finished,
}

/// Origin of a node's share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlanSource {
    /// The server's plan.
    #[default]
    Server,
    /// A plan file that an earlier step wrote.
    File,
    /// The node's own split, without the server.
    Fallback,
}

/// The targets that discovery, or a list file, yielded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Population {
    /// SHA-256 in hexadecimal over the distinct values in byte order, without location prefix and
    /// leading `./`, each followed by a line feed. Empty if the node discovered nothing because it
    /// took its share of an existing plan, or cannot compare its targets: with tag filters, the
    /// request holds examples.
    #[cfg_attr(feature = "openapi", schema(pattern = "^([0-9A-Fa-f]{64})?$"))]
    pub digest: String,
    /// Number of targets.
    #[cfg_attr(feature = "openapi", schema(maximum = 1_000_000_000))]
    pub count: u64,
    /// Targets that the request which created the plan lacked, as the plan would name them; at most
    /// 1,000 are named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    pub only_here: Vec<String>,
    /// Number of targets that the request lacked, including those that are not named.
    #[cfg_attr(feature = "openapi", schema(maximum = 1_000_000_000))]
    #[serde(skip_serializing_if = "is_zero")]
    pub only_here_count: u64,
}

/// One target of a node's share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TargetReport {
    /// As the plan names it, or would name it: files and examples with the location prefix.
    #[cfg_attr(feature = "openapi", schema(required, min_length = 1))]
    pub value: String,
    /// Whether the plan gave it to this node.
    pub planned: bool,
    /// Number of distinct tests with a result.
    #[cfg_attr(feature = "openapi", schema(maximum = 1_000_000_000))]
    pub tests: u64,
    /// Number of tests that are expected of it, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(maximum = 1_000_000_000))]
    pub expected_tests: Option<u64>,
    /// All attempts considered.
    pub outcome: TargetOutcome,
    /// Number of tests that failed in the last attempt and are not muted.
    #[cfg_attr(feature = "openapi", schema(maximum = 1_000_000_000))]
    pub failed: u64,
    /// Number of tests that a filter of the test command deselected.
    #[cfg_attr(feature = "openapi", schema(maximum = 1_000_000_000))]
    #[serde(skip_serializing_if = "is_zero")]
    pub not_selected: u64,
}

/// How a target ended, all attempts considered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TargetOutcome {
    /// The runner was not started with it, or not to its end.
    #[default]
    NotRun,
    /// The runner was not started with it and ran it nevertheless. Nothing says which of its tests
    /// should have run, so these results prove nothing.
    RanUnplanned,
    /// It ran and left no results.
    NoResults,
    /// It has results, but fewer than expected and an early stop cannot be excluded.
    Incomplete,
    /// Every test expected of it has a result.
    Complete,
}

/// A test that does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ExcusedTest {
    /// Its group; may be empty.
    pub scope: String,
    /// Its name.
    pub name: String,
    /// Why it does not count.
    pub reason: ExcuseReason,
}

/// Why a test does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExcuseReason {
    /// It ran and failed, and is muted.
    #[default]
    Muted,
    /// The plan left it out.
    Skipped,
    /// A filter of the test command deselected it, of which at most 1,000 per node are named; or a
    /// selection left it out of the plan.
    NotSelected,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A time, or null.
#[cfg(feature = "openapi")]
fn nullable_time() -> utoipa::openapi::Schema {
    use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaFormat, Type};
    let time = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::Custom("date-time".to_owned())));
    let null = ObjectBuilder::new().schema_type(Type::Null);
    OneOfBuilder::new().item(time).item(null).build().into()
}
