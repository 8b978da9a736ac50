//! Queries the Python that the pytest of a command runs in: versions, and whether the Test Engine
//! collector is installed.

use crate::process::{CommandLine, ExecutionEnv, capture};
use crate::runners::launcher::base_name;
use crate::runners::{Result, RunnerError};

/// Prints nothing if the package is not installed, else its version or `unknown`. Asks the finders
/// themselves, because importing `importlib.util` takes half as long as Python's start.
const PRINT_COLLECTOR_VERSION: &str = "\
import sys
name = 'buildkite_test_collector'
finders = [finder for finder in sys.meta_path if hasattr(finder, 'find_spec')]
if any(finder.find_spec(name, None) for finder in finders):
    version = 'unknown'
    try:
        from importlib.metadata import version as version_of
        version = version_of('buildkite-test-collector')
    except Exception:
        pass
    print(version)
";

/// Later versions can filter by tag.
const LAST_WITHOUT_TAG_FILTERS: &[u64] = &[1, 2, 0];

const INSTALL: &str =
    "run `pip install buildkite-test-collector` in the environment that pytest runs in";

/// Programs that run others in the environment of a project.
const ENVIRONMENT_RUNNERS: [&str; 6] = ["uv", "poetry", "pipenv", "pdm", "hatch", "rye"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Collector {
    /// `None` if it is not installed.
    version: Option<String>,
}

impl Collector {
    pub(super) fn find(command: &[String], execution_env: &ExecutionEnv) -> Self {
        let version = run(PRINT_COLLECTOR_VERSION, command, execution_env);
        Self {
            version: version.filter(|version| !version.is_empty()),
        }
    }

    pub(super) fn is_installed(&self) -> bool {
        self.version.is_some()
    }

    /// Fails if it is not installed; `feature` needs it.
    pub(super) fn require(&self, feature: &str) -> Result<()> {
        if self.is_installed() {
            return Ok(());
        }
        Err(RunnerError::MissingPackage {
            problem: format!(
                "{feature} needs the Python package buildkite-test-collector, which is not \
                 installed"
            ),
            hint: if feature == "--json" {
                format!("{INSTALL}, or use --junit-xml={{{{resultPath}}}} instead of --json")
            } else {
                INSTALL.to_owned()
            },
        })
    }

    /// Accepts an unknown version.
    pub(super) fn require_tag_filters(&self) -> Result<()> {
        let Some(version) = self.version.as_deref() else {
            return self.require("filtering by tag");
        };
        if version_numbers(version).is_none_or(|numbers| *numbers > *LAST_WITHOUT_TAG_FILTERS) {
            return Ok(());
        }
        Err(RunnerError::MissingPackage {
            problem: format!(
                "the Python package buildkite-test-collector {version} cannot filter by tag, a \
                 version later than 1.2.0 is required"
            ),
            hint: "run `pip install --upgrade buildkite-test-collector`".to_owned(),
        })
    }
}

/// The leading numbers of a version; `None` if it does not start with a number.
pub(super) fn version_numbers(version: &str) -> Option<Vec<u64>> {
    let parts = version.split('.');
    let numbers: Vec<u64> = parts.map_while(|part| part.parse().ok()).collect();
    (!numbers.is_empty()).then_some(numbers)
}

/// Runs a script with the Python of a command, and returns the last line that it prints; empty if
/// it prints nothing. `None` if no Python could run it.
pub(super) fn run(
    script: &str,
    command: &[String],
    execution_env: &ExecutionEnv,
) -> Option<String> {
    for mut python in pythons(command) {
        let program = python.remove(0);
        python.extend(["-c".to_owned(), script.to_owned()]);
        if let Ok(captured) = capture(&CommandLine::new(program, python), execution_env)
            && captured.exit.is_success()
        {
            let output = String::from_utf8_lossy(&captured.stdout);
            // A wrapper may print other lines first.
            let last = output
                .lines()
                .rev()
                .map(str::trim)
                .find(|line| !line.is_empty());
            return Some(last.unwrap_or_default().to_owned());
        }
    }
    None
}

pub(super) fn pytest_word(words: &[String]) -> Option<usize> {
    words
        .iter()
        .position(|word| matches!(base_name(word), "pytest" | "py.test"))
}

/// Commands that may start the Python of the command's pytest, most specific first.
fn pythons(words: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    if let Some(at) = pytest_word(words) {
        let (before, pytest) = (&words[..at], &words[at]);
        if let Some((directory, _)) = pytest.rsplit_once('/') {
            found.push(vec![format!("{directory}/python")]);
        } else if let [python @ .., module] = before
            && module == "-m"
            && python.iter().any(|word| is_python(word))
        {
            found.push(python.to_vec());
        } else if let [program, .., run] = before
            && run == "run"
            && ENVIRONMENT_RUNNERS.contains(&base_name(program))
        {
            let mut python = before.to_vec();
            python.push("python".to_owned());
            found.push(python);
        }
    }
    found.push(vec!["python".to_owned()]);
    found.push(vec!["python3".to_owned()]);
    found
}

pub(super) fn is_python(word: &str) -> bool {
    let name = base_name(word);
    name.starts_with("python") || name.starts_with("pypy")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("pytest x", "python")]
    #[case(".venv/bin/pytest x", ".venv/bin/python")]
    #[case("python3.12 -X dev -m pytest x", "python3.12 -X dev")]
    #[case("uv run pytest x", "uv run python")]
    #[case("poetry run pytest", "poetry run python")]
    #[case("coverage run -m pytest x", "python")]
    #[case("make test", "python")]
    fn python_is_derived_from_the_command(#[case] command: &str, #[case] expected: &str) {
        let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        assert_eq!(pythons(&words)[0].join(" "), expected);
    }

    #[rstest]
    #[case("1.2.0", false)]
    #[case("1.1.9", false)]
    #[case("0.9", false)]
    #[case("1.2", false)]
    #[case("1.2.1", true)]
    #[case("1.2.0.1", true)]
    #[case("1.10.0", true)]
    #[case("2.0", true)]
    #[case("unknown", true)]
    fn tag_filters_need_a_new_enough_collector(#[case] version: &str, #[case] enough: bool) {
        let collector = Collector {
            version: Some(version.to_owned()),
        };
        assert_eq!(collector.require_tag_filters().is_ok(), enough);
    }

    #[test]
    fn a_missing_collector_has_a_hint() {
        let error = Collector { version: None }
            .require("--json")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("pip install buildkite-test-collector"),
            "{error}"
        );
        assert!(error.contains("--junit-xml={{resultPath}}"), "{error}");
    }
}
