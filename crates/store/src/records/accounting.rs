//! The accounting of builds: reports of jobs, and a summary per plan.

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
    /// 0 for the job's first run, then counts its retries.
    pub retry_count: u32,
    /// Larger is later within one run of the job.
    pub progress: u8,
    /// Opaque to the store.
    pub body: Vec<u8>,
    /// Bytes of the body before compression.
    pub size: u64,
    pub received_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A plan whose reports changed after its last summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingAccounting {
    pub suite: SuiteId,
    pub identifier: String,
    /// Number of changes so far. Read the reports afterwards: they include all of these changes.
    pub changes: i64,
}

/// The accounting of one plan in numbers, for lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountingSummary {
    pub identifier: String,
    /// May be empty.
    pub build_id: String,
    /// `run_env[key]` of the uploads; may be empty.
    pub run_key: String,
    /// Every test is accounted for.
    pub complete: bool,
    /// Number of targets, over all groups.
    pub targets: u64,
    pub complete_targets: u64,
    pub nodes: u64,
    /// Nodes that have not reported their end.
    pub pending_nodes: u64,
    /// Nodes that split the tests without the server.
    pub fallback_nodes: u64,
    /// Time of the latest report.
    pub updated_at: Timestamp,
}
