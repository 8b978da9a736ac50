//! What changed between a commit and its base, exactly as `git diff` prints it.
//!
//! `options` translates the user's diff configuration into flags for the bulk command; `worker`
//! keeps one `git diff-tree` busy; `parse` splits its output; `numstat` derives the line counts
//! from the patch; `single` runs one `git diff` where the bulk output may differ.

mod numstat;
mod options;
mod parse;
mod patch;
mod single;
mod worker;

pub(crate) use self::options::bulk_options;
pub(crate) use self::patch::Patch;
pub(crate) use self::single::SingleDiff;
pub(crate) use self::worker::{Job, Worker};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiffKind {
    /// File names and line counts.
    Summary,
    /// Also the raw lines and the patch.
    Full,
}

/// The diff of one commit. Every part is what git prints, without the newlines at its end.
#[derive(Debug, Default)]
pub(crate) struct CommitDiff {
    /// `--name-only`.
    pub(crate) files_changed: Vec<u8>,
    /// `--numstat`.
    pub(crate) diff_stat: Vec<u8>,
    /// `--raw`; empty for a summary.
    pub(crate) raw: Vec<u8>,
    /// `--patch`; empty for a summary.
    pub(crate) patch: Patch,
}

impl CommitDiff {
    /// Bytes held in memory.
    pub(crate) fn memory(&self) -> usize {
        self.files_changed.capacity()
            + self.diff_stat.capacity()
            + self.raw.capacity()
            + self.patch.memory()
    }
}
