//! Checks of the project on this machine: the runner's program, its tests and the result path.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::checks::Check;
use crate::commands::targets::Targets;
use crate::headline;
use crate::process::{self, CommandLine};
use crate::runners::{Runner, program_index};
use crate::settings::RunnerChoice;

/// The program that a command has to name so that `--version` is its own.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("cucumber", &["cucumber", "cucumber-js"]),
    ("cypress", &["cypress"]),
    ("gotest", &["gotestsum"]),
    ("jest", &["jest"]),
    ("playwright", &["playwright"]),
    ("pytest", &["pytest", "py.test"]),
    ("pytest-pants", &["pants"]),
    ("rspec", &["rspec"]),
    ("vitest", &["vitest"]),
];
/// A launcher may have to unpack the runner first.
const VERSION_TIMEOUT: Duration = Duration::from_mins(1);

/// The runner can be started, and says its version.
pub(super) fn program(runner: &dyn Runner) -> Check {
    const NAME: &str = "runner";
    const FIX: &str = "install the runner in this environment, or set \
                       BUILDKITE_TEST_ENGINE_TEST_CMD to the command that starts it";
    let name = runner.definition().name;
    let command = match shell_words::split(runner.base().test_command()) {
        Ok(words) if !words.is_empty() => words,
        _ => return Check::skipped(NAME, format!("{name}: the test command has no program")),
    };
    let own = PROGRAMS.iter().find(|(runner, _)| *runner == name);
    let index = own.and_then(|(_, programs)| program_index(&command, programs));
    let Some(index) = index else {
        let program = &command[0];
        return if found(program, runner) {
            Check::ok(NAME, format!("{name}: {program} is installed"))
        } else {
            Check::failed(NAME, format!("{name}: {program} was not found"), FIX)
        };
    };
    let mut words: Vec<String> = command[..=index].to_vec();
    if words[0] == "npx" {
        // Otherwise it downloads what is missing.
        words.insert(1, "--no-install".to_owned());
    }
    words.push("--version".to_owned());
    let version = CommandLine::new(words.remove(0), words);
    match process::capture_within(VERSION_TIMEOUT, &version, runner.execution_env()) {
        Ok(ended) if ended.exit.is_success() => {
            let text = ended.text();
            let line = text.lines().map(str::trim).find(|line| !line.is_empty());
            Check::ok(NAME, format!("{name}: {}", line.unwrap_or("no version")))
        }
        Ok(ended) => {
            let reason = headline::reason(&ended.text());
            let message = format!("{name}: {version} ended with {}: {reason}", ended.exit);
            Check::failed(NAME, message, FIX)
        }
        Err(error) => Check::failed(NAME, format!("{name}: {error}"), FIX),
    }
}

/// Whether a program is in `PATH`, or is the file that it names.
fn found(program: &str, runner: &dyn Runner) -> bool {
    let environment = runner.execution_env();
    if program.contains('/') {
        return environment.directory.join(program).is_file();
    }
    let path = environment.variable("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// There are tests.
pub(super) fn tests(targets: &Targets<'_>, choice: &RunnerChoice) -> Check {
    const NAME: &str = "tests";
    if choice.definition.chooses_tests {
        return Check::skipped(NAME, "the runner chooses its tests itself");
    }
    match targets.get() {
        Ok([]) => Check::failed(NAME, "there are no tests", "check --test-file-pattern"),
        Ok(found) => {
            let noun = choice.definition.target_noun;
            Check::ok(
                NAME,
                format!("{} {noun}s, such as {}", found.len(), found[0]),
            )
        }
        Err(error) => Check::failed(
            NAME,
            error.to_string(),
            "check the working directory and BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN",
        ),
    }
}

/// The runner can write its results where they are read.
pub(super) fn result_path(runner: &dyn Runner) -> Check {
    const NAME: &str = "result path";
    let Some(path) = runner.result_path() else {
        return Check::skipped(NAME, "this runner writes no results that bktec reads");
    };
    let path = runner.execution_env().directory.join(path);
    match writable(&path) {
        Ok(()) => Check::ok(NAME, format!("{} can be written", path.display())),
        Err(error) => Check::failed(
            NAME,
            format!("{} cannot be written: {error}", path.display()),
            "set BUILDKITE_TEST_ENGINE_RESULT_PATH to a file in a directory that this user may \
             write to",
        ),
    }
}

/// In the results of an earlier run, each test has its own scope and name.
pub(super) fn identities(runner: &dyn Runner) -> Check {
    const NAME: &str = "identities";
    let path = runner
        .result_path()
        .map(|path| runner.execution_env().directory.join(path));
    let Some(bytes) = path.and_then(|path| fs_err::read(path).ok()) else {
        return Check::skipped(NAME, "there are no results of an earlier run");
    };
    let tests = match runner.read(&bytes, &[]) {
        Ok(parsed) => parsed.tests,
        Err(error) => {
            let message = format!("the results of an earlier run cannot be read: {error}");
            return Check::skipped(NAME, message);
        }
    };
    let mut paths: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut shared: BTreeSet<(&str, &str)> = BTreeSet::new();
    for test in &tests {
        let name = (test.key.scope.as_str(), test.key.name.as_str());
        if *paths.entry(name).or_insert(&test.key.path) != test.key.path {
            shared.insert(name);
        }
    }
    let Some((scope, name)) = shared.first() else {
        return Check::ok(NAME, format!("{} tests have their own names", paths.len()));
    };
    Check::warning(
        NAME,
        format!(
            "{} names belong to tests of several files, such as \"{scope} {name}\"",
            shared.len()
        ),
        "give these tests different names or groups: muting or skipping one affects all of them",
    )
}

/// Leaves nothing behind.
fn writable(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    if path.exists() {
        return fs_err::OpenOptions::new().append(true).open(path).map(drop);
    }
    let parents = path.ancestors().skip(1).map(Path::to_owned);
    let parent: PathBuf = parents
        .into_iter()
        .find(|parent| parent.exists())
        .unwrap_or_default();
    tempfile::tempfile_in(parent).map(drop)
}
