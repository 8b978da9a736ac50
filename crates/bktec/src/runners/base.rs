//! What every runner is built from: the user's settings combined with the runner's definition.
//!
//! Holds the parsed commands and the steps that all runners share: discovery by pattern, running
//! helper commands, filling command templates.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fail_fast::FailFast;
use super::fail_fast_override::FailFastOverride;
use super::{Definition, GuardedCommand, Result, RunnerError, StopPolicy, targets};
use crate::command_template::{CommandTemplate, NODE_COUNT, NODE_INDEX, RESULT_PATH, Value};
use crate::discovery::{self, Pattern};
use crate::process::{CommandLine, ExecutionEnv};

/// The user's settings for a runner. What is `None` is left to the runner.
#[derive(Clone, Debug, Default)]
pub struct RunnerSettings {
    pub test_command: Option<String>,
    pub retry_command: Option<String>,
    pub file_pattern: Option<String>,
    pub file_exclude_pattern: Option<String>,
    pub result_path: Option<String>,
    pub tag_filters: Option<String>,
    /// Fail if the file pattern misses files that the runner takes tests from.
    pub strict_discovery: bool,
    /// How long the runner may take to list its files.
    pub discovery_timeout: Option<Duration>,
    /// From 0.
    pub node_index: usize,
    pub node_count: usize,
    /// Where commands run and relative patterns start.
    pub working_directory: PathBuf,
    pub environment: Vec<(OsString, OsString)>,
}

#[derive(Debug)]
pub struct RunnerBase {
    pub(super) definition: &'static Definition,
    pub(super) execution_env: ExecutionEnv,
    pub(super) test: CommandTemplate,
    pub(super) retry: CommandTemplate,
    pub(super) has_own_retry: bool,
    pub(super) result_path: Option<PathBuf>,
    /// The working directory without symbolic links, as Node.js reports it.
    pub(super) real_directory: Option<PathBuf>,
    pub(super) pattern: Option<String>,
    /// The pattern is the user's own.
    pub(super) has_own_pattern: bool,
    pub(super) strict_discovery: bool,
    pub(super) discovery_timeout: Duration,
    exclude: Option<String>,
    node_index: String,
    node_count: String,
}

impl RunnerBase {
    /// The user's test command is also the retry command, unless the runner has a default retry
    /// command.
    pub(super) fn new(definition: &'static Definition, settings: RunnerSettings) -> Result<Self> {
        let test = settings.test_command.as_deref().or(definition.test_command);
        let test = CommandTemplate::parse(test.ok_or(RunnerError::Required {
            runner: definition.name,
            what: "a test command",
            option: "--test-command or BUILDKITE_TEST_ENGINE_TEST_CMD",
        })?)?;
        let retry = settings.retry_command.as_deref();
        let retry = match retry.or(definition.retry_command) {
            Some(text) => CommandTemplate::parse(text)?,
            None => test.clone(),
        };
        let default_pattern = || definition.file_pattern.map(str::to_owned);
        Ok(Self {
            definition,
            test,
            retry,
            has_own_retry: settings.retry_command.is_some(),
            result_path: settings.result_path.map(PathBuf::from),
            real_directory: settings.working_directory.canonicalize().ok(),
            execution_env: ExecutionEnv {
                directory: settings.working_directory,
                environment: settings.environment,
            },
            has_own_pattern: settings.file_pattern.is_some(),
            strict_discovery: settings.strict_discovery,
            discovery_timeout: settings
                .discovery_timeout
                .unwrap_or(definition.discovery_timeout),
            pattern: settings.file_pattern.or_else(default_pattern),
            exclude: settings.file_exclude_pattern,
            node_index: settings.node_index.to_string(),
            node_count: settings.node_count.to_string(),
        })
    }

    /// The test command, with placeholders.
    pub(crate) fn test_command(&self) -> &str {
        self.test.text()
    }

    /// The user's own limit, by the options `fail_fast`; its number of failures is 0 if an option
    /// turns fail-fast off.
    fn requested(&self, command: &CommandLine, fail_fast: &FailFast) -> Option<StopPolicy> {
        let words: Vec<String> = command.words().map(str::to_owned).collect();
        let limit = fail_fast.limit(&words, &self.execution_env)?;
        Some(StopPolicy::Requested {
            option: limit.option,
            failures: limit.failures,
        })
    }

    /// The user's own limit, if this command has one.
    pub(super) fn requested_stop(
        &self,
        command: &CommandLine,
        fail_fast: &FailFast,
    ) -> Option<StopPolicy> {
        self.requested(command, fail_fast)
            .filter(|policy| !matches!(policy, StopPolicy::Requested { failures: 0, .. }))
    }

