//! A file of arguments, for command lines that are too long for the system.
//!
//! pytest reads one since 8.2, an argument a line. Older ones, and scripts around pytest, get their
//! tests in parts; that is not decided here.

use std::io::Write as _;

use super::collector;
use crate::process::ExecutionEnv;
use crate::runners::RunnerError;

/// Prints the version.
const QUESTION: &str = "import pytest; print(pytest.__version__)";

/// The first version that reads such files.
const SINCE: [u64; 2] = [8, 2];

/// What Python takes for the end of a line beside what [`super::targets`] refuses anyway.
const LINE_ENDS: [char; 8] = [
    '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}',
];

/// Whether the pytest of this command reads such a file, and `arguments` can stand in one.
pub(super) fn is_possible(
    command: &[String],
    arguments: &[String],
    execution_env: &ExecutionEnv,
) -> bool {
    collector::pytest_word(command).is_some()
        && !arguments
            .iter()
            .any(|argument| argument.contains(LINE_ENDS))
        && collector::ask(QUESTION, command, execution_env)
            .is_some_and(|version| is_new_enough(&version))
}

fn is_new_enough(version: &str) -> bool {
    let numbers: Vec<u64> = version
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect();
    !numbers.is_empty() && numbers.as_slice() >= SINCE.as_slice()
}

/// Such a file. It goes away with what is returned.
pub(super) fn write(arguments: &[String]) -> Result<tempfile::NamedTempFile, RunnerError> {
    let write = || {
        let mut file = tempfile::Builder::new()
            .prefix("bktec-pytest-arguments-")
            .tempfile()?;
        let mut text = arguments.join("\n");
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.flush()?;
        Ok(file)
    };
    write().map_err(RunnerError::Temporary)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("8.2.0", true)]
    #[case("8.2", true)]
    #[case("8.10.1", true)]
    #[case("9.0.0rc1", true)]
    #[case("8.1.9", false)]
    #[case("7.4.4", false)]
    #[case("unknown", false)]
    fn files_came_with_a_version(#[case] version: &str, #[case] enough: bool) {
        assert_eq!(is_new_enough(version), enough);
    }
}
