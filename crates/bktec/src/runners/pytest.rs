//! pytest, in two modes: with its own JUnit XML, or with the Test Engine collector's JSON.
//!
//! The command decides the mode; without a command, whether the collector is installed. A test is
//! named by its node id. See `pytest/node_id.rs` for how that is found in JUnit XML, which has
//! none, `pytest/collector.rs` for how the collector is looked for, and `pytest/argument_file.rs`
//! for command lines that are too long.

mod argument_file;
mod collector;
mod node_id;

use std::cell::RefCell;
use std::path::Path;

use test_engine_results::{Detail, Format, Outcome, ParseError, TestResult, parse_with};
use test_engine_wire::Case;

use self::collector::Collector;
use self::node_id::KnownFiles;
use super::fail_fast::Options;
use super::paths::{covered_by_directories, outermost};
use super::setup::Setup;
use super::{
    Definition, Features, ParsedResults, ResultTrust, Runner, RunnerError, RunnerSettings, TestKey,
    targets,
};
use crate::command_template::{CommandTemplate, TEST_EXAMPLES};
use crate::process::{Capacity, CommandLine, ExecutionEnv, Exit, capture};

const JSON_COMMAND: &str = "pytest {{testExamples}} --json={{resultPath}}";
const JUNIT_COMMAND: &str = "pytest {{testExamples}} --junit-xml={{resultPath}}";

/// The exit code for a run that was interrupted, by collection errors among other things.
const INTERRUPTED: i32 = 2;
/// The exit code when there was nothing to run.
const NOTHING_COLLECTED: i32 = 5;

/// How pytest is told to stop at failed tests.
pub(super) const FAIL_FAST: Options = Options {
    letter: Some(('x', "vqsl")),
    variable: Some("PYTEST_ADDOPTS"),
    files: &[
        ("pytest.ini", Some("addopts")),
        (".pytest.ini", Some("addopts")),
        ("pyproject.toml", Some("addopts")),
        ("tox.ini", Some("addopts")),
        ("setup.cfg", Some("addopts")),
    ],
    ..Options::of_command(&["--exitfirst", "--maxfail", "--stepwise", "--sw"])
};

/// What is known of pytest.
pub(super) static DEFINITION: Definition = Definition {
    features: Features {
        split_by_example: true,
        filter_by_pattern: true,
        filter_by_tag: true,
        retry: true,
        mute: true,
        skip: true,
    },
    remark: Some(
        "with the Python collector installed the default command writes its JSON, and the \
         collector uploads the results itself; without it, JUnit XML. Filtering by tag needs the \
         collector.",
    ),
    test_command: Some(JSON_COMMAND),
    file_pattern: Some("**/{*_test,test_*}.py"),
    requires_result_path: false,
    fail_fast: FAIL_FAST,
    upload_formats: &[Format::Junit],
    ..Definition::blank("pytest", build)
};

/// What the result file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// pytest's own JUnit XML.
    Junit,
    /// The collector's JSON.
    Json,
}

impl Mode {
    pub(super) fn upload_format(self) -> Option<Format> {
        (self == Self::Junit).then_some(Format::Junit)
    }

    pub(super) fn result_trust(self, code: i32) -> ResultTrust {
        match (code, self) {
            (0 | 1, _) => ResultTrust::Complete,
            (INTERRUPTED, Self::Json) => ResultTrust::Partial,
            _ => ResultTrust::Unusable,
        }
    }
}

pub(super) struct Pytest {
    setup: Setup,
    mode: Mode,
    tag_filters: Option<String>,
    /// Arguments that are too many for a command line, as long as the commands may be run.
    argument_files: RefCell<Vec<tempfile::NamedTempFile>>,
    /// Holds the result file when the user has no place for it.
    _folder: Option<tempfile::TempDir>,
}

fn build(mut settings: RunnerSettings) -> Result<Box<dyn Runner>, RunnerError> {
    let execution_env = ExecutionEnv {
        directory: settings.working_directory.clone(),
        environment: settings.environment.clone(),
    };
    let given = settings
        .test_command
        .as_deref()
        .map(CommandTemplate::parse)
        .transpose()?;
    let words = given
        .as_ref()
        .map(CommandTemplate::words)
        .unwrap_or_default();
    let wanted = mode_of(words);
    let needs_collector = wanted == Some(Mode::Json) || settings.tag_filters.is_some();
    let mut found = None;
    let mut look = || {
        found
            .get_or_insert_with(|| Collector::look(words, &execution_env))
            .clone()
    };
    if needs_collector {
        let what = if wanted == Some(Mode::Json) {
            "--json"
        } else {
            "filtering by tag"
        };
        look().require(what)?;
    }
    if settings.tag_filters.is_some() {
        look().require_tag_filters()?;
    }
    let by_path = given
        .as_ref()
        .and(settings.result_path.as_deref())
        .and_then(mode_of_path);
    let mode = wanted.or(by_path).unwrap_or_else(|| {
        if look().is_installed() {
            Mode::Json
        } else {
            Mode::Junit
        }
    });
    if given.is_none() {
        let command = if mode == Mode::Json {
            JSON_COMMAND
        } else {
            JUNIT_COMMAND
        };
        settings.test_command = Some(command.to_owned());
    }
    let name = if mode == Mode::Json {
        "result.json"
    } else {
        "result.xml"
    };
    let folder = place_for_results(&mut settings.result_path, name)?;
    let tag_filters = settings.tag_filters.take();
    let setup = Setup::new(&DEFINITION, settings)?;
    Ok(Box::new(Pytest {
        setup,
        mode,
        tag_filters,
        argument_files: RefCell::default(),
        _folder: folder,
    }))
}

