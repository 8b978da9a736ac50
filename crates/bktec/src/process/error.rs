//! Errors of starting a command. A command that ran and failed is not one.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::{CommandLine, ExecutionEnv};

#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    #[error("Cannot start `{program}`: {cause}")]
    Start { program: String, cause: StartError },
    #[error("Cannot write the output to {}: {source}", path.display())]
    Output { path: PathBuf, source: io::Error },
    /// While the output was read or copied.
    #[error("Cannot read the output of `{program}`: {source}")]
    Copy { program: String, source: io::Error },
    #[error("Cannot wait for `{program}`: {source}")]
    Wait { program: String, source: io::Error },
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("not found on PATH\nPATH is {path}{hint}")]
    NotOnPath {
        /// The child's.
        path: String,
        hint: &'static str,
    },
    #[error("no such file")]
    NoSuchFile,
    #[error("the file exists, but the interpreter that its first line names does not")]
    NoInterpreter,
    #[error("not executable ({0})")]
    NotExecutable(io::Error),
    #[error("the working directory {} does not exist", .0.display())]
    NoDirectory(PathBuf),
    #[error(
        "its command line is too long for this system ({arguments} arguments, {bytes} bytes)\n\
         hint: use more nodes, so that each has fewer tests, or a command that takes directories"
    )]
    TooLong {
        arguments: usize,
        /// Of the program and all arguments.
        bytes: usize,
    },
    #[error(transparent)]
    Other(io::Error),
}

impl StartError {
    pub(super) fn explain(
        command: &CommandLine,
        execution_env: &ExecutionEnv,
        source: io::Error,
    ) -> Self {
        let program = &command.program;
        let directory = &execution_env.directory;
        if !directory.is_dir() {
            return Self::NoDirectory(directory.clone());
        }
        match source.kind() {
            ErrorKind::NotFound if !program.contains('/') => {
                let path = execution_env.variable("PATH").unwrap_or_default();
                Self::NotOnPath {
                    path: path.to_string_lossy().into_owned(),
                    hint: hint(program),
                }
            }
            ErrorKind::NotFound if directory.join(program).exists() => Self::NoInterpreter,
            ErrorKind::NotFound => Self::NoSuchFile,
            ErrorKind::PermissionDenied => Self::NotExecutable(source),
            ErrorKind::ArgumentListTooLong => Self::TooLong {
                arguments: command.arguments.len(),
                bytes: command.words().map(|word| word.len() + 1).sum(),
            },
            _ => Self::Other(source),
        }
    }
}

fn hint(program: &str) -> &'static str {
    if program.contains('=') {
        "\nhint: set variables in the environment; a command cannot begin with them"
    } else if program.contains(' ') {
        "\nhint: remove the quotes; they make program and arguments one word"
    } else {
        ""
    }
}
