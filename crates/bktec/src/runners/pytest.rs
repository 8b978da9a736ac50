//! pytest, in two modes: with its own JUnit XML, or with the JSON of the Test Engine collector.
//!
//! The command decides the mode, or, without a command, whether the collector is installed. A test
//! is identified by its node id. JUnit XML has no node ids: `pytest/node_id.rs` derives them.
//! `pytest/python.rs` queries the installation; `pytest/argument_file.rs` is for command lines that
//! are too long, `pytest/selection.rs` for many tests of one file. `pytest/plugin.rs` loads our own
//! plugins; `pytest/evidence.rs` judges what one of them recorded of the session.

mod argument_file;
mod evidence;
mod mode;
mod node_id;
mod plugin;
mod python;
mod selection;
mod teardown;

use std::cell::{LazyCell, RefCell};

use tempfile::{NamedTempFile, TempDir};
use test_engine_results::{Format, Outcome, ParseError};
use test_engine_wire::Case;

pub(super) use self::mode::Mode;
pub(super) use self::node_id::KnownFiles;
use self::plugin::Plugin;
use self::python::Collector;
use self::selection::Selection;
use super::discovery_check::DiscoveryBy;
use super::fail_fast::FailFast;
use super::fail_fast_override::FailFastOverride;
use super::paths::{covered_by_directories, outermost};
use super::targets::{self, sorted, target};
use super::{
    Definition, Features, GuardedCommand, Observed, ParsedResults, Result, ResultTrust, Runner,
    RunnerBase, RunnerError, RunnerSettings, StopPolicy, TestKey,
};
use crate::command_template::{CommandTemplate, TEST_EXAMPLES};
use crate::process::{Capacity, CommandLine, ExecutionEnv, Exit, capture};

/// Exit code: no tests collected.
const NOTHING_COLLECTED: i32 = 5;

const PROGRAMS: &[&str] = &["pytest", "py.test"];

pub(super) const FAIL_FAST: FailFast = FailFast {
    letter: Some(('x', "vqsl")),
    ..FailFast::options(&["--exitfirst", "--maxfail", "--stepwise", "--sw"])
};

pub(super) static DEFINITION: Definition = Definition {
    features: Features {
        split_by_example: true,
        filter_by_tag: true,
        skip: true,
        ..Features::COMMON
    },
    remark: Some(
        "with the Python collector installed the default command writes its JSON, and the \
         collector uploads the results itself; without it, JUnit XML. Filtering by tag needs the \
         collector.",
    ),
    test_command: Some(Mode::Json.command()),
    file_pattern: Some("**/{*_test,test_*}.py"),
    discovery_by: DiscoveryBy::Runner,
    requires_result_path: false,
    fail_fast: FAIL_FAST,
    fail_fast_override: Some(FailFastOverride::of("--maxfail=0", PROGRAMS)),
    upload_formats: &[Format::Junit],
    ..Definition::defaults("pytest", build)
};

struct Pytest {
    base: RunnerBase,
    mode: Mode,
    tag_filters: Option<String>,
    /// Kept until the commands that read them have run.
    argument_files: RefCell<Vec<NamedTempFile>>,
    /// `None` if no command can load it.
    plugin: Option<Plugin>,
    /// The files of the results that were read last.
    known: RefCell<KnownFiles>,
    /// Contains the result file if the user set no result path.
    _directory: Option<TempDir>,
}

fn build(mut settings: RunnerSettings) -> Result<Box<dyn Runner>> {
    let execution_env = ExecutionEnv {
        directory: settings.working_directory.clone(),
        environment: settings.environment.clone(),
    };
    let template = settings.test_command.as_deref().map(CommandTemplate::parse);
    let template = template.transpose()?;
    let words = template.as_ref().map_or(&[][..], CommandTemplate::words);
    let collector = LazyCell::new(|| Collector::find(words, &execution_env));
    let of_words = Mode::of_words(words);
    if of_words == Some(Mode::Json) {
        collector.require("--json")?;
    }
    let tag_filters = settings.tag_filters.take();
    if tag_filters.is_some() {
        collector.require_tag_filters()?;
    }
    let result_path = settings.result_path.as_deref();
    let of_path = template.as_ref().and(result_path).and_then(Mode::of_path);
    let mode = of_words.or(of_path).unwrap_or_else(|| {
        if collector.is_installed() {
            Mode::Json
        } else {
            Mode::Junit
        }
    });
    let default = || mode.command().to_owned();
    settings.test_command.get_or_insert_with(default);
    let directory = set_result_path(&mut settings, mode.result_file())?;
    let mut base = RunnerBase::new(&DEFINITION, settings)?;
    let templates = [&base.test, &base.retry];
    let loads = |template: &&CommandTemplate| plugin::is_loadable(template.words(), &execution_env);
    let plugin = templates
        .iter()
        .any(loads)
        .then(Plugin::write)
        .transpose()?;
    if let Some(plugin) = &plugin {
        base.execution_env
            .environment
            .extend(plugin.variables(&execution_env));
    }
    Ok(Box::new(Pytest {
        base,
        mode,
        tag_filters,
        argument_files: RefCell::default(),
        plugin,
        known: RefCell::default(),
        _directory: directory,
    }))
}