/// A fresh folder for results that have no place yet. It goes away with what is returned.
pub(super) fn place_for_results(
    result_path: &mut Option<String>,
    name: &str,
) -> Result<Option<tempfile::TempDir>, RunnerError> {
    if result_path.is_some() {
        return Ok(None);
    }
    let folder = tempfile::Builder::new()
        .prefix("bktec-pytest-")
        .tempdir()
        .map_err(RunnerError::Temporary)?;
    *result_path = Some(folder.path().join(name).to_string_lossy().into_owned());
    Ok(Some(folder))
}

/// What a command's own options say.
pub(super) fn mode_of(words: &[String]) -> Option<Mode> {
    words.iter().find_map(|word| {
        if is_option(word, "--junit-xml") || is_option(word, "--junitxml") {
            Some(Mode::Junit)
        } else if is_option(word, "--json") {
            Some(Mode::Json)
        } else {
            None
        }
    })
}

/// What a result path says about a command that has the options elsewhere, such as in
/// `pyproject.toml`.
fn mode_of_path(path: &str) -> Option<Mode> {
    match Path::new(path).extension()?.to_str()? {
        "xml" => Some(Mode::Junit),
        "json" => Some(Mode::Json),
        _ => None,
    }
}

fn is_option(word: &str, name: &str) -> bool {
    word.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

impl Pytest {
    /// The test command, made to list tests instead of running them. Its other options stay: they
    /// decide what is collected.
    fn listing_command(&self, files: &[String], unused: &str) -> CommandLine {
        let words = self.setup.test.words();
        let mut kept = Vec::new();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if mode_of(std::slice::from_ref(word)).is_some() {
                if !word.contains('=') {
                    rest.next();
                }
            } else if word != "--merge-json" {
                kept.push(word.as_str());
            }
        }
        // A script around pytest need not know the options for listing.
        let known = collector::pytest_word(words).is_some();
        let kept = if known {
            kept
        } else {
            vec!["pytest", TEST_EXAMPLES]
        };
        let text = shell_words::join(kept);
        let template = CommandTemplate::parse(&text).unwrap_or_else(|_| self.setup.test.clone());
        // The verbosity is set outright: options in a configuration file change what -q means.
        let mut command = self.setup.fill_listing(&template, files, unused);
        command
            .arguments
            .extend(["--collect-only", "-q", "--verbosity=-1"].map(str::to_owned));
        if let Some(filters) = &self.tag_filters {
            command
                .arguments
                .extend(["--tag-filters".to_owned(), filters.clone()]);
        }
        command
    }

    /// The command for these tests, which stand in a file if they are too many.
    fn fill(
        &self,
        template: &CommandTemplate,
        tests: &[String],
    ) -> Result<CommandLine, RunnerError> {
        let command = self.setup.fill_tests(template, tests);
        let execution_env = &self.setup.execution_env;
        if Capacity::of_system(execution_env).parts(&command) < 2
            || !argument_file::is_possible(template.words(), tests, execution_env)
        {
            return Ok(command);
        }
        let file = argument_file::write(tests)?;
        let argument = format!("@{}", file.path().display());
        self.argument_files.borrow_mut().push(file);
        Ok(self.setup.fill_tests(template, &[argument]))
    }

    /// `path` leads to the test from here; its names are those of its results.
    fn example(&self, node_id: &str, path: String) -> Case {
        let (scope, name) = match self.mode {
            Mode::Json => node_id::split_as_collector(node_id),
            Mode::Junit => node_id::split_as_junit(node_id),
        };
        targets::example(TestKey { scope, name, path })
    }
}

impl Runner for Pytest {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn execution_env(&self) -> &ExecutionEnv {
        &self.setup.execution_env
    }

    fn announcement(&self) -> Option<String> {
        Some(match self.mode {
            Mode::Junit => "pytest results are read as JUnit XML.".to_owned(),
            Mode::Json => {
                "pytest results are read from the Python collector's JSON; the collector uploads them."
                    .to_owned()
            }
        })
    }

    fn discover(&self, on_warning: &mut dyn FnMut(String)) -> Result<Vec<String>, RunnerError> {
        let files = self.setup.discover(on_warning)?;
        // Before a plan is asked for that could not be run.
        files.iter().try_for_each(|file| check(file))?;
        Ok(files)
    }

