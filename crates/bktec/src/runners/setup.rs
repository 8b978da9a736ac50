//! What every runner is built from: the user's settings, put beside the runner's definition.
//!
//! Holds the commands, split and checked, and the steps that are the same for all: discovery by
//! pattern, running a helper, filling a command. It knows no single runner.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use test_engine_results::ParseError;
use test_engine_wire::Case;

use crate::command_template::{
    CommandTemplate, NODE_COUNT, NODE_INDEX, RESULT_PATH, TEST_EXAMPLES, Value,
};
use crate::discovery::{self, Pattern};
use crate::process::{self, Captured, CommandLine, ExecutionEnv};

use super::{Definition, ParsedResults, RunnerError, targets};

/// What the user decided about a runner. What is `None` is the runner's own choice.
#[derive(Clone, Debug, Default)]
pub struct RunnerSettings {
    /// The command that runs tests.
    pub test_command: Option<String>,
    /// The command that reruns failed tests.
    pub retry_command: Option<String>,
    /// What discovery looks for.
    pub file_pattern: Option<String>,
    /// What discovery leaves out.
    pub file_exclude_pattern: Option<String>,
    /// Where results are written.
    pub result_path: Option<String>,
    /// Which tags to run.
    pub tag_filters: Option<String>,
    /// This node, from 0.
    pub node_index: usize,
    /// How many nodes there are.
    pub node_count: usize,
    /// Where commands run and patterns begin.
    pub working_directory: PathBuf,
    /// What commands get in their environment beside this process's own.
    pub environment: Vec<(OsString, OsString)>,
}

/// A definition and settings, ready for use.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) definition: &'static Definition,
    pub(super) execution_env: ExecutionEnv,
    pub(super) test: CommandTemplate,
    pub(super) retry: CommandTemplate,
    pub(super) result_path: Option<PathBuf>,
    pattern: Option<String>,
    exclude: Option<String>,
    node_index: String,
    node_count: String,
}

impl Setup {
    /// Puts them together. A given test command is also the retry command, unless the runner has
    /// one of its own that it needs.
    pub(super) fn new(
        definition: &'static Definition,
        settings: RunnerSettings,
    ) -> Result<Self, RunnerError> {
        let test = settings.test_command.as_deref().or(definition.test_command);
        let test = CommandTemplate::parse(test.ok_or_else(|| RunnerError::Required {
            runner: definition.name,
            what: "a test command",
            remedy: "set --test-command or BUILDKITE_TEST_ENGINE_TEST_CMD".to_owned(),
        })?)?;
        let retry = match settings
            .retry_command
            .as_deref()
            .or(definition.retry_command)
        {
            Some(text) => CommandTemplate::parse(text)?,
            None => test.clone(),
        };
        Ok(Self {
            definition,
            execution_env: ExecutionEnv {
                directory: settings.working_directory,
                environment: settings.environment,
            },
            test,
            retry,
            result_path: settings.result_path.map(PathBuf::from),
            pattern: settings
                .file_pattern
                .or(definition.file_pattern.map(str::to_owned)),
            exclude: settings.file_exclude_pattern,
            node_index: settings.node_index.to_string(),
            node_count: settings.node_count.to_string(),
        })
    }

    /// What `read` says of results, with a note if the runner was told to stop at failures and did.
    pub(super) fn noted(&self, mut reading: ParsedResults) -> ParsedResults {
        let options = &self.definition.fail_fast;
        if let Some(limit) = options.limit(self.test.words(), &self.execution_env) {
            limit.note(&mut reading);
        }
        reading
    }

