//! What a search finds besides tests and runs.

use super::runs::Run;
use super::tests::Test;
use super::values::{SuiteId, Timestamp};

/// A commit that was tested, or that git has described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCommit {
    pub suite: SuiteId,
    /// In lower case.
    pub sha: String,
    /// Empty if nothing has described the commit.
    pub message: String,
    pub author: String,
    /// When its first results were received; `None` without results.
    pub first_at: Option<Timestamp>,
}

/// A message of recent failures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundMessage {
    /// Its first characters.
    pub reason: String,
    /// Of the newest failure with it.
    pub test: Test,
    pub run: Run,
    /// Failures with exactly these characters, among the recent ones.
    pub failures: u64,
}
