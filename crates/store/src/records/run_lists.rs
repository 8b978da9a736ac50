//! What selects and summarizes the runs of a list.

use test_engine_insights::Fingerprint;

use super::runs::RunOutcome;
use super::values::{RunId, Timestamp};

/// Selects runs of a suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    pub outcome: Option<RunOutcome>,
    pub branch: Option<String>,
    /// The start of the commit's hash, in any case.
    pub commit: Option<String>,
    /// A part of the name or the email address of the commit's author, in any case.
    pub author: Option<String>,
    /// The name of the CI, in any case, as the uploads say it.
    pub ci: Option<String>,
    /// A part of the scope and name of a test that failed in it, in any case.
    pub failed_test: Option<String>,
    /// A failure in it has this fingerprint.
    pub cause: Option<Fingerprint>,
    /// Only the newest run of each branch.
    pub newest_of_branch: bool,
    /// Only runs that began then or later.
    pub since: Option<Timestamp>,
    /// Only runs that began before this one.
    pub before: Option<RunId>,
}

/// The state of branches by their newest runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BranchCounts {
    pub branches: u64,
    pub failed: u64,
}
