//! The accounting of builds: reports of jobs, and a summary per plan.

use test_engine_duration::Micros;

use super::planning::PlanMetadata;
use super::tests::Test;
use super::values::{SuiteId, Timestamp};

/// The report of a job to store. On the wire it is called a node report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJobReport {
    pub suite: SuiteId,
    /// Identifier of the plan, which need not exist.
    pub identifier: String,
    /// May be empty.
    pub build_id: String,
    /// `run_env[key]` of the job's uploads; may be empty.
    pub run_key: String,
    /// The leg of a matrix build; may be empty.
    pub group: String,
    /// From 0.
    pub node: u32,
    pub job_id: String,
    /// Of a job that runs what the nodes of the step have missed: each start ran other targets, so
    /// all reports count. Other jobs leave it out; the report of their latest retry counts.
    pub started_at: Option<Timestamp>,
    /// 0 for the job's first run, then counts its retries.
    pub retry_count: u32,
    /// Larger is later within one run of the job.
    pub progress: u8,
    /// Opaque to the store.
    pub body: Vec<u8>,
    /// Bytes of the body before compression.
    pub size: u64,
    /// Of the node's run; stored for plans only.
    pub metadata: Option<PlanMetadata>,
    pub received_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What became of a [`NewJobReport`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredJobReport {
    /// False if a later report of the job is stored already: one of a later retry, or one with more
    /// progress.
    pub is_stored: bool,
    /// Whether the plan of its metadata exists; None without metadata.
    pub has_plan: Option<bool>,
}

/// A plan whose reports or results changed after its last summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingAccounting {
    pub suite: SuiteId,
    pub identifier: String,
    /// Number of changes so far. Read the reports and results afterwards: they include all of these
    /// changes.
    pub changes: i64,
}

/// Whether every test of a plan is accounted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccountingVerdict {
    Complete,
    Incomplete,
    /// The runner chooses its tests itself.
    #[default]
    Unknown,
}

/// The accounting of one plan in numbers, for lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountingSummary {
    pub identifier: String,
    /// May be empty.
    pub build_id: String,
    /// `run_env[key]` of uploads.
    pub run_key: String,
    pub verdict: AccountingVerdict,
    /// Number of targets, over all groups.
    pub targets: u64,
    pub complete_targets: u64,
    pub nodes: u64,
    /// Nodes that have not reported their end.
    pub pending_nodes: u64,
    /// Nodes that split the tests without the server.
    pub fallback_nodes: u64,
    /// Known once all nodes have ended, if there are several.
    pub pace: Option<Pace>,
    /// Time of the latest report.
    pub updated_at: Timestamp,
}

/// The node of a plan that took longest, from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From 0.
    pub node: u32,
    pub took: Micros,
    /// Its planned time; unknown without the plan.
    pub planned: Option<Micros>,
    /// What the fastest node took.
    pub fastest: Micros,
}

/// Tests without results in a build, and what it is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vanished {
    /// By selector, scope and name.
    pub tests: Vec<Test>,
    /// The first run of the build that has a branch.
    pub run: Option<RunCommit>,
    /// The newest of the earlier complete builds, possibly on another branch.
    pub newest: Option<RunCommit>,
}

/// The commit of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCommit {
    pub branch: String,
    pub commit_sha: Option<String>,
}
