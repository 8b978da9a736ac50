//! Timings and plans, as they go in and come out.

use test_engine_duration::Micros;

use super::values::{BranchId, RunId, SuiteId, Timestamp};

/// How long one selector took in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunTiming {
    /// The run; larger is later.
    pub run: RunId,
    /// The run's branch; `None` when it had none.
    pub branch: Option<BranchId>,
    /// Sum over the first execution of each test, so that retries do not count.
    pub duration: Micros,
}

/// A selector and its latest runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// A file path, a package, or whatever the tag says.
    pub value: String,
    /// At most [`crate::RECENT_RUNS`], oldest first.
    pub recent: Vec<RunTiming>,
}

/// The selectors that changed since a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorChanges {
    /// Hand this in next time.
    pub seq: i64,
    /// In no particular order.
    pub selectors: Vec<Selector>,
}

/// Whose runs a plan wants to be told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanBranches {
    /// The name of the suite's default branch.
    pub default: Option<String>,
    /// That of the plan's own branch, when it is another.
    pub own: Option<String>,
}

/// Which of the [`PlanBranches`] an execution was on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BranchKind {
    /// The suite's default branch.
    Default,
    /// The plan's own branch.
    Own,
    /// Any other, or none.
    Other,
}

/// What the timed executions of one test came to, in one period on one kind of branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestTiming {
    /// The place of the period among those that were asked for.
    pub period: usize,
    /// The branch.
    pub branch: BranchKind,
    /// Executions, 1 at least.
    pub executions: u64,
    /// Of all of them.
    pub total: Micros,
    /// Of the longest one.
    pub longest: Micros,
}

/// A plan to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPlan {
    /// The suite.
    pub suite: SuiteId,
    /// What all nodes of a build share.
    pub identifier: String,
    /// The answer as it is served; the store does not look inside.
    pub body: Vec<u8>,
    /// SHA-256 of the request or of the body, as the server likes.
    pub digest: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is gone.
    pub expires_at: Timestamp,
}

/// A plan as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPlan {
    /// The answer as it is served.
    pub body: Vec<u8>,
    /// As handed in with it.
    pub digest: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is gone.
    pub expires_at: Timestamp,
}

/// A plan in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanSummary {
    /// What all nodes of a build share.
    pub identifier: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is gone.
    pub expires_at: Timestamp,
    /// Nodes that have reported.
    pub reports: u64,
}

/// How one node's run went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// From 0.
    pub node: i64,
    /// 0 for the first run of the job, more for its retries.
    pub retry_count: i64,
    /// The client's version.
    pub version: String,
    /// What the client sent, as JSON text; the store does not look inside.
    pub body: String,
    /// When it came in.
    pub received_at: Timestamp,
}
