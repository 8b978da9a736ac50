//! Commits and the archives they are uploaded in.

use uuid::Uuid;

use super::values::{SuiteId, Timestamp};

/// A commit and its metadata, as read from git.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitRecord {
    /// 40 or 64 hexadecimal digits.
    pub sha: String,
    /// Their SHAs, in order.
    pub parents: Vec<String>,
    pub author_name: String,
    pub author_email: String,
    /// ISO 8601, as git prints it.
    pub author_date: String,
    pub committer_name: String,
    pub committer_email: String,
    /// ISO 8601, as git prints it.
    pub committer_date: String,
    pub message: String,
    /// As `git diff --name-only` prints it.
    pub files_changed: String,
    /// As `git diff --numstat` prints it.
    pub diff_stat: String,
}

/// The state of an archive of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackfillState {
    /// An upload form was issued.
    Awaited,
    Receiving,
    /// Uploaded, but not read yet.
    Received,
    Ingested,
    /// The archive is invalid.
    Rejected,
}

impl BackfillState {
    /// The name in pages and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Awaited => "awaited",
            Self::Receiving => "receiving",
            Self::Received => "received",
            Self::Ingested => "ingested",
            Self::Rejected => "rejected",
        }
    }
}

/// An archive of commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backfill {
    pub uuid: Uuid,
    pub state: BackfillState,
    /// When its upload form was issued.
    pub created_at: Timestamp,
    /// When the upload was complete.
    pub received_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub size: Option<u64>,
    /// Commits stored from it.
    pub commits: u64,
    /// Records that were invalid.
    pub skipped_records: u64,
    /// Why records were skipped, or why the archive was rejected.
    pub problems: Vec<String>,
}

/// An archive that is being uploaded or waits to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingBackfill {
    pub uuid: Uuid,
    pub suite: SuiteId,
    pub suite_uuid: Uuid,
    pub organization_uuid: Uuid,
    /// How often a process has started to read it, including this time.
    pub claims: u64,
}

/// The result of reading an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackfillOutcome {
    Ingested {
        commits: u64,
        /// Records that were invalid.
        skipped_records: u64,
        /// Why, for the first of them.
        problems: Vec<String>,
    },
    Rejected {
        /// A sentence.
        reason: String,
    },
}
