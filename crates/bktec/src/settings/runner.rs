//! Which runner is used, and what it is to be told.
//!
//! What a runner needs stands in its definition; this only asks for it. How it works is its own
//! business.

use std::path::PathBuf;

use super::fields::Field;
use super::problems::Problems;
use crate::cli::RunnerArgs;
use crate::env_vars as var;
use crate::runners::{self, Definition};

/// The runner and what it is to be told.
#[derive(Clone, Debug)]
pub struct RunnerChoice {
    /// Which one.
    pub definition: &'static Definition,
    /// Instead of the runner's own.
    pub test_command: Option<String>,
    /// Instead of the runner's own.
    pub retry_command: Option<String>,
    /// Instead of the runner's own.
    pub file_pattern: Option<String>,
    /// What discovery leaves out.
    pub file_exclude_pattern: Option<String>,
    /// Where results are written.
    pub result_path: Option<String>,
    /// A list of files, instead of discovery.
    pub files: Option<PathBuf>,
    /// A list of selectors; wins over `files`.
    pub selector_file: Option<PathBuf>,
    /// Slow files may be split.
    pub split_by_example: bool,
    /// Targets are sent as selectors; otherwise as files, as version 2 did.
    pub selector_splitting: bool,
    /// Which tags to run.
    pub tag_filters: Option<String>,
    /// The folder of the project inside its repository.
    pub location_prefix: Option<String>,
    /// How often failed tests are retried.
    pub retries: u32,
}

/// Reads the runner's options; `None` when there is no such runner.
pub(super) fn runner(runner: &RunnerArgs, problems: &mut Problems) -> Option<RunnerChoice> {
    let flag = |variable, flag, text| Field::new(variable, flag, text);
    let name = flag(
        var::BUILDKITE_TEST_ENGINE_TEST_RUNNER,
        "--test-runner",
        runner.test_runner.as_ref(),
    );
    let retries = flag(
        var::BUILDKITE_TEST_ENGINE_RETRY_COUNT,
        "--test-engine-retry-count",
        runner.test_engine_retry_count.as_ref(),
    )
    .integer(0, 0..=i64::MAX, problems);
    let split_by_example = flag(
        var::BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE,
        "--split-by-example",
        runner.split_by_example.as_ref(),
    )
    .boolean(false, problems);
    let selector_splitting = flag(
        var::BUILDKITE_TEST_ENGINE_SELECTOR_SPLITTING,
        "--selector-splitting",
        runner.selector_splitting.as_ref(),
    )
    .boolean(true, problems);
    let set = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let test_command = set(&runner.test_command);
    let file_pattern = set(&runner.test_file_pattern);
    let selector_file = set(&runner.selector_file);
    let tag_filters = set(&runner.tag_filters);

    let name_text = name.required(problems);
    if name_text.is_empty() {
        return None;
    }
    let Some(definition) = runners::find(name_text.trim()) else {
        problems.add(
            name.variable,
            format!(
                "unsupported value for {} {name_text:?}, must be one of {} ({})",
                name.variable,
                runners::RUNNERS
                    .iter()
                    .map(|definition| definition.name)
                    .collect::<Vec<_>>()
                    .join(", "),
                name.flag
            ),
        );
        return None;
    };
    if definition.requires_test_command && test_command.is_none() {
        problems.add(
            var::BUILDKITE_TEST_ENGINE_TEST_CMD,
            format!(
                "must not be blank for the {} runner (or give --test-command)",
                definition.name
            ),
        );
    }
    if definition.requires_file_pattern && file_pattern.is_none() && selector_file.is_none() {
        problems.add(
            var::BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN,
            format!(
                "must not be blank for the {} runner (or give --test-file-pattern, or a list with --selector-file)",
                definition.name
            ),
        );
    }
    if tag_filters.is_some() && !definition.features.filter_by_tag {
        problems.add(
            var::BUILDKITE_TEST_ENGINE_TAG_FILTERS,
            format!(
                "is not supported by the {} runner, only by pytest",
                definition.name
            ),
        );
    }
    Some(RunnerChoice {
        definition,
        test_command,
        retry_command: set(&runner.retry_command),
        file_pattern,
        file_exclude_pattern: set(&runner.test_file_exclude_pattern),
        result_path: set(&runner.result_path),
        files: set(&runner.files).map(PathBuf::from),
        selector_file: selector_file.map(PathBuf::from),
        split_by_example,
        selector_splitting,
        tag_filters,
        location_prefix: set(&runner.location_prefix)
            .or_else(|| set(&runner.collector_location_prefix)),
        retries: u32::try_from(retries).unwrap_or(u32::MAX),
    })
}
