//! What ends a command without its work done: every cause, with its exit code and how it is told.
//!
//! A test that fails is not an error, nor is a server that cannot be reached while work can go on.

use super::{BackfillError, UploadFilesError};
use crate::agent::AgentError;
use crate::runners::RunnerError;
use crate::server_api::ApiError;
use crate::settings::InvalidConfiguration;
use crate::terminal::Terminal;

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The settings are wrong.
    #[error(transparent)]
    Configuration(#[from] InvalidConfiguration),
    /// The server refused, in a way that a person must put right.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The runner cannot do its part.
    #[error("failed to {doing}: {source}")]
    Runner {
        /// What it was to do.
        doing: &'static str,
        /// Why it cannot.
        source: RunnerError,
    },
    /// The plan does not fit this run.
    #[error("{0}")]
    Plan(String),
    /// This node was to have tests, and has none.
    #[error("no tests assigned to this node")]
    NoTests,
    /// Data could not be written.
    #[error("failed to write {what}: {source}")]
    Output {
        /// What was to be written where.
        what: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The CI agent did not do its part.
    #[error("failed to upload the pipeline: {0}")]
    Agent(#[source] AgentError),
    /// The history could not be collected or sent.
    #[error(transparent)]
    Backfill(#[from] BackfillError),
    /// Result files could not be read or sent.
    #[error(transparent)]
    Upload(#[from] UploadFilesError),
    /// The folder that this runs in.
    #[error("failed to find the working directory: {0}")]
    WorkingDirectory(#[source] std::io::Error),
}

impl CommandError {
    /// Makes a runner's error say what the runner was to do.
    pub fn runner(doing: &'static str) -> impl FnOnce(RunnerError) -> Self {
        move |source| Self::Runner { doing, source }
    }

    /// Tells it on stderr.
    pub fn tell(&self, terminal: &Terminal) {
        match self {
            // Its first line is looked for at the start of a line.
            Self::Configuration(problems) => terminal.stderr_line(&problems.to_string()),
            _ => terminal.error(&self.to_string()),
        }
        let hint = match self {
            Self::Api(error) => error.hint(),
            Self::Upload(error) => error.hint(),
            _ => None,
        };
        if let Some(hint) = hint {
            terminal.stderr_line(&format!("hint: {hint}"));
        }
    }
}
