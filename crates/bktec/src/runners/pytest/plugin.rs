//! Loads our pytest plugins into the user's pytest: `-p bktec_evidence` right after the program,
//! with the plugin's directory on `PYTHONPATH`; `-p bktec_discovery` to list test files; and
//! `-p bktec_selection` to run many tests of a file.
//!
//! A plugin that pytest cannot import ends the run. So it is loaded only where `PYTHONPATH` is
//! certain to reach pytest's Python: not into containers, shell scripts or isolated interpreters.
//! There, its evidence is missing, which proves nothing.

use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::evidence::Evidence;
use super::node_id::KnownFiles;
use super::{PROGRAMS, python};
use crate::env_vars::{
    BUILDKITE_TEST_ENGINE_PYTEST_EVIDENCE as VARIABLE,
    BUILDKITE_TEST_ENGINE_PYTEST_FILES as DISCOVERY_VARIABLE,
};
use crate::process::{CommandLine, ExecutionEnv};
use crate::runners::fail_fast_override::insert_options;
use crate::runners::launcher::{base_name, program_index};
use crate::runners::listing::ask;
use crate::runners::{ParsedResults, Result, RunnerBase, RunnerError, Shortfall};

const SOURCE: &str = include_str!("bktec_evidence.py");
const MODULE: &str = "bktec_evidence";

/// Lists test files without importing them.
const DISCOVERY_SOURCE: &str = include_str!("bktec_discovery.py");
const DISCOVERY_MODULE: &str = "bktec_discovery";

/// Runs only some tests of a file.
const SELECTION_SOURCE: &str = include_str!("bktec_selection.py");
const SELECTION_MODULE: &str = "bktec_selection";
const SELECTION_OPTION: &str = "--bktec-selection";

/// Launchers that are known to keep `PYTHONPATH`.
const LAUNCHERS: [&str; 4] = ["coverage", "env", "poetry", "uv"];

#[derive(Debug)]
pub(super) struct Plugin {
    /// Contains the module and, after an attempt, the evidence.
    directory: TempDir,
}

impl Plugin {
    pub(super) fn write() -> Result<Self> {
        let write = || {
            let directory = tempfile::Builder::new()
                .prefix("bktec-pytest-plugin-")
                .tempdir()?;
            for (module, source) in [
                (MODULE, SOURCE),
                (DISCOVERY_MODULE, DISCOVERY_SOURCE),
                (SELECTION_MODULE, SELECTION_SOURCE),
            ] {
                fs_err::write(directory.path().join(format!("{module}.py")), source)?;
            }
            Ok(Self { directory })
        };
        write().map_err(RunnerError::Temporary)
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("evidence.json")
    }

    /// The variables that make the plugin importable and name its file.
    pub(super) fn variables(&self, execution_env: &ExecutionEnv) -> [(OsString, OsString); 2] {
        let directory = self.directory.path().as_os_str();
        let path = match execution_env.variable("PYTHONPATH") {
            Some(mut path) if !path.is_empty() => {
                path.push(":");
                path.push(directory);
                path
            }
            _ => directory.to_owned(),
        };
        [
            ("PYTHONPATH".into(), path),
            (VARIABLE.into(), self.file().into()),
        ]
    }

    pub(super) fn remove_evidence(&self) {
        drop(fs_err::remove_file(self.file()));
    }

    /// The files that pytest would take tests from, absolute. `command` only collects.
    pub(super) fn list_files(
        &self,
        command: CommandLine,
        base: &RunnerBase,
    ) -> Result<Vec<String>> {
        let command = with_options(command, &["-p", DISCOVERY_MODULE]);
        let list = self.directory.path().join("files.json");
        let mut execution_env = base.execution_env.clone();
        let variable = (DISCOVERY_VARIABLE.into(), list.clone().into());
        execution_env.environment.push(variable);
        drop(fs_err::remove_file(&list));
        let captured = ask(base, &command, &execution_env)?;
        // A session hook may set any exit status, but the list is written only without errors.
        let Ok(bytes) = fs_err::read(&list) else {
            return Err(RunnerError::helper(&command, &captured));
        };
        serde_json::from_slice(&bytes).map_err(|error| RunnerError::Listing {
            command: Box::new(command),
            reason: error.to_string(),
        })
    }

