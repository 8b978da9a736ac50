//! A file of arguments, for command lines that exceed the system's limit.
//!
//! pytest 8.2 and later reads such a file, with one argument per line. Older versions, and scripts
//! that call pytest, are run in parts instead, by `attempts`.

use std::io::Write as _;

use super::python;
use crate::process::ExecutionEnv;
use crate::runners::{Result, RunnerError};

const PRINT_VERSION: &str = "import pytest; print(pytest.__version__)";

/// The first version that supports argument files.
const MIN_VERSION: &[u64] = &[8, 2];

/// Line ends for Python, other than those that [`super::targets`] rejects.
const LINE_ENDS: [char; 8] = [
    '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}',
];

/// Whether the pytest of this command supports argument files, and one can contain `arguments`.
pub(super) fn is_supported(
    command: &[String],
    arguments: &[String],
    execution_env: &ExecutionEnv,
) -> bool {
    python::pytest_word(command).is_some()
        && !arguments
            .iter()
            .any(|argument| argument.contains(LINE_ENDS))
        && python::run(PRINT_VERSION, command, execution_env)
            .is_some_and(|version| is_new_enough(&version))
}

fn is_new_enough(version: &str) -> bool {
    python::version_numbers(version).is_some_and(|numbers| *numbers >= *MIN_VERSION)
}

/// The file is deleted when the returned value is dropped.
pub(super) fn write(arguments: &[String]) -> Result<tempfile::NamedTempFile> {
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
    fn argument_files_need_a_new_enough_pytest(#[case] version: &str, #[case] enough: bool) {
        assert_eq!(is_new_enough(version), enough);
    }
}
