//! The test runners that `bktec` knows, one file each, behind one trait.
//!
//! A runner knows how its tests are found, how it is told what to run, and what its results say.
//! It decides nothing: whether to retry, what to report and how to exit is `attempts`' and
//! `report`'s. Adding a runner is one file and one line in [`RUNNERS`]; help, settings and docs are
//! made from that table.

mod cucumber;
mod custom;
mod cypress;
mod definition;
mod error;
mod fail_fast;
mod feature_table;
mod gotest;
mod jest;
pub(crate) mod paths;
mod playwright;
mod pytest;
mod pytest_pants;
mod rspec;
mod setup;
mod shell_expansion;
mod targets;
#[cfg(test)]
pub(crate) mod testing;
mod vitest;

use std::path::Path;

use test_engine_results::{Format, Outcome, ParseError, Report, TestResult};
use test_engine_wire::Case;

pub use definition::{Definition, Features};
pub use error::RunnerError;
pub use feature_table::{at_a_glance, feature_table};
pub use setup::RunnerSettings;
pub(crate) use targets::target;

use crate::process::{CommandLine, ExecutionEnv, Output};

/// Every runner, in the order that help and docs list them.
pub const RUNNERS: &[&Definition] = &[
    &rspec::DEFINITION,
    &jest::DEFINITION,
    &vitest::DEFINITION,
    &playwright::DEFINITION,
    &cypress::DEFINITION,
    &pytest::DEFINITION,
    &pytest_pants::DEFINITION,
    &gotest::DEFINITION,
    &cucumber::DEFINITION,
    &custom::DEFINITION,
];

/// The runner of this name.
pub fn find(name: &str) -> Option<&'static Definition> {
    RUNNERS
        .iter()
        .copied()
        .find(|definition| definition.name == name)
}

/// Makes a runner ready: reads its commands and looks for what it needs.
pub fn build(name: &str, settings: RunnerSettings) -> Result<Box<dyn Runner>, RunnerError> {
    let definition = find(name).ok_or_else(|| RunnerError::Unknown {
        name: name.to_owned(),
    })?;
    (definition.build)(settings)
}

/// One test, as results name it. Tests with equal scope and name but different paths are different.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TestKey {
    /// The group; may be empty.
    pub scope: String,
    /// The test's own name.
    pub name: String,
    /// Where it is, in the form the runner reruns it by: a file, a node id, a package.
    pub path: String,
}

impl TestKey {
    /// Of a result whose runner reruns single tests by an identifier.
    pub(crate) fn by_identifier(result: TestResult<'_>) -> Self {
        Self {
            scope: result.scope.into_owned(),
            name: result.name.into_owned(),
            path: result
                .identifier
                .or(result.location)
                .or(result.file_name)
                .unwrap_or_default()
                .into_owned(),
        }
    }
}

/// How one test ended in one attempt, by the runner's own verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Which test.
    pub key: TestKey,
    /// How it ended.
    pub outcome: Outcome,
}

/// What a result file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedResults {
    /// Every test in it, in file order; a test may be listed more than once.
    pub tests: Vec<Observed>,
    /// Errors that belong to no test.
    pub errors_outside_tests: Vec<String>,
    /// Results that could not be used. One of them may be a failure, so the rest is not the whole
    /// story.
    pub unusable: Vec<String>,
    /// Why tests may never have run: the runner was told to stop at failures.
    pub stopped_early: Option<String>,
}

impl ParsedResults {
    /// A report with each result named by `key`.
    pub(crate) fn of(report: Report<'_>, mut key: impl FnMut(TestResult<'_>) -> TestKey) -> Self {
        Self {
            tests: report
                .results
                .into_iter()
                .map(|result| Observed {
                    outcome: result.outcome,
                    key: key(result),
                })
                .collect(),
            errors_outside_tests: report.errors_outside_tests,
            unusable: report.bad.into_iter().map(|bad| bad.message).collect(),
            stopped_early: None,
        }
    }
}

/// What the result file is worth after a certain exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultTrust {
    /// It tells what happened.
    Complete,
    /// It tells a part of what happened: it is read, but nothing is retried.
    Partial,
    /// The runner broke off: it is not read.
    Unusable,
}

/// How results name the files that tests are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// As targets do: relative to where the command runs.
    AsTargets,
    /// From a folder above or below, or not at all.
    RunnerSpecific,
}

/// A test runner with its settings.
pub trait Runner {
    /// What is known of it without settings.
    fn definition(&self) -> &'static Definition;

    /// Where its commands run.
    fn execution_env(&self) -> &ExecutionEnv;

    /// A line for the user about how it will work, if there is a choice that is not theirs.
    fn announcement(&self) -> Option<String> {
        None
    }

    /// Finds what can be run, in a stable order; never empty. Warnings are whole sentences.
    fn discover(&self, on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>, RunnerError>;

    /// Takes files apart into examples, by asking the runner to list them.
    fn examples(&self, files: &[String]) -> Result<Vec<Case>, RunnerError> {
        let _ = files;
        Err(RunnerError::NoExamples {
            runner: self.definition().name,
        })
    }

    /// The command for the first attempt.
    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError>;

    /// The command that reruns failed tests. `None` when this runner, with these settings, cannot.
    fn retry_command(
        &self,
        failed: &[TestKey],
        cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError>;

    /// Where results are written; `None` when none are read. Relative to the execution_env'
    /// directory or absolute.
    fn result_path(&self) -> Option<&Path>;

    /// The format to upload the result file as; `None` when it is not uploaded.
    fn upload_format(&self) -> Option<Format>;

    /// Where its standard output goes.
    fn output(&self) -> Output<'_> {
        Output::Own
    }

    /// What its results are worth after it exited with this code.
    fn result_trust(&self, code: i32) -> ResultTrust {
        let _ = code;
        ResultTrust::Complete
    }

    /// Whether a retry runs again all that was to run beside a failed test, and not that test alone.
    fn retries_whole_targets(&self) -> bool {
        false
    }

    /// Which of `cases` it is not given, because a folder above them is among them too.
    fn covered_by_directories<'c>(&self, _cases: &'c [Case]) -> Vec<&'c str> {
        Vec::new()
    }

    /// How its results name files.
    fn naming(&self) -> Naming {
        Naming::RunnerSpecific
    }

    /// Reads a result file. `cases` is what the first attempt was given.
    fn read(&self, bytes: &[u8], cases: &[Case]) -> Result<ParsedResults, ParseError>;
}