    pub(super) fn override_fail_fast(&self, command: CommandLine) -> GuardedCommand {
        let Definition {
            fail_fast,
            fail_fast_override,
            ..
        } = self.definition;
        self.override_options(command, fail_fast, fail_fast_override.as_ref())
    }

    /// Adds `option`, unless the command has one of the options `fail_fast`.
    pub(super) fn override_options(
        &self,
        command: CommandLine,
        fail_fast: &FailFast,
        option: Option<&FailFastOverride>,
    ) -> GuardedCommand {
        match self.requested(&command, fail_fast) {
            Some(StopPolicy::Requested { failures: 0, .. }) => {
                GuardedCommand::unchanged(command, StopPolicy::Overridden)
            }
            Some(requested) => GuardedCommand::unchanged(command, requested),
            None => option
                .and_then(|option| option.insert(&command))
                .unwrap_or_else(|| GuardedCommand::unchanged(command, StopPolicy::Possible)),
        }
    }

    pub(super) fn discover(&self, on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>> {
        let pattern = self.pattern.as_deref().ok_or(RunnerError::Required {
            runner: self.definition.name,
            what: "a file pattern",
            option: "--test-file-pattern or BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN",
        })?;
        let home = std::env::home_dir();
        let included = Pattern::parse(pattern, home.as_deref())?;
        let directory = &self.execution_env.directory;
        let found = discovery::walk(directory, &included, self.exclude_pattern()?.as_ref());
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

    /// Whether other nodes run other shares of the suite.
    pub(super) fn is_one_of_several_nodes(&self) -> bool {
        self.node_count.parse().is_ok_and(|count: usize| count > 1)
    }

    pub(super) fn exclude_pattern(&self) -> Result<Option<Pattern>> {
        let home = std::env::home_dir();
        let exclude = self.exclude.as_deref();
        let exclude = exclude.map(|text| Pattern::parse_exclude(text, home.as_deref()));
        Ok(exclude.transpose()?)
    }

    /// A path that the runner reported, relative to the working directory if it is inside.
    pub(super) fn relative(&self, path: &str) -> String {
        let directory = Some(self.execution_env.directory.as_path());
        let path = Path::new(path);
        [directory, self.real_directory.as_deref()]
            .into_iter()
            .flatten()
            .find_map(|directory| path.strip_prefix(directory).ok())
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned()
    }

    /// Replaces the placeholders for the result path, the node and `values`.
    pub(super) fn fill(
        &self,
        template: &CommandTemplate,
        values: &[(&str, Value<'_>)],
    ) -> CommandLine {
        let path = self.result_path.as_deref().unwrap_or(Path::new(""));
        self.fill_with_result_path(template, &path.to_string_lossy(), values)
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

    /// A command line that runs `tests`, which are appended to a command without a placeholder.
    pub(super) fn fill_tests(&self, template: &CommandTemplate, tests: &[String]) -> CommandLine {
        let (template, values) = self.with_tests(template, tests);
        self.fill(&template, &values)
    }

    /// The start of a command that only lists the tests of `files`; results, if it writes any, go
    /// to `unused`.
    pub(super) fn fill_listing(
        &self,
        template: &CommandTemplate,
        files: &[String],
        unused: &str,
    ) -> CommandLine {
        let (template, values) = self.with_tests(template, files);
        self.fill_with_result_path(&template, unused, &values)
    }

    fn with_tests<'t>(
        &self,
        template: &CommandTemplate,
        tests: &'t [String],
    ) -> (CommandTemplate, Vec<(&'static str, Value<'t>)>) {
        let placeholders = self.definition.placeholders;
        let has_place = placeholders.iter().any(|name| template.contains(name));
        let template = if has_place {
            template.clone()
        } else {
            template.with_words(&placeholders[..1])
        };
        let values = placeholders.iter().map(|name| (*name, Value::Many(tests)));
        (template, values.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runners::testing;

    #[test]
    fn paths_outside_the_working_directory_stay_absolute() {
        let mut base = testing::base(Path::new("/app"));
        base.real_directory = Some("/real".into());
        for (path, expected) in [
            ("/app/src/a.test.js", "src/a.test.js"),
            ("/application/a.test.js", "/application/a.test.js"),
            ("/real/a.js", "a.js"),
            ("src/a.js", "src/a.js"),
        ] {
            assert_eq!(base.relative(path), expected);
        }
    }
}