    /// Adds what the plugin recorded. Without a record, a test may have removed it, or the process
    /// ended before it was written.
    pub(super) fn add_evidence(&self, parsed: &mut ParsedResults, known: &KnownFiles, code: i32) {
        let record = fs_err::read(self.file()).ok();
        match record.and_then(|bytes| Evidence::parse(&bytes)) {
            Some(evidence) => evidence.add_to(parsed, known, code),
            None => parsed.shortfalls.push(Shortfall {
                path: None,
                reason: "bktec's plugin left no record of the pytest session".to_owned(),
            }),
        }
    }
}

/// `command` with the options that load the plugin.
pub(super) fn with_plugin(command: CommandLine) -> CommandLine {
    with_options(command, &["-p", MODULE])
}

/// `command` with the options that select the tests in the file `selection`.
pub(super) fn with_selection(command: CommandLine, selection: &Path) -> CommandLine {
    let option = format!("{SELECTION_OPTION}={}", selection.display());
    with_options(command, &["-p", SELECTION_MODULE, &option])
}

/// The options stand right after the program.
fn with_options(command: CommandLine, options: &[&str]) -> CommandLine {
    let place = |words: &[&str]| Some(program_index(words, PROGRAMS)? + 1);
    insert_options(&command, options, place).unwrap_or(command)
}

pub(super) fn is_loaded_by(command: &CommandLine) -> bool {
    command.words().any(|word| word == MODULE)
}

/// Whether the plugin can be imported by the pytest that this command starts.
pub(super) fn is_loadable(words: &[String], execution_env: &ExecutionEnv) -> bool {
    let Some(at) = program_index(words, PROGRAMS) else {
        return false;
    };
    let launchers = &words[..at];
    let Some(first) = launchers.first() else {
        return find(&words[0], execution_env).is_some_and(|path| is_python_script(&path));
    };
    let name = base_name(first);
    let is_known = LAUNCHERS.contains(&name) || python::is_python(name);
    is_known && !launchers.iter().any(|word| hides_python_path(word))
}

/// Whether this word of a launcher may keep `PYTHONPATH` from its Python.
fn hides_python_path(word: &str) -> bool {
    word.starts_with("PYTHONPATH=") || word.starts_with("--env-file") || isolates_python(word)
}

fn isolates_python(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|letters| {
        !letters.starts_with(['-', 'W', 'X']) && letters.contains(['E', 'I'])
    })
}

fn find(program: &str, execution_env: &ExecutionEnv) -> Option<PathBuf> {
    let directory = &execution_env.directory;
    if program.contains('/') {
        return Some(directory.join(program));
    }
    let path = execution_env.variable("PATH")?;
    std::env::split_paths(&path)
        .map(|entry| directory.join(entry).join(program))
        .find(|path| path.is_file())
}

/// Whether the file is a script for a Python that reads `PYTHONPATH`, or a shim of a version
/// manager, such as pyenv's.
fn is_python_script(path: &Path) -> bool {
    let is_shim = path.parent().and_then(Path::file_name) == Some(OsStr::new("shims"));
    is_shim || head(path).is_some_and(|head| runs_python(&head))
}