/// Sets a missing result path to a file in a new temporary directory, which is removed when the
/// returned value is dropped.
pub(super) fn set_result_path(
    settings: &mut RunnerSettings,
    name: &str,
) -> Result<Option<TempDir>> {
    if settings.result_path.is_some() {
        return Ok(None);
    }
    let directory = tempfile::Builder::new()
        .prefix("bktec-pytest-")
        .tempdir()
        .map_err(RunnerError::Temporary)?;
    let path = directory.path().join(name);
    settings.result_path = Some(path.to_string_lossy().into_owned());
    Ok(Some(directory))
}

impl Pytest {
    /// The test command, changed to only collect. It keeps options that decide what is collected.
    fn collecting_command(&self, files: &[String], unused: &str) -> CommandLine {
        let words = self.base.test.words();
        let mut kept = Vec::new();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if Mode::of_words(std::slice::from_ref(word)).is_some() {
                if !word.contains('=') {
                    rest.next();
                }
            } else if word != "--merge-json" {
                kept.push(word.as_str());
            }
        }
        // A script that calls pytest may not support the options below.
        if python::pytest_word(words).is_none() {
            kept = vec!["pytest", TEST_EXAMPLES];
        }
        let template = CommandTemplate::parse(&shell_words::join(kept));
        let template = template.unwrap_or_else(|_| self.base.test.clone());
        let mut command = self.base.fill_listing(&template, files, unused);
        command.arguments.push("--collect-only".to_owned());
        command
    }

    fn listing_command(&self, files: &[String], unused: &str) -> CommandLine {
        let mut command = self.collecting_command(files, unused);
        // A configuration file may change what -q means, so the verbosity is set too.
        let options = ["-q", "--verbosity=-1"].map(str::to_owned);
        command.arguments.extend(options);
        if let Some(filters) = &self.tag_filters {
            let option = ["--tag-filters".to_owned(), filters.clone()];
            command.arguments.extend(option);
        }
        command
    }

    fn loads_plugin(&self, template: &CommandTemplate) -> bool {
        self.plugin.is_some() && plugin::is_loadable(template.words(), &self.base.execution_env)
    }

    fn fill_tests(&self, template: &CommandTemplate, tests: &[String]) -> CommandLine {
        let command = self.base.fill_tests(template, tests);
        if self.loads_plugin(template) {
            plugin::with_plugin(command)
        } else {
            command
        }
    }

    /// `path` is the node id relative to the working directory.
    fn example(&self, node_id: &str, path: String) -> Case {
        let (scope, name) = match self.mode {
            Mode::Json => node_id::split_as_collector(node_id),
            Mode::Junit => node_id::split_as_junit(node_id),
        };
        targets::example(TestKey { scope, name, path })
    }
}

impl Runner for Pytest {
    fn base(&self) -> &RunnerBase {
        &self.base
    }

    fn announcement(&self) -> Option<String> {
        let text = match self.mode {
            Mode::Junit => "pytest results are read as JUnit XML.",
            Mode::Json => {
                "pytest results are read from the Python collector's JSON; \
                 the collector uploads them."
            }
        };
        Some(text.to_owned())
    }

    fn own_discovery(&self) -> Result<Option<Vec<String>>> {
        let is_loadable = plugin::is_loadable(self.base.test.words(), &self.base.execution_env);
        let Some(plugin) = self.plugin.as_ref().filter(|_| is_loadable) else {
            return Ok(None);
        };
        let directory = tempfile::tempdir().map_err(RunnerError::Temporary)?;
        let unused = directory.path().join("unused");
        let command = self.collecting_command(&[], &unused.to_string_lossy());
        let files = plugin.list_files(command, &self.base)?;
        Ok(Some(
            files.iter().map(|file| self.base.relative(file)).collect(),
        ))
    }

    fn examples(&self, files: &[String]) -> Result<Vec<Case>> {
        let arguments = self.checked_arguments(&self.base.test, files.to_vec())?;
        let directory = tempfile::tempdir().map_err(RunnerError::Temporary)?;
        let unused = directory.path().join("unused");
        let command = self.listing_command(&arguments, &unused.to_string_lossy());
        let captured = capture(&command, &self.base.execution_env)?;
        if !matches!(captured.exit, Exit::Code(0 | NOTHING_COLLECTED)) {
            return Err(RunnerError::helper(&command, &captured));
        }
        let known = KnownFiles::new(files.iter().map(String::as_str));
        Ok(listed(&String::from_utf8_lossy(&captured.stdout))
            .map(|node_id| self.example(node_id, known.relative(node_id)))
            .collect())
    }

