//! What ends a backfill without its work done.

use std::io;
use std::path::PathBuf;

use crate::git::{DefaultBranchError, GitError};
use crate::server_api::{ApiError, Failure};

/// Why nothing was collected, or nothing sent.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The token may not do it.
    #[error(
        "the access token lacks the scope {}: add it to the token, or use another token",
        .missing.join(" and ")
    )]
    Scopes {
        /// Scopes that are needed and not there.
        missing: Vec<&'static str>,
    },
    /// The server refused.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The server answered without saying whose suite it is.
    #[error(
        "the server did not say which organization and suite these are: it is too old for a backfill"
    )]
    NoUuids,
    /// The folder that this runs in.
    #[error("{0}")]
    Directory(String),
    /// Not in a repository, or without git.
    #[error(
        "failed to {0}\nRun this inside a checkout of the repository whose tests the suite holds."
    )]
    Repository(#[source] GitError),
    /// No branch to compare with.
    #[error("failed to {0}")]
    Branch(#[from] DefaultBranchError),
    /// Git failed as a whole.
    #[error("failed to {0}")]
    Git(#[from] GitError),
    /// The archive cannot be made.
    #[error("failed to create a file at {}: {source}", .path.display())]
    Create {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The archive cannot be written.
    #[error("failed to write the archive: {0}")]
    Archive(#[source] io::Error),
    /// The archive that was to be sent.
    #[error("failed to read the archive {}: {source}", .path.display())]
    Unreadable {
        /// As given.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Every commit was skipped.
    #[error("no commit could be exported: all {skipped} were skipped, for the reasons above")]
    NothingExported {
        /// How many.
        skipped: usize,
    },
    /// The archive did not arrive.
    #[error("failed to upload the archive: {failure}{}", kept_at(kept.as_ref()))]
    Upload {
        /// Why.
        failure: Failure,
        /// Where it was kept.
        kept: Option<PathBuf>,
    },
    /// Signals cannot be caught.
    #[error("failed to prepare for Ctrl-C: {0}")]
    Signals(#[source] io::Error),
}

fn kept_at(kept: Option<&PathBuf>) -> String {
    match kept {
        Some(path) => format!(
            "\nThe archive was kept: {}\nSend it with `bktec tools backfill-commit-metadata --upload {}`.",
            path.display(),
            shell_words::quote(&path.to_string_lossy())
        ),
        None => String::new(),
    }
}
