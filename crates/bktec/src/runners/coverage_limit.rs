//! Coverage limits that a part of the tests cannot reach: a retry measures only the retried tests,
//! a node only its share. The runner then exits with a failure that no test explains.
//!
//! The output of the runner is not read, so the limit is looked for where tools look for it: on the
//! command line and in configuration files.

use std::io::Read as _;
use std::path::Path;

use super::RunnerBase;
use crate::command_template::CommandTemplate;

/// In errors that a limit may have caused.
pub const COVERAGE_LIMIT: &str = "a coverage limit";

/// Configuration files are much smaller.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Which tests the coverage is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Retry,
    Node,
}

struct Limit {
    runners: &'static [&'static str],
    /// The text that sets the limit.
    mark: &'static str,
    files: &'static [&'static str],
    /// Turns it off in a command.
    off: &'static str,
}

const PYTEST: &[&str] = &["pytest", "pytest-pants"];
const PYTEST_FILES: &[&str] = &[
    "pyproject.toml",
    "pytest.ini",
    ".pytest.ini",
    "setup.cfg",
    "tox.ini",
];

const LIMITS: &[Limit] = &[
    Limit {
        runners: PYTEST,
        mark: "--cov-fail-under",
        files: PYTEST_FILES,
        off: "--cov-fail-under=0",
    },
    Limit {
        runners: PYTEST,
        mark: "fail_under",
        files: &[".coveragerc", "pyproject.toml", "setup.cfg", "tox.ini"],
        off: "--cov-fail-under=0",
    },
    Limit {
        runners: &["jest"],
        mark: "coverageThreshold",
        files: &[
            "package.json",
            "jest.config.js",
            "jest.config.ts",
            "jest.config.mjs",
            "jest.config.cjs",
            "jest.config.json",
        ],
        off: "--coverage=false",
    },
    Limit {
        runners: &["vitest"],
        mark: "thresholds",
        files: &[
            "vitest.config.js",
            "vitest.config.ts",
            "vitest.config.mjs",
            "vitest.config.mts",
            "vite.config.js",
            "vite.config.ts",
            "vite.config.mjs",
            "vite.config.mts",
        ],
        off: "--coverage.enabled=false",
    },
    Limit {
        runners: &["rspec", "cucumber"],
        mark: "minimum_coverage",
        files: &[
            ".simplecov",
            "spec/spec_helper.rb",
            "spec/rails_helper.rb",
            "features/support/env.rb",
        ],
        off: "a variable that the SimpleCov configuration checks",
    },
    Limit {
        runners: &[
            "cucumber",
            "custom",
            "cypress",
            "jest",
            "playwright",
            "vitest",
        ],
        mark: "check-coverage",
        files: &[
            ".nycrc",
            ".nycrc.json",
            ".c8rc",
            ".c8rc.json",
            "package.json",
        ],
        off: "--check-coverage=false",
    },
];

/// A hint about the limit that the project sets; `None` if none is found.
pub fn find(base: &RunnerBase, scope: Scope) -> Option<String> {
    let (command, tests, name) = match scope {
        Scope::Retry => (&base.retry, "the retried tests", "the retry command"),
        Scope::Node => (&base.test, "the tests of this node", "the test command"),
    };
    let runner = base.definition.name;
    let mut limits = LIMITS.iter();
    let (place, limit) = limits.find_map(|limit| {
        if !limit.runners.contains(&runner) || command.contains(limit.off) {
            return None;
        }
        let place = place_of(limit, command, name, &base.execution_env.directory)?;
        Some((place, limit))
    })?;
    Some(format!(
        "{place} sets a coverage limit ({}), which saw only {tests}; turn it off in {name} with \
         {}, and check the combined coverage of all nodes in a later step",
        limit.mark, limit.off
    ))
}

/// Where the limit is set.
fn place_of<'a>(
    limit: &Limit,
    command: &CommandTemplate,
    name: &'a str,
    directory: &Path,
) -> Option<&'a str> {
    if command.contains(limit.mark) {
        return Some(name);
    }
    let mut files = limit.files.iter();
    let file = files.find(|file| sets(&directory.join(file), limit.mark));
    file.copied()
}