    /// The files that match the pattern and not the exclude pattern.
    pub(super) fn discover(
        &self,
        on_warning: &mut dyn FnMut(String),
    ) -> Result<Vec<String>, RunnerError> {
        let pattern = self
            .pattern
            .as_deref()
            .ok_or_else(|| RunnerError::Required {
                runner: self.definition.name,
                what: "a file pattern",
                remedy: "set --test-file-pattern or BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN"
                    .to_owned(),
            })?;
        let home = std::env::home_dir();
        let wanted = Pattern::parse(pattern, home.as_deref())?;
        let exclude = self
            .exclude
            .as_deref()
            .map(|text| Pattern::parse_exclude(text, home.as_deref()));
        let directory = &self.execution_env.directory;
        let found = discovery::walk(directory, &wanted, exclude.transpose()?.as_ref());
        for warning in found.warnings {
            on_warning(warning.to_string());
        }
        let mut files = Vec::with_capacity(found.paths.len());
        for path in found.paths {
            let name = path.into_string().map_err(|name| RunnerError::NotUnicode {
                name: name.to_string_lossy().into_owned(),
            })?;
            targets::check(&name)?;
            files.push(name);
        }
        if files.is_empty() {
            return Err(RunnerError::NoFiles {
                directory: directory.clone(),
                pattern: pattern.to_owned(),
                exclude: self.exclude.clone().unwrap_or_default(),
            });
        }
        Ok(files)
    }

    /// A command line with the result path, the node and `values` put in.
    pub(super) fn fill(
        &self,
        template: &CommandTemplate,
        values: &[(&str, Value<'_>)],
    ) -> CommandLine {
        let result_path = self
            .result_path
            .as_deref()
            .map(Path::to_string_lossy)
            .unwrap_or_default();
        self.fill_with_result_path(template, &result_path, values)
    }

    fn fill_with_result_path(
        &self,
        template: &CommandTemplate,
        result_path: &str,
        values: &[(&str, Value<'_>)],
    ) -> CommandLine {
        let mut all = values.to_vec();
        all.push((RESULT_PATH, Value::One(result_path)));
        all.push((NODE_INDEX, Value::One(&self.node_index)));
        all.push((NODE_COUNT, Value::One(&self.node_count)));
        template.fill(&all)
    }

    /// A command line that runs `tests`. They go to the end of a command that does not say where.
    pub(super) fn fill_tests(&self, template: &CommandTemplate, tests: &[String]) -> CommandLine {
        self.fill(
            &with_examples(template),
            &[(TEST_EXAMPLES, Value::Many(tests))],
        )
    }

    /// The test command for `files`, with its results in a place of no importance: the start of a
    /// command that only lists tests.
    pub(super) fn fill_listing(
        &self,
        template: &CommandTemplate,
        files: &[String],
        unused: &str,
    ) -> CommandLine {
        let values = [(TEST_EXAMPLES, Value::Many(files))];
        self.fill_with_result_path(&with_examples(template), unused, &values)
    }

    /// Runs a helper that must succeed.
    pub(super) fn helper(
        command: CommandLine,
        execution_env: &ExecutionEnv,
    ) -> Result<Captured, RunnerError> {
        let captured = process::capture(&command, execution_env)?;
        if captured.exit.is_success() {
            Ok(captured)
        } else {
            Err(RunnerError::Helper {
                command: Box::new(command),
                exit: captured.exit,
                output: captured.text(),
            })
        }
    }

    /// Runs a helper that writes examples to `list`, and reads them as `read` does.
    pub(super) fn listed_examples(
        command: &CommandLine,
        execution_env: &ExecutionEnv,
        list: &Path,
        read: &dyn Fn(&[u8]) -> Result<ParsedResults, ParseError>,
    ) -> Result<Vec<Case>, RunnerError> {
        Self::helper(command.clone(), execution_env)?;
        let unreadable = |reason: String| RunnerError::Listing {
            command: Box::new(command.clone()),
            reason,
        };
        let bytes = fs_err::read(list).map_err(|error| unreadable(error.to_string()))?;
        let reading = read(&bytes).map_err(|error| unreadable(error.to_string()))?;
        let examples = reading.tests.into_iter();
        Ok(examples.map(|test| targets::example(test.key)).collect())
    }
}

fn with_examples(template: &CommandTemplate) -> CommandTemplate {
    if template.contains(TEST_EXAMPLES) {
        template.clone()
    } else {
        template.with_words(&[TEST_EXAMPLES])
    }
}
