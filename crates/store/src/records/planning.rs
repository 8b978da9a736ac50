//! Timings and plans.

use std::collections::BTreeMap;

use test_engine_duration::Micros;

use super::accounting::{AccountingVerdict, Pace};
use super::values::{BranchId, RunId, SuiteId, Timestamp};

/// The duration of one selector in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunTiming {
    /// Larger is later.
    pub run: RunId,
    pub branch: Option<BranchId>,
    /// Sum over the first execution of each test, so that retries do not count.
    pub duration: Micros,
}

/// A selector and its recent runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// A file path, a package, or the value of the tag `test.selector.primary`.
    pub value: String,
    /// At most [`crate::RECENT_RUNS`], oldest first.
    pub recent: Vec<RunTiming>,
    /// By branch, the number of tests in the latest complete builds.
    pub test_counts: Vec<TestCount>,
}

/// The number of tests of a selector on a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestCount {
    pub branch: BranchId,
    pub tests: u64,
}

/// How many tests of each selector a complete plan has run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTestCounts {
    /// Without `refs/heads/`; nothing is recorded if it is empty.
    pub branch: String,
    /// Identifies the build. Its plans may count the same selector.
    pub build: String,
    /// By canonical selector.
    pub counts: BTreeMap<String, u64>,
}

/// The selectors that changed after a sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorChanges {
    /// Pass it to the next call.
    pub seq: i64,
    /// Unordered.
    pub selectors: Vec<Selector>,
}

/// The branches whose timings a plan uses separately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanBranches {
    /// The suite's default branch.
    pub default: Option<String>,
    /// The plan's branch, if it is a different one.
    pub own: Option<String>,
}

/// Which of the [`PlanBranches`] an execution was on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BranchKind {
    Default,
    Own,
    /// Any other branch, or none.
    Other,
}

/// The timed executions of one test in one period on one kind of branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestTiming {
    /// Index into the requested periods.
    pub period: usize,
    pub branch: BranchKind,
    /// At least 1.
    pub executions: u64,
    pub total: Micros,
    pub longest: Micros,
}

/// A plan to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPlan {
    pub suite: SuiteId,
    /// Shared by all nodes of a build.
    pub identifier: String,
    /// The response body; opaque to the store.
    pub body: Vec<u8>,
    /// SHA-256 of the request or the body; the caller decides.
    pub digest: [u8; 32],
    pub origin: PlanOrigin,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Facts from the request that created a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanOrigin {
    /// Without `refs/heads/`; may be empty.
    pub branch: String,
    /// The path from the repository root to the project; may be empty.
    pub location_prefix: String,
    /// The files that differ from the merge base with the default branch, one per line, if known.
    pub files_changed: Option<String>,
    /// The commit they are compared with, if known.
    pub diff_base: Option<String>,
    /// Unknown for plans of earlier versions.
    pub nodes: Option<RequestedNodes>,
    /// What the plan added for loading a file whose examples run on a node. Unknown for plans of
    /// earlier versions.
    pub file_load: Option<Micros>,
}

/// How many nodes a plan request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedNodes {
    Fixed(u32),
    /// The server chooses.
    UpTo {
        max: u32,
        /// How long a node should take.
        target: Option<Micros>,
    },
}

/// A stored plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPlan {
    /// The response body.
    pub body: Vec<u8>,
    pub digest: [u8; 32],
    pub origin: PlanOrigin,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A plan without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanSummary {
    /// Shared by all nodes of a build.
    pub identifier: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Number of nodes that have sent metadata.
    pub reports: u64,
    /// Without `refs/heads/`; may be empty.
    pub branch: String,
    /// What its nodes reported; `None` before the first summary.
    pub ran: Option<RanPlan>,
}

/// What the nodes of a plan reported, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RanPlan {
    pub verdict: AccountingVerdict,
    pub nodes: u64,
    /// Nodes that have not reported their end.
    pub pending_nodes: u64,
    pub targets: u64,
    pub pace: Option<Pace>,
}

/// What a node with a plan says about its run: versions, settings, times and statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanMetadata {
    /// From 0.
    pub node: i64,
    /// 0 for the job's first run, then counts its retries.
    pub retry_count: i64,
    pub version: String,
    /// JSON; opaque to the store.
    pub body: String,
    pub received_at: Timestamp,
}
