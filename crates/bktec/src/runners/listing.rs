//! Asks runners for their tests: the files that they would take tests from, and the examples of
//! files.
//!
//! A runner that is asked for its files loads the project's configuration, which may wait for
//! something that never comes, so there is a limit.

use std::path::PathBuf;

use tempfile::TempDir;
use test_engine_wire::Case;

use super::paths::without_lines;
use super::{Result, Runner, RunnerBase, RunnerError, TestKey, targets};
use crate::process::{Captured, CommandLine, ExecutionEnv, Exit, capture, capture_within};

/// Runs a command that lists files; any exit code is accepted.
pub(super) fn ask(
    base: &RunnerBase,
    command: &CommandLine,
    execution_env: &ExecutionEnv,
) -> Result<Captured> {
    let timeout = base.discovery_timeout;
    let captured = capture_within(timeout, command, execution_env)?;
    if !captured.timed_out {
        return Ok(captured);
    }
    Err(RunnerError::TimedOut {
        command: Box::new(command.clone()),
        timeout,
        output: captured.text(),
        hint: if base.definition.features.filter_by_pattern {
            "run it by itself to see what takes so long; with --test-file-pattern or \
             BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN it is not needed"
        } else {
            "run it by itself to see what takes so long"
        },
    })
}

/// Runs a command that lists files and must exit with code 0.
pub(super) fn ask_successfully(
    base: &RunnerBase,
    command: &CommandLine,
    execution_env: &ExecutionEnv,
) -> Result<Captured> {
    let captured = ask(base, command, execution_env)?;
    if captured.exit.is_success() {
        Ok(captured)
    } else {
        Err(RunnerError::helper(command, &captured))
    }
}

/// The files of all examples that the runner lists with its list options and these. `None` where
/// the runner is not certain to see the options, or would list only a part.
pub(super) fn files<R: Runner + ?Sized>(
    runner: &R,
    options: &[&str],
    is_direct: impl FnOnce(&[&str]) -> bool,
) -> Result<Option<Vec<String>>> {
    let base = runner.base();
    let words = base.test.words();
    let all: Vec<&str> = words.iter().map(String::as_str).collect();
    if has_shard(words) || all.contains(&"--") || !is_direct(&all) {
        return Ok(None);
    }
    let Some(mut listing) = Listing::of(runner, &[])? else {
        return Ok(None);
    };
    let options = options.iter().map(|&option| option.to_owned());
    listing.command.arguments.extend(options);
    let captured = ask(base, &listing.command, &listing.execution_env)?;
    let examples = listing.read(runner, &captured)?;
    let files = examples.map(|key| base.relative(without_lines(&key.path)));
    Ok(Some(files.collect()))
}

/// A node that lists only its shard would plan only that.
pub(super) fn has_shard(words: &[String]) -> bool {
    words.iter().any(|word| word.starts_with("--shard"))
}

/// The examples of these files, as the runner lists them with its list options.
pub(super) fn examples<R: Runner + ?Sized>(runner: &R, files: &[String]) -> Result<Vec<Case>> {
    let Some(listing) = Listing::of(runner, files)? else {
        return Err(RunnerError::NoExamples {
            runner: runner.definition().name,
        });
    };
    let captured = capture(&listing.command, &listing.execution_env)?;
    let examples = listing.read(runner, &captured)?;
    Ok(examples.map(targets::example).collect())
}

/// A command that writes a list of examples to a temporary file.
struct Listing {
    command: CommandLine,
    execution_env: ExecutionEnv,
    list: PathBuf,
    _directory: TempDir,
}

impl Listing {
    fn of<R: Runner + ?Sized>(runner: &R, files: &[String]) -> Result<Option<Self>> {
        let directory = tempfile::tempdir().map_err(RunnerError::Temporary)?;
        let list = directory.path().join("examples.json");
        let Some(options) = runner.list_options(&list.to_string_lossy()) else {
            return Ok(None);
        };
        let unused = directory.path().join("unused.json");
        let base = runner.base();
        let files = runner.checked_arguments(&base.test, files.to_vec())?;
        let mut command = base.fill_listing(&base.test, &files, &unused.to_string_lossy());
        command.arguments.extend(options);
        let mut execution_env = base.execution_env.clone();
        let variable = base.definition.list_variable;
        let variable = variable.map(|variable| (variable.into(), list.clone().into()));
        execution_env.environment.extend(variable);
        Ok(Some(Self {
            command,
            execution_env,
            list,
            _directory: directory,
        }))
    }

    /// The listed examples, once the command has ended.
    fn read<R: Runner + ?Sized>(
        self,
        runner: &R,
        captured: &Captured,
    ) -> Result<impl Iterator<Item = TestKey> + use<R>> {
        let parsed = fs_err::read(&self.list)
            .map_err(|error| error.to_string())
            .and_then(|bytes| runner.read(&bytes, &[]).map_err(|error| error.to_string()));
        let is_accepted = match captured.exit {
            Exit::Code(code) => code == 0 || parsed.is_ok() && runner.lists_despite(code),
            Exit::Signal(_) => false,
        };
        if !is_accepted {
            // Some runners write their errors only into the list.
            let errors = parsed.unwrap_or_default().errors_outside_tests;
            return Err(RunnerError::Helper {
                command: Box::new(self.command),
                exit: captured.exit,
                output: captured.text() + &errors.join("\n"),
            });
        }
        let parsed = parsed.map_err(|reason| RunnerError::Listing {
            command: Box::new(self.command),
            reason,
        })?;
        // When it lists tests, a runner skips them all.
        let tests = parsed.tests.into_iter().map(|test| test.key);
        Ok(tests.chain(parsed.unrun))
    }
}
