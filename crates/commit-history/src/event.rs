//! Progress of an export, as plain values.

use crate::{DefaultBranch, Error, ObjectId};

/// What an export reports while it runs, in this order.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The commits are compared with this branch.
    Branch(&'a DefaultBranch),
    /// So many commits are missing and will be fetched.
    FetchingCommits(usize),
    /// So many of them were fetched.
    FetchedCommits(usize),
    /// A partial clone lacks so many files, which will be fetched.
    FetchingFiles(usize),
    /// Fetching them in one go failed; git tries again per commit.
    FetchingFilesFailed(&'a Error),
    /// So many commits are about to be compared. Repeated when wrong commit dates make it necessary
    /// to start over.
    Comparing(usize),
    /// A commit was written. Its base is `None` for a root and for an unrelated commit.
    Exported(ObjectId, Option<ObjectId>),
    /// The commit has no common ancestor with the branch: it is written with empty diffs.
    Unrelated(ObjectId),
    /// The commit is left out, for this reason.
    Skipped(ObjectId, &'a str),
}
