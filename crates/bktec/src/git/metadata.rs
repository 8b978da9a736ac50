//! What a plan request says of the commit that is checked out.
//!
//! The same facts and the same diff as a backfill record, for one commit. What the CI knows (branch,
//! pipeline, build) is not git's to say and is added by the caller.

use std::collections::BTreeMap;

use super::bases::{Unproven, base_of_one};
use super::command::GitError;
use super::commits::read_commits;
use super::default_branch::{DefaultBranchError, default_branch};
use super::diffs::{DiffError, DiffKind, diff_one};
use super::object_id::ObjectId;
use super::repository::Repository;

/// Why nothing could be said of the commit. The text reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Nothing to compare with.
    #[error(transparent)]
    Branch(#[from] DefaultBranchError),
    /// No base.
    #[error("compare {commit} with {branch}: {reason}")]
    Base {
        /// What is checked out.
        commit: ObjectId,
        /// As people write it.
        branch: String,
        /// Why not.
        reason: Unproven,
    },
    /// No diff.
    #[error(transparent)]
    Diff(#[from] DiffError),
    /// A temporary file could not be read back.
    #[error("read back a large patch: {0}")]
    Patch(std::io::Error),
}

/// Facts about HEAD, by the names that plan requests use: `commit_sha`, `parent_shas` (separated by
/// spaces), author and committer, `message`, `base_branch`, `files_changed`, `diff_stat`, `git_diff`,
/// `git_diff_raw`.
pub fn head_metadata(
    repository: &Repository,
    remote: &str,
) -> Result<BTreeMap<String, String>, MetadataError> {
    let git = repository.git();
    let answer = git.run(&["rev-parse", "--verify", "HEAD^{commit}"])?;
    let not_understood = || GitError::Answer {
        command: "git rev-parse --verify HEAD".to_owned(),
        what: String::from_utf8_lossy(&answer).into_owned(),
    };
    let head = ObjectId::from_hex(answer.trim_ascii()).ok_or_else(not_understood)?;
    let commit = read_commits(git, &[head])?
        .into_iter()
        .next()
        .ok_or_else(not_understood)??;
    let branch = default_branch(repository, remote)?;
    let base =
        base_of_one(repository, &branch, &commit)?.map_err(|reason| MetadataError::Base {
            commit: head,
            branch: branch.short_name().to_owned(),
            reason,
        })?;
    let mut diff = diff_one(repository, head, base, DiffKind::Full)?;
    let patch = diff.patch.to_vec().map_err(MetadataError::Patch)?;
    let parents: Vec<String> = commit.parents.iter().map(ObjectId::to_string).collect();
    let base_branch = branch.short_name();
    let base_branch = base_branch
        .strip_prefix(remote)
        .and_then(|name| name.strip_prefix('/'))
        .unwrap_or(base_branch);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok([
        ("commit_sha", head.to_string()),
        ("parent_shas", parents.join(" ")),
        ("author_name", commit.author_name),
        ("author_email", commit.author_email),
        ("author_date", commit.author_date),
        ("committer_name", commit.committer_name),
        ("committer_email", commit.committer_email),
        ("committer_date", commit.committer_date),
        ("message", commit.message),
        ("base_branch", base_branch.to_owned()),
        ("files_changed", text(&diff.files_changed)),
        ("diff_stat", text(&diff.diff_stat)),
        ("git_diff", text(&patch)),
        ("git_diff_raw", text(&diff.raw)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into())
}
