//! The errors of this crate.

use std::io;
use std::process::ExitStatus;

use crate::ObjectId;

/// Why a repository could not be read, or an archive not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Git could not be started, for example because it is not on the PATH. Holds the command line.
    #[error("cannot start `{0}`: {1}")]
    Start(String, io::Error),
    /// Git failed. Holds the command line, the exit status and the end of its standard error.
    #[error("`{0}` failed: {1}{colon}{2}", colon = if .2.is_empty() { "" } else { ": " })]
    Failed(String, ExitStatus, String),
    /// A pipe to or from git broke. Holds the command line.
    #[error("cannot communicate with `{0}`: {1}")]
    Pipe(String, io::Error),
    /// Git's output does not have the documented format. Holds the command line and the output.
    #[error("unexpected output of `{0}`: {1}")]
    Output(String, String),
    /// The [`CancelToken`](crate::CancelToken) was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A file of the repository could not be read; the source names it.
    #[error(transparent)]
    Read(io::Error),
    /// The text cannot be the name of a remote.
    #[error("not the name of a remote: {0:?}")]
    RemoteName(String),
    /// The remote has none of the usual default branches here.
    #[error(
        "no default branch found: {0}/HEAD, {0}/main and {0}/master do not exist\nhint: fetch the \
         remote's branches, or run `git remote set-head {0} --auto`"
    )]
    NoDefaultBranch(String),
    /// No base was found for the commit. Holds the commit, the branch and the reason.
    #[error("cannot compare {0} with {1}: {2}")]
    NoBase(ObjectId, String, String),
    /// The temporary file for a large patch failed.
    #[error("cannot buffer a large patch in a temporary file: {0}")]
    Spool(io::Error),
    /// The archive could not be written.
    #[error("cannot write the archive: {0}")]
    Archive(io::Error),
}

impl Error {
    /// Whether every further command would fail the same way.
    pub(crate) fn is_fatal(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Start(..))
    }
}
