//! Commits and the archives they come in, as they go in and come out.

use uuid::Uuid;

use super::values::{SuiteId, Timestamp};

/// A commit as git describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitRecord {
    /// 40 or 64 hexadecimal digits.
    pub sha: String,
    /// Of its parents, in order.
    pub parents: Vec<String>,
    /// Who wrote it.
    pub author_name: String,
    /// Who wrote it.
    pub author_email: String,
    /// ISO 8601, as git wrote it.
    pub author_date: String,
    /// Who brought it in.
    pub committer_name: String,
    /// Who brought it in.
    pub committer_email: String,
    /// ISO 8601, as git wrote it.
    pub committer_date: String,
    /// In full.
    pub message: String,
    /// As `git diff --name-only` prints it.
    pub files_changed: String,
    /// As `git diff --numstat` prints it.
    pub diff_stat: String,
}

/// How far an archive of commits has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackfillState {
    /// Its form was given out.
    Awaited,
    /// It is being sent.
    Receiving,
    /// It is here and waits to be read.
    Received,
    /// Its commits are kept.
    Ingested,
    /// It cannot be used.
    Rejected,
}

impl BackfillState {
    /// One word, for people and the API.
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

/// An archive of commits, from its form to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backfill {
    /// Of the archive.
    pub uuid: Uuid,
    /// How far it has come.
    pub state: BackfillState,
    /// When its form was given out.
    pub created_at: Timestamp,
    /// When it was there as a whole.
    pub received_at: Option<Timestamp>,
    /// When it was ingested or rejected.
    pub finished_at: Option<Timestamp>,
    /// Bytes of it.
    pub size: Option<u64>,
    /// Commits that were kept.
    pub commits: u64,
    /// Records that were not.
    pub passed_over: u64,
    /// Why records were passed over, or why all of it was rejected.
    pub problems: Vec<String>,
}

/// An archive that this program shall read, or that somebody may be sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingBackfill {
    /// Of the archive.
    pub uuid: Uuid,
    /// Where its commits belong.
    pub suite: SuiteId,
    /// The suite's UUID.
    pub suite_uuid: Uuid,
    /// The UUID of the suite's organization.
    pub organization_uuid: Uuid,
    /// How often a program has begun to read it, this time included.
    pub claims: u64,
}

/// How the reading of an archive ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackfillOutcome {
    /// Its commits are kept.
    Ingested {
        /// How many.
        commits: u64,
        /// Records that could not be used.
        passed_over: u64,
        /// Why, for the first ones.
        problems: Vec<String>,
    },
    /// Nothing of it can be used.
    Rejected {
        /// A sentence for people.
        reason: String,
    },
}