    fn covered_by_directories<'c>(&self, cases: &'c [Case]) -> Vec<&'c str> {
        covered_by_directories(cases.iter().map(target))
    }

    fn upload_format(&self) -> Option<Format> {
        self.mode.upload_format()
    }

    /// A share may consist of files whose tests are all skipped or deselected, a whole suite not.
    fn result_trust(&self, code: i32) -> ResultTrust {
        if code == NOTHING_COLLECTED && self.base.is_one_of_several_nodes() {
            return ResultTrust::Complete;
        }
        self.mode.result_trust(code)
    }

    fn selected_nothing(&self, code: i32, parsed: &ParsedResults) -> bool {
        let is_skipped = |test: &Observed| test.outcome == Outcome::Skipped;
        code == NOTHING_COLLECTED
            && self.base.is_one_of_several_nodes()
            && parsed.tests.iter().all(is_skipped)
    }

    fn has_custom_command(&self) -> bool {
        let defaults = [Mode::Junit, Mode::Json].map(Mode::command);
        !defaults.contains(&self.base.test.text())
    }

    fn unusable_reason(&self, code: i32) -> String {
        Mode::unusable_reason(code)
    }

    /// `--maxfail=0` overrides neither `--stepwise` nor plugins. Only our plugin notices those.
    fn override_fail_fast(&self, command: CommandLine) -> GuardedCommand {
        let guarded = self.base.override_fail_fast(command);
        if plugin::is_loaded_by(&guarded.command) {
            guarded
        } else {
            guarded.with_policy(&StopPolicy::Overridden, StopPolicy::Possible)
        }
    }

    fn prepare_attempt(&self) {
        if let Some(plugin) = &self.plugin {
            plugin.remove_evidence();
        }
    }

    fn add_evidence(&self, parsed: &mut ParsedResults, command: &CommandLine, code: i32) {
        if let Some(plugin) = self
            .plugin
            .as_ref()
            .filter(|_| plugin::is_loaded_by(command))
        {
            plugin.add_evidence(parsed, &self.known.borrow(), code);
        }
    }

    fn read(&self, bytes: &[u8], cases: &[Case]) -> Result<ParsedResults, ParseError> {
        let known = KnownFiles::new(cases.iter().map(target));
        let parsed = self.mode.read(bytes, &known)?;
        *self.known.borrow_mut() = known;
        Ok(parsed)
    }

    /// pytest cuts an argument off at the first bracket to find its file: `[id]/test_a.py` would be
    /// the whole project, or, beside other files, nothing at all.
    fn check_target(&self, target: &str) -> Result<()> {
        let path = target.split_once("::").map_or(target, |(path, _)| path);
        if !path.contains('[') {
            return Ok(());
        }
        Err(RunnerError::UnsupportedName {
            name: target.to_owned(),
            part: "`[`, where pytest cuts off a path",
        })
    }

    fn arguments(&self, _template: &CommandTemplate, targets: Vec<String>) -> Result<Vec<String>> {
        targets::arguments(targets).map(outermost)
    }

    /// Puts the tests into a file if the command line would be too long, and those of one file that
    /// pytest would search for too long.
    fn fill(&self, template: &CommandTemplate, tests: &[String]) -> Result<CommandLine> {
        let selection = Selection::of(tests).filter(|_| self.loads_plugin(template));
        let list = selection.as_ref().map(Selection::write).transpose()?;
        let with_arguments = |arguments: &[String]| {
            let command = self.fill_tests(template, arguments);
            match &list {
                Some(list) => plugin::with_selection(command, list.path()),
                None => command,
            }
        };
        let arguments = selection
            .as_ref()
            .map_or(tests, |selection| &selection.arguments);
        let mut command = with_arguments(arguments);
        let execution_env = &self.base.execution_env;
        if Capacity::of_system(execution_env).parts(&command) > 1
            && argument_file::is_supported(template.words(), arguments, execution_env)
        {
            let file = argument_file::write(arguments)?;
            command = with_arguments(&[format!("@{}", file.path().display())]);
            self.argument_files.borrow_mut().push(file);
        }
        self.argument_files.borrow_mut().extend(list);
        Ok(command)
    }

    fn retry_targets(&self, failed: &[TestKey], cases: &[Case]) -> Option<Vec<String>> {
        let known = KnownFiles::new(cases.iter().map(target));
        Some(sorted(failed.iter().map(|key| known.relative(&key.path))))
    }
}

/// The node ids that pytest lists, in lines up to the first blank line after them.
fn listed(output: &str) -> impl Iterator<Item = &str> {
    output
        .lines()
        .skip_while(|line| !line.contains("::"))
        .take_while(|line| !line.trim().is_empty())
        .filter(|line| line.contains("::"))
}

#[cfg(test)]
mod tests;
