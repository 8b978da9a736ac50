//! The trait that all runners implement, with defaults that most of them share.

use std::path::Path;

use test_engine_results::{Detail, Format, ParseError, TestResult, parse_with};
use test_engine_wire::Case;

use super::targets::{self, sorted, unique};
use super::{
    Definition, GuardedCommand, Naming, ParsedResults, Result, ResultTrust, RunnerBase, StopPolicy,
    TestKey, discovery_check, listing,
};
use crate::command_template::CommandTemplate;
use crate::process::{CommandLine, ExecutionEnv, Output};

/// A test runner with its settings. An implementation states only how it differs from the defaults;
/// what can be stated as data is in its `Definition`.
pub trait Runner {
    fn base(&self) -> &RunnerBase;

    fn definition(&self) -> &'static Definition {
        self.base().definition
    }

    fn execution_env(&self) -> &ExecutionEnv {
        &self.base().execution_env
    }

    /// A line for the user about a mode that `bktec` chose, or about a setting without effect.
    fn announcement(&self) -> Option<String> {
        None
    }

    /// Finds the targets that can be run, in a stable order; never empty, except for a runner that
    /// chooses its tests itself. Warnings are whole sentences.
    fn discover(&self, on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>> {
        let files = discovery_check::discover(self, on_warning)?;
        files.iter().try_for_each(|file| self.check_target(file))?;
        Ok(files)
    }

    /// The files that the runner would take tests from by itself, relative to the working
    /// directory; `None` if it cannot list them with these settings.
    fn own_discovery(&self) -> Result<Option<Vec<String>>> {
        Ok(None)
    }

    /// Whether `discover` starts the runner, which takes longer than a walk through the project.
    fn discovery_asks_runner(&self) -> bool {
        discovery_check::asks_runner(self)
    }

    /// The examples of these files, listed by the runner.
    fn examples(&self, files: &[String]) -> Result<Vec<Case>> {
        listing::examples(self, files)
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine> {
        self.command_for(&self.base().test, targets::of_cases(cases))
    }

    /// The command that reruns failed tests; `None` when this runner cannot, with these settings.
    fn retry_command(&self, failed: &[TestKey], cases: &[Case]) -> Result<Option<CommandLine>> {
        let targets = self.retry_targets(failed, cases);
        let command = targets.map(|targets| self.command_for(&self.base().retry, targets));
        command.transpose()
    }

    /// The command that reruns all tests of these targets; `None` when this runner cannot retry.
    fn rerun_command(&self, cases: &[Case]) -> Result<Option<CommandLine>> {
        let definition = self.definition();
        if !definition.features.retry {
            return Ok(None);
        }
        let command = if definition.retries_whole_targets {
            self.command_for(&self.base().retry, targets::of_cases(cases))
        } else {
            self.command(cases)
        };
        command.map(Some)
    }

    /// A rerun starts the runner once for each target: it may stop at a failed test, and no option
    /// prevents that.
    fn reruns_targets_one_by_one(&self) -> bool {
        false
    }

    /// Whether `retry_command` reruns all tests of the targets of these failed tests.
    fn retry_runs_whole_targets(&self, _failed: &[TestKey], _cases: &[Case]) -> bool {
        self.retries_whole_targets()
    }

    /// Whether the test command is the user's own.
    fn has_custom_command(&self) -> bool {
        let default = self.definition().test_command;
        default.is_none_or(|default| default != self.base().test.text())
    }

    /// Absolute, or relative to the working directory; `None` when no results are read.
    fn result_path(&self) -> Option<&Path> {
        self.base().result_path.as_deref()
    }

    /// The format to upload the result file as; `None` when it is not uploaded.
    fn upload_format(&self) -> Option<Format> {
        self.definition().upload_formats.first().copied()
    }

    fn output(&self) -> Output<'_> {
        Output::Own
    }

    /// How far the result file can be trusted after this exit code.
    fn result_trust(&self, code: i32) -> ResultTrust {
        match self.definition().result_exit_codes {
            Some(codes) if !codes.contains(&code) => ResultTrust::Unusable,
            _ => ResultTrust::Complete,
        }
    }

    /// Called before each start of the runner.
    fn prepare_attempt(&self) {}

    /// Adds evidence from beside the result file, or from the exit code, that tests did not run.
    fn add_evidence(&self, _parsed: &mut ParsedResults, _command: &CommandLine, _code: i32) {}

    /// `command`, with an option that overrides fail-fast settings where the runner has one and the
    /// command line can take it.
    fn override_fail_fast(&self, command: CommandLine) -> GuardedCommand {
        self.base().override_fail_fast(command)
    }

    /// The user's own fail-fast limit of this command, if it has one.
    fn requested_stop(&self, command: &CommandLine) -> Option<StopPolicy> {
        let base = self.base();
        base.requested_stop(command, &base.definition.fail_fast)
    }

    /// Whether the runner documents that this command exits with this code for `failed` failed
    /// tests and nothing else.
    fn reports_failed_tests(&self, _command: &CommandLine, code: i32, _failed: usize) -> bool {
        code == 1
    }

    /// Whether `examples` can list the tests of a target.
    fn can_list(&self) -> bool {
        self.definition().features.split_by_example
    }

    /// Whether this exit code only says that none of the tests of this node's share were selected.
    fn selected_nothing(&self, _code: i32, _parsed: &ParsedResults) -> bool {
        false
    }

    /// Why the results are unusable after this exit code: a sentence without the full stop.
    fn unusable_reason(&self, code: i32) -> String {
        format!(
            "The runner exited with code {code} before it finished, so its results are not used"
        )
    }

    fn retries_whole_targets(&self) -> bool {
        self.definition().retries_whole_targets
    }

    fn naming(&self) -> Naming {
        self.definition().naming
    }

    /// The targets of `cases` that are left out of the command line because a parent directory is
    /// also among them.
    fn covered_by_directories<'c>(&self, _cases: &'c [Case]) -> Vec<&'c str> {
        Vec::new()
    }

    /// Parses a result file. `cases` are those of the first attempt. By default results have the
    /// upload format.
    fn read(&self, bytes: &[u8], _cases: &[Case]) -> Result<ParsedResults, ParseError> {
        let Some(format) = self.upload_format() else {
            return Ok(ParsedResults::default());
        };
        let report = parse_with(format, bytes, Detail::Outcomes)?;
        Ok(ParsedResults::of(report, |result| self.key(result)))
    }

    // Steps of the methods above that a runner may replace.

    /// Rejects a target that cannot be named on this runner's command line.
    fn check_target(&self, _target: &str) -> Result<()> {
        Ok(())
    }

    /// Targets as arguments in the place of `{{testExamples}}`.
    fn arguments(&self, _template: &CommandTemplate, targets: Vec<String>) -> Result<Vec<String>> {
        targets::arguments(targets)
    }

    fn fill(&self, template: &CommandTemplate, arguments: &[String]) -> Result<CommandLine> {
        Ok(self.base().fill_tests(template, arguments))
    }

    /// The targets to rerun; `None` when this runner cannot retry.
    fn retry_targets(&self, failed: &[TestKey], _cases: &[Case]) -> Option<Vec<String>> {
        let paths = failed.iter().map(|key| key.path.clone());
        let retry = self.definition().features.retry;
        retry.then(|| sorted(paths))
    }

    /// Options that make the test command write the examples of its files to `list` instead of
    /// running them; `None` when this runner cannot list examples.
    fn list_options(&self, _list: &str) -> Option<Vec<String>> {
        None
    }

    /// Whether a list of examples is complete although the command exited with this code.
    fn lists_despite(&self, _code: i32) -> bool {
        false
    }

    fn key(&self, result: TestResult<'_>) -> TestKey {
        TestKey::by_identifier(result)
    }

    // Not to be replaced.

    fn checked_arguments(
        &self,
        template: &CommandTemplate,
        targets: Vec<String>,
    ) -> Result<Vec<String>> {
        let mut all = targets.iter();
        all.try_for_each(|target| self.check_target(target))?;
        self.arguments(template, targets).map(unique)
    }

    fn command_for(&self, template: &CommandTemplate, targets: Vec<String>) -> Result<CommandLine> {
        let arguments = self.checked_arguments(template, targets)?;
        self.fill(template, &arguments)
    }
}