/// Whether the file has the text outside of a comment line.
fn sets(path: &Path, mark: &str) -> bool {
    let Ok(file) = fs_err::File::open(path) else {
        return false;
    };
    let mut text = Vec::new();
    let read = file.take(MAX_FILE_BYTES).read_to_end(&mut text);
    let is_comment = |line: &str| ["#", "//", ";"].iter().any(|start| line.starts_with(start));
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().map(str::trim);
    read.is_ok() && lines.any(|line| !is_comment(line) && line.contains(mark))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::runners::testing::settings;
    use crate::runners::{RUNNERS, RunnerSettings};

    fn found(runner: &str, command: &str, file: &str, text: &str) -> Option<String> {
        let directory = tempfile::tempdir().unwrap();
        if !file.is_empty() {
            let path = directory.path().join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let settings = RunnerSettings {
            working_directory: directory.path().to_owned(),
            ..settings(Some(command), Some("result"))
        };
        let definition = RUNNERS.iter().find(|known| known.name == runner).unwrap();
        find(
            &RunnerBase::new(definition, settings).unwrap(),
            Scope::Retry,
        )
    }

    const PYTEST_COMMAND: &str = "pytest {{testExamples}} --junit-xml={{resultPath}}";

    #[rstest]
    #[case::pytest_command(
        "pytest",
        "pytest --cov-fail-under=80 {{testExamples}}",
        "",
        "",
        "the retry command"
    )]
    #[case::pytest_options(
        "pytest",
        PYTEST_COMMAND,
        "pytest.ini",
        "[pytest]\naddopts = --cov --cov-fail-under=80\n",
        "pytest.ini"
    )]
    #[case::coverage_py(
        "pytest",
        PYTEST_COMMAND,
        ".coveragerc",
        "[report]\nfail_under = 80\n",
        ".coveragerc"
    )]
    #[case::pyproject(
        "pytest",
        PYTEST_COMMAND,
        "pyproject.toml",
        "[tool.coverage.report]\nfail_under = 80\n",
        "pyproject.toml"
    )]
    #[case::jest(
        "jest",
        "jest {{testExamples}}",
        "jest.config.js",
        "module.exports = {coverageThreshold: {global: {lines: 80}}};",
        "jest.config.js"
    )]
    #[case::vitest(
        "vitest",
        "vitest run {{testExamples}}",
        "vite.config.ts",
        "test: {coverage: {thresholds: {lines: 80}}}",
        "vite.config.ts"
    )]
    #[case::rspec(
        "rspec",
        "rspec {{testExamples}}",
        "spec/spec_helper.rb",
        "SimpleCov.start { minimum_coverage 80 }",
        "spec/spec_helper.rb"
    )]
    #[case::nyc(
        "custom",
        "nyc --check-coverage mocha {{testExamples}}",
        "",
        "",
        "the retry command"
    )]
    fn finds_where_the_limit_is_set(
        #[case] runner: &str,
        #[case] command: &str,
        #[case] file: &str,
        #[case] text: &str,
        #[case] place: &str,
    ) {
        let hint = found(runner, command, file, text).unwrap();
        assert!(
            hint.starts_with(&format!("{place} sets a coverage limit (")),
            "{hint}"
        );
        assert!(hint.contains("saw only the retried tests"), "{hint}");
    }

    #[rstest]
    #[case::none("pytest", PYTEST_COMMAND, "pytest.ini", "[pytest]\n")]
    #[case::comment(
        "pytest",
        PYTEST_COMMAND,
        ".coveragerc",
        "[report]\n# fail_under = 80\n"
    )]
    #[case::other_runner("rspec", "rspec {{testExamples}}", ".coveragerc", "fail_under = 80\n")]
    #[case::off(
        "pytest",
        "pytest --cov-fail-under=0 {{testExamples}}",
        ".coveragerc",
        "[report]\nfail_under = 80\n"
    )]
    fn finds_nothing_without_a_limit(
        #[case] runner: &str,
        #[case] command: &str,
        #[case] file: &str,
        #[case] text: &str,
    ) {
        assert_eq!(found(runner, command, file, text), None);
    }
}
