//! One commit, one `git diff`: slower, and right whatever is configured.

use super::scan::{End, ScanError, scan};
use super::{CommitDiff, DiffError, DiffKind};
use crate::git::bases::Base;
use crate::git::command::{Git, GitError};
use crate::git::object_id::ObjectId;
use crate::git::repository::Repository;

/// Asks `git diff` about one commit.
pub fn diff_one(
    repository: &Repository,
    commit: ObjectId,
    base: Base,
    kind: DiffKind,
) -> Result<CommitDiff, DiffError> {
    SingleDiff::new(repository, kind).diff(commit, base)
}

/// The same for many commits, one after the other.
#[derive(Clone)]
pub(in crate::git) struct SingleDiff {
    git: Git,
    kind: DiffKind,
    empty_tree: &'static str,
}

impl SingleDiff {
    pub(in crate::git) fn new(repository: &Repository, kind: DiffKind) -> Self {
        Self {
            git: repository.git().clone(),
            kind,
            empty_tree: repository.empty_tree(),
        }
    }

    pub(in crate::git) fn diff(
        &self,
        commit: ObjectId,
        base: Base,
    ) -> Result<CommitDiff, DiffError> {
        let base = match base {
            Base::Commit(id) if id == commit => return Ok(CommitDiff::default()),
            Base::Commit(id) => id.to_string(),
            Base::EmptyTree => self.empty_tree.to_owned(),
        };
        let commit = commit.to_string();
        let mut arguments = vec![
            "diff",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--raw",
            "--numstat",
        ];
        if self.kind == DiffKind::Full {
            arguments.push("--patch");
        }
        arguments.extend([base.as_str(), commit.as_str(), "--"]);
        let mut process = self
            .git
            .start_with_input(&arguments, Vec::new())
            .map_err(DiffError::Git)?;
        let scanned = scan(process.output().map_err(DiffError::Git)?, End::Output);
        let mut entry = match scanned {
            Ok(entry) => entry,
            Err(ScanError::Spool(error)) => return Err(DiffError::Spool(error)),
            Err(ScanError::Early) => {
                // Why it ended is what git says of itself, if it does.
                let unexplained = process.answer(ScanError::Early.to_string());
                process.finish().map_err(DiffError::Git)?;
                return Err(DiffError::Git(unexplained));
            }
            Err(error) => return Err(DiffError::Git(process.answer(error.to_string()))),
        };
        process.finish().map_err(DiffError::Git)?;
        let numstat = std::mem::take(&mut entry.numstat);
        Ok(entry.into_diff(numstat, self.kind))
    }
}

impl DiffError {
    /// Whether nothing more can be expected of git, for this commit or any other.
    pub(in crate::git) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Git(GitError::Cancelled | GitError::Start { .. })
        )
    }
}