    fn examples(&self, files: &[String]) -> Result<Vec<Case>, RunnerError> {
        let arguments = arguments(files.iter().map(String::as_str))?;
        let folder = tempfile::tempdir().map_err(RunnerError::Temporary)?;
        let unused = folder.path().join("unused");
        let command = self.listing_command(&arguments, &unused.to_string_lossy());
        let captured = capture(&command, &self.setup.execution_env)?;
        if !matches!(captured.exit, Exit::Code(0 | NOTHING_COLLECTED)) {
            return Err(RunnerError::Helper {
                command: Box::new(command),
                exit: captured.exit,
                output: captured.text(),
            });
        }
        let known = KnownFiles::new(files.iter().map(String::as_str));
        Ok(listed(&String::from_utf8_lossy(&captured.stdout))
            .map(|node_id| self.example(node_id, known.seen_from_here(node_id)))
            .collect())
    }

    fn command(&self, cases: &[Case]) -> Result<CommandLine, RunnerError> {
        let arguments = arguments(cases.iter().map(targets::target))?;
        self.fill(&self.setup.test, &arguments)
    }

    fn retry_command(
        &self,
        failed: &[TestKey],
        cases: &[Case],
    ) -> Result<Option<CommandLine>, RunnerError> {
        let known = KnownFiles::new(cases.iter().map(targets::target));
        let node_ids: Vec<String> = failed
            .iter()
            .map(|key| known.seen_from_here(&key.path))
            .collect();
        let node_ids = arguments(node_ids.iter().map(String::as_str))?;
        self.fill(&self.setup.retry, &targets::sorted_once(node_ids))
            .map(Some)
    }

    fn covered_by_directories<'c>(&self, cases: &'c [Case]) -> Vec<&'c str> {
        covered_by_directories(cases.iter().map(targets::target))
    }

    fn result_path(&self) -> Option<&Path> {
        self.setup.result_path.as_deref()
    }

    fn upload_format(&self) -> Option<Format> {
        self.mode.upload_format()
    }

    fn result_trust(&self, code: i32) -> ResultTrust {
        self.mode.result_trust(code)
    }

    fn read(&self, bytes: &[u8], cases: &[Case]) -> Result<ParsedResults, ParseError> {
        Ok(self.setup.noted(read(self.mode, bytes, cases)?))
    }
}

fn arguments<'t>(targets: impl Iterator<Item = &'t str>) -> Result<Vec<String>, RunnerError> {
    let arguments: Result<_, _> = targets
        .map(|target| {
            check(target)?;
            targets::argument(target)
        })
        .collect();
    arguments.map(outermost)
}

/// Refuses a path that pytest would take for another one. It cuts every argument off at the first
/// bracket when it looks for the file, so `[id]/test_a.py` is the whole project to it, and beside
/// other files it is nothing at all.
fn check(target: &str) -> Result<(), RunnerError> {
    let path = target.split_once("::").map_or(target, |(path, _)| path);
    if !path.contains('[') {
        return Ok(());
    }
    Err(RunnerError::BadName {
        name: target.to_owned(),
        character: "`[` where pytest cuts a path off",
    })
}

/// Reads the results of a run that was given `cases`.
pub(super) fn read(mode: Mode, bytes: &[u8], cases: &[Case]) -> Result<ParsedResults, ParseError> {
    let format = if mode == Mode::Json {
        Format::Json
    } else {
        Format::Junit
    };
    let report = parse_with(format, bytes, Detail::Outcomes)?;
    let known = KnownFiles::new(cases.iter().map(targets::target));
    let mut reading = ParsedResults::of(report, |result| key_of(mode, result, &known));
    // A file that could not be collected stands among the tests, without a class or test in it.
    let uncollected = reading.tests.extract_if(.., |test| {
        test.outcome == Outcome::Failed
            && test.key.scope.is_empty()
            && !test.key.name.contains("::")
    });
    let errors: Vec<_> = uncollected
        .map(|test| format!("pytest could not collect {}", test.key.name))
        .filter(|error| {
            !reading
                .errors_outside_tests
                .iter()
                .any(|told| told.starts_with(error))
        })
        .collect();
    reading.errors_outside_tests.extend(errors);
    Ok(reading)
}

fn key_of(mode: Mode, result: TestResult<'_>, files: &KnownFiles) -> TestKey {
    let path = match mode {
        Mode::Json if result.scope.is_empty() => result.name.clone().into_owned(),
        Mode::Json => format!("{}::{}", result.scope, result.name),
        Mode::Junit => node_id::from_junit(
            &result.scope,
            &result.name,
            result.file_name.as_deref(),
            files,
        ),
    };
    TestKey {
        scope: result.scope.into_owned(),
        name: result.name.into_owned(),
        path,
    }
}

/// The node ids in what pytest lists: the lines up to the first blank one that follows them.
fn listed(output: &str) -> impl Iterator<Item = &str> {
    output
        .lines()
        .skip_while(|line| !line.contains("::"))
        .take_while(|line| !line.trim().is_empty())
        .filter(|line| line.contains("::"))
}

#[cfg(test)]
mod tests;
