//! Looks for the Python collector in the Python that the test command uses.
//!
//! Knows no results; it answers whether the collector is there, and which version.

use crate::process::{CommandLine, ExecutionEnv, capture};
use crate::runners::RunnerError;

/// Prints nothing when the package is not there, else its version or `unknown`.
const QUESTION: &str = "\
from importlib.util import find_spec
if find_spec('buildkite_test_collector') is not None:
    version = 'unknown'
    try:
        from importlib.metadata import version as version_of
        version = version_of('buildkite-test-collector')
    except Exception:
        pass
    print(version)
";

/// Filtering by tag came after this version.
const LAST_WITHOUT_TAG_FILTERS: [u64; 3] = [1, 2, 0];

const INSTALL: &str = "install it with `pip install buildkite-test-collector`, in the environment that pytest runs in";

/// Programs that run others in a project's own environment.
const ENVIRONMENT_RUNNERS: [&str; 6] = ["uv", "poetry", "pipenv", "pdm", "hatch", "rye"];

/// The collector, as far as it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Collector {
    version: Option<String>,
}

impl Collector {
    /// Asks the first Python there is. No Python at all is no collector.
    pub(super) fn look(command: &[String], execution_env: &ExecutionEnv) -> Self {
        Self {
            version: ask(QUESTION, command, execution_env).filter(|version| !version.is_empty()),
        }
    }

    pub(super) fn is_installed(&self) -> bool {
        self.version.is_some()
    }

    /// `what` needs it.
    pub(super) fn require(&self, what: &str) -> Result<(), RunnerError> {
        if self.is_installed() {
            return Ok(());
        }
        Err(RunnerError::Missing {
            what: format!(
                "the Python package buildkite-test-collector is not installed, and {what} needs it"
            ),
            remedy: if what == "--json" {
                format!("{INSTALL}, or use --junit-xml={{{{resultPath}}}} instead of --json")
            } else {
                INSTALL.to_owned()
            },
        })
    }

    /// An unknown version is taken for a new one.
    pub(super) fn require_tag_filters(&self) -> Result<(), RunnerError> {
        let Some(version) = self.version.as_deref() else {
            return self.require("filtering by tag");
        };
        let numbers: Vec<u64> = version
            .split('.')
            .map_while(|part| part.parse().ok())
            .collect();
        if numbers.is_empty() || numbers.as_slice() > LAST_WITHOUT_TAG_FILTERS.as_slice() {
            return Ok(());
        }
        Err(RunnerError::Missing {
            what: format!(
                "the Python package buildkite-test-collector {version} cannot filter by tag; that came after 1.2.0"
            ),
            remedy: "update it with `pip install --upgrade buildkite-test-collector`".to_owned(),
        })
    }
}

/// The last line that the Python of a command prints for a question, empty if it prints none.
/// `None` when no Python could answer.
pub(super) fn ask(
    question: &str,
    command: &[String],
    execution_env: &ExecutionEnv,
) -> Option<String> {
    for mut python in pythons(command) {
        let program = python.remove(0);
        python.extend(["-c".to_owned(), question.to_owned()]);
        if let Ok(captured) = capture(&CommandLine::new(program, python), execution_env)
            && captured.exit.is_success()
        {
            let output = String::from_utf8_lossy(&captured.stdout);
            // A wrapper may print lines of its own before.
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

/// Where `pytest` stands in a command.
pub(super) fn pytest_word(words: &[String]) -> Option<usize> {
    words
        .iter()
        .position(|word| matches!(base_name(word), "pytest" | "py.test"))
}

/// Ways to start the Python that the command's pytest runs in, the surest first.
fn pythons(words: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    if let Some(at) = pytest_word(words) {
        let (before, pytest) = (&words[..at], &words[at]);
        if let Some((folder, _)) = pytest.rsplit_once('/') {
            found.push(vec![format!("{folder}/python")]);
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

fn is_python(word: &str) -> bool {
    let name = base_name(word);
    name.starts_with("python") || name.starts_with("pypy")
}

fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
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
    fn the_python_is_the_one_of_the_command(#[case] command: &str, #[case] expected: &str) {
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
    fn what_is_missing_says_what_to_install() {
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
