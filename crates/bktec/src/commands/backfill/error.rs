//! Errors that abort a backfill.

use std::io;
use std::path::PathBuf;

use test_engine_commit_history::Error as HistoryError;

use crate::server_api::{ApiError, Failure};

#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    #[error(
        "the access token lacks the scope {}\nhint: add it to the token, or use another token",
        .missing.join(" and ")
    )]
    Scopes { missing: Vec<&'static str> },
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(
        "the server did not return the UUIDs of the organization and the suite: it does not \
         support a backfill"
    )]
    NoUuids,
    #[error("{0}")]
    Directory(String),
    #[error("{0}\nhint: run this in a checkout of the repository that the suite's tests belong to")]
    Repository(#[source] HistoryError),
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("cannot create a file at {}: {source}", .path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("cannot read the size of the archive: {0}")]
    Size(#[source] io::Error),
    #[error("cannot read the archive {}: {source}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("no commits exported: all {skipped} were skipped (see the warnings above)")]
    NothingExported { skipped: usize },
    #[error("uploading the archive failed: {failure}{}", kept_at(kept.as_ref()))]
    Upload {
        failure: Failure,
        kept: Option<PathBuf>,
    },
    #[error("cannot install the signal handler: {0}")]
    Signals(#[source] io::Error),
}

impl BackfillError {
    pub fn hint(&self) -> Option<&str> {
        match self {
            // The message names the scope, which is not one of plans.
            Self::Api(error) if error.status() != Some(403) => error.hint(),
            _ => None,
        }
    }
}

fn kept_at(kept: Option<&PathBuf>) -> String {
    let Some(path) = kept else {
        return String::new();
    };
    let argument = path.to_string_lossy();
    format!(
        "\nThe archive was kept: {}\nhint: upload it with `bktec tools backfill-commit-metadata \
         --upload {}`",
        path.display(),
        shell_words::quote(&argument)
    )
}