/// The first bytes; `None` unless they are text. Zipped applications ignore `PYTHONPATH`.
fn head(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    let file = fs_err::File::open(path).ok()?;
    file.take(512).read_to_end(&mut head).ok()?;
    if head.contains(&0) {
        return None;
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

fn runs_python(head: &str) -> bool {
    let mut lines = head.lines();
    let Some(interpreter) = lines.next().and_then(|line| line.strip_prefix("#!")) else {
        return false;
    };
    let mut words: Vec<&str> = interpreter.split_whitespace().collect();
    // Installers write this for a Python whose path is too long for the first line.
    let second = lines.next().unwrap_or_default();
    if words.first().is_some_and(|word| base_name(word) == "sh")
        && let Some(command) = second.strip_prefix("'''exec' ")
    {
        words = command.split_whitespace().collect();
    }
    let is_python = |word: &&str| python::is_python(base_name(word).trim_matches(['"', '\'']));
    words.iter().any(is_python) && !words.iter().any(|word| isolates_python(word))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("#!/app/.venv/bin/python\nimport sys\n", true)]
    #[case("#!/usr/bin/env python3\n", true)]
    #[case("#!/usr/bin/python3 -s\n", true)]
    #[case("#!/usr/bin/python3 -sE\n", false)]
    #[case("#!/usr/bin/python3 -I\n", false)]
    #[case(
        "#!/bin/sh\n'''exec' /long/bin/python3.12 \"$0\" \"$@\"\n' '''\n",
        true
    )]
    #[case(
        "#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python' \"$0\" \"$@\"\n",
        true
    )]
    #[case("#!/bin/sh\nexec docker compose run app pytest \"$@\"\n", false)]
    #[case("\x7fELF", false)]
    #[case("", false)]
    fn scripts_are_recognized_by_their_interpreter(#[case] head: &str, #[case] expected: bool) {
        assert_eq!(runs_python(head), expected);
    }

    #[rstest]
    #[case("bin/pytest", true)]
    #[case("shims/pytest", true)]
    #[case("sh/pytest", false)]
    #[case("zip/pytest", false)]
    #[case("missing/pytest", false)]
    #[case("pytest", true)]
    #[case("python -m pytest", true)]
    #[case("python3 -X dev -m pytest", true)]
    #[case("python3 -I -m pytest", false)]
    #[case("python3 -bE -m pytest", false)]
    #[case("coverage run -m pytest", true)]
    #[case("uv run pytest", true)]
    #[case("uv run python -m pytest", true)]
    #[case("env A=b poetry run pytest", true)]
    #[case("env PYTHONPATH=src pytest", false)]
    #[case("uv run --env-file=.env pytest", false)]
    #[case("hatch run pytest", false)]
    #[case("make test", false)]
    fn the_plugin_is_loaded_where_its_directory_is_on_the_path(
        #[case] command: &str,
        #[case] expected: bool,
    ) {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("bin", "#!/usr/bin/python3\n"),
            ("shims", "#!/usr/bin/env bash\nexec pyenv exec pytest\n"),
            ("sh", "#!/bin/sh\nexec pytest\n"),
            ("zip", "#!/usr/bin/env python3\nPK\x03\x04\0\0"),
        ] {
            fs_err::create_dir(directory.path().join(name)).unwrap();
            fs_err::write(directory.path().join(name).join("pytest"), content).unwrap();
        }
        let execution_env = ExecutionEnv {
            directory: directory.path().to_owned(),
            environment: vec![("PATH".into(), "none:bin:sh".into())],
        };
        let words = shell_words::split(command).unwrap();
        assert_eq!(is_loadable(&words, &execution_env), expected);
    }

    #[test]
    fn the_users_python_path_is_kept() {
        let plugin = Plugin::write().unwrap();
        let directory = plugin.directory.path().display().to_string();
        for (before, expected) in [("src:lib", format!("src:lib:{directory}")), ("", directory)] {
            let execution_env = ExecutionEnv {
                directory: PathBuf::new(),
                environment: vec![("PYTHONPATH".into(), before.into())],
            };
            let [(name, value), _] = plugin.variables(&execution_env);
            assert_eq!((name, value), ("PYTHONPATH".into(), expected.into()));
        }
    }
}
