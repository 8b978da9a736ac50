//! Builds the test runner from the settings.

use std::ffi::OsString;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use crate::commands::CommandError;
use crate::env_vars;
use crate::runners::{self, Runner, RunnerSettings};
use crate::settings::RunnerChoice;
use crate::terminal::Terminal;

/// Commands of the runner have the upload token in their environment, so that a collector inside
/// the tests can upload.
pub(super) fn runner(
    choice: &RunnerChoice,
    (node, nodes): (usize, usize),
    upload_token: Option<&SecretString>,
    directory: PathBuf,
    terminal: &Terminal,
) -> Result<Box<dyn Runner>, CommandError> {
    let environment = upload_token
        .map(|token| {
            (
                OsString::from(env_vars::BUILDKITE_ANALYTICS_TOKEN),
                OsString::from(token.expose_secret()),
            )
        })
        .into_iter()
        .collect();
    let runner = runners::build(
        choice.definition.name,
        RunnerSettings {
            test_command: choice.test_command.clone(),
            retry_command: choice.retry_command.clone(),
            file_pattern: choice.file_pattern.clone(),
            file_exclude_pattern: choice.file_exclude_pattern.clone(),
            result_path: choice.result_path.clone(),
            tag_filters: choice.tag_filters.clone(),
            strict_discovery: choice.strict_discovery,
            discovery_timeout: None,
            node_index: node,
            node_count: nodes,
            working_directory: directory,
            environment,
        },
    )
    .map_err(CommandError::runner("prepare the test runner"))?;
    if let Some(announcement) = runner.announcement() {
        terminal.line(&announcement);
    }
    Ok(runner)
}

pub(super) fn working_directory() -> Result<PathBuf, CommandError> {
    std::env::current_dir().map_err(CommandError::WorkingDirectory)
}
