//! Errors that abort a command. Failed tests are not errors, nor is a server that is unavailable
//! while the run can continue without it.

use std::io;

use super::{BackfillError, PlanFileError, UploadFilesError, VerifyError};
use crate::agent::AgentError;
use crate::runners::RunnerError;
use crate::server_api::ApiError;
use crate::settings::InvalidConfiguration;
use crate::terminal::Terminal;

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Configuration(#[from] InvalidConfiguration),
    /// A failure that a person must fix; others lead to the fallback plan.
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("{}", runner_failure(doing, source))]
    Runner {
        doing: &'static str,
        source: RunnerError,
    },
    /// The plan does not fit this run.
    #[error("{0}")]
    Plan(String),
    #[error(transparent)]
    PlanFile(#[from] PlanFileError),
    /// There is no plan, and this node must not split the tests itself.
    #[error("{message}")]
    NoPlan { message: String, hint: String },
    /// The plan of this identifier was made without a selection, or does not exist.
    #[error("the server has no selection of the plan {0:?}")]
    NoDecision(String),
    /// With `--on-unplanned-targets fail`.
    #[error("{0}")]
    UnplannedTargets(String),
    /// With `--fail-on-no-tests`.
    #[error("no tests assigned to this node")]
    NoTests,
    #[error("failed to write {what}: {source}")]
    Output { what: String, source: io::Error },
    #[error("failed to upload the pipeline: {0}")]
    Agent(#[source] AgentError),
    #[error(transparent)]
    Backfill(#[from] BackfillError),
    #[error(transparent)]
    Upload(#[from] UploadFilesError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error("failed to find the working directory: {0}")]
    WorkingDirectory(#[source] io::Error),
}

impl CommandError {
    /// For `map_err`: adds what the runner was doing.
    pub fn runner(doing: &'static str) -> impl FnOnce(RunnerError) -> Self {
        move |source| Self::Runner { doing, source }
    }

    pub fn report(&self, terminal: &Terminal) {
        match self {
            // Scripts look for this text at the start of a line.
            Self::Configuration(problems) => terminal.stderr_line(&problems.to_string()),
            _ => terminal.error(&self.to_string()),
        }
        let hint = match self {
            Self::Api(error) => error.hint(),
            Self::Backfill(error) => error.hint(),
            Self::Upload(error) => error.hint(),
            Self::UnplannedTargets(_) => Some(
                "give every node the same files, or run the additional ones on this node with \
                 --on-unplanned-targets run",
            ),
            Self::PlanFile(_) => Some(PlanFileError::HINT),
            Self::NoPlan { hint, .. } => Some(hint.as_str()),
            Self::NoDecision(_) => Some(
                "only plans that were made with --selection-strategy have one, for 14 days; give \
                 explain the options of bktec run, or its identifier with --plan-identifier. The \
                 hosted product and older servers have none",
            ),
            Self::Verify(error) => error.hint(),
            _ => None,
        };
        if let Some(hint) = hint {
            terminal.stderr_line(&format!("hint: {hint}"));
        }
    }
}

/// A program that does not start is the whole message, whatever it was started for.
fn runner_failure(doing: &str, source: &RunnerError) -> String {
    match source {
        RunnerError::Spawn(error) => error.to_string(),
        _ => format!("failed to {doing}: {source}"),
    }
}
