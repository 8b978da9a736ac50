//! What changed between a commit and its base, exactly as `git diff` prints it.
//!
//! `options` turns the user's diff configuration into flags for the bulk command, or says that it
//! cannot; `stream` keeps one `git diff-tree` per worker busy; `scan` takes its output apart;
//! `numstat` derives the line counts from the patch; `single` asks one `git diff` where the bulk way
//! is not proven to print the same. Nothing here knows JSON or which commits are wanted.

mod numstat;
mod options;
mod patch;
mod scan;
mod single;
mod stream;

use super::command::GitError;

pub use self::patch::Patch;
pub use self::single::diff_one;

pub(super) use self::options::bulk_options;
pub(super) use self::single::SingleDiff;
pub(super) use self::stream::{Job, Worker};

/// How much of a diff is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffKind {
    /// File names and line counts.
    Summary,
    /// Those, the raw lines and the patch.
    Full,
}

/// The diff of one commit. Every part is what git prints, without the newlines at its end.
#[derive(Debug, Default)]
pub struct CommitDiff {
    /// `--name-only`.
    pub files_changed: Vec<u8>,
    /// `--numstat`.
    pub diff_stat: Vec<u8>,
    /// `--raw`; empty for a summary.
    pub raw: Vec<u8>,
    /// The patch; empty for a summary.
    pub patch: Patch,
}

/// Why one commit has no diff.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// Git failed, for this commit.
    #[error("{0}")]
    Git(GitError),
    /// A large patch could not be kept in a temporary file.
    #[error("keep a large patch in a temporary file: {0}")]
    Spool(std::io::Error),
}

impl CommitDiff {
    /// Bytes held in memory.
    pub(super) fn memory(&self) -> usize {
        self.files_changed.capacity()
            + self.diff_stat.capacity()
            + self.raw.capacity()
            + self.patch.memory()
    }
}
