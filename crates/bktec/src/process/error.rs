//! Why a command could not be run, told so that its user can mend it.
//!
//! Used by `process` alone. A command that ran and failed is not an error here.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::{CommandLine, ExecutionEnv};

/// Why a command could not be started or followed to its end.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// No such program.
    #[error("start `{program}`: command not found{hint}\nlooked in PATH={path}")]
    NotFound {
        /// As it was given.
        program: String,
        /// The search path, as the child would have had it.
        path: String,
        /// What may be wrong, or nothing.
        hint: &'static str,
    },
    /// The file is there, but the program named in its first line is not.
    #[error(
        "start `{program}`: the file is there, but the interpreter that its first line names is not"
    )]
    NoInterpreter {
        /// As it was given.
        program: String,
    },
    /// A file that may not be run.
    #[error("start `{program}`: not executable ({source})\nlooked in PATH={path}")]
    NotExecutable {
        /// As it was given.
        program: String,
        /// The search path, as the child would have had it.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// No directory to start in.
    #[error("start `{program}`: the working directory {} does not exist", directory.display())]
    NoDirectory {
        /// As it was given.
        program: String,
        /// The missing one.
        directory: PathBuf,
    },
    /// More than the system lets one command line hold.
    #[error(
        "start `{program}`: its command line is too long for this system ({arguments} arguments, {bytes} bytes)\n\
         use more nodes, so that each gets fewer tests, or a command that takes directories"
    )]
    TooLong {
        /// As it was given.
        program: String,
        /// How many arguments.
        arguments: usize,
        /// Bytes of all arguments.
        bytes: usize,
    },
    /// Anything else the system said.
    #[error("start `{program}`: {source}")]
    Other {
        /// As it was given.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file that gets a copy of the output.
    #[error("keep the output in {}: {source}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The output, while it was read or copied.
    #[error("read the output of `{program}`: {source}")]
    Copy {
        /// As it was given.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The end of the child.
    #[error("wait for `{program}`: {source}")]
    Wait {
        /// As it was given.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}

impl SpawnError {
    pub(super) fn explain(
        command: &CommandLine,
        execution_env: &ExecutionEnv,
        source: io::Error,
    ) -> Self {
        let program = command.program.clone();
        if !execution_env.directory.is_dir() {
            return Self::NoDirectory {
                program,
                directory: execution_env.directory.clone(),
            };
        }
        match source.kind() {
            ErrorKind::NotFound => {
                if program.contains('/') && execution_env.directory.join(&program).exists() {
                    return Self::NoInterpreter { program };
                }
                Self::NotFound {
                    hint: hint(&program),
                    path: search_path(execution_env),
                    program,
                }
            }
            ErrorKind::PermissionDenied => Self::NotExecutable {
                program,
                path: search_path(execution_env),
                source,
            },
            ErrorKind::ArgumentListTooLong => Self::TooLong {
                program,
                arguments: command.arguments.len(),
                bytes: command.words().map(|word| word.len() + 1).sum(),
            },
            _ => Self::Other { program, source },
        }
    }
}

fn hint(program: &str) -> &'static str {
    if program.contains('=') {
        " (a command cannot begin with variables; set them in the environment)"
    } else if program.contains(' ') {
        " (the quotes make it one word)"
    } else {
        ""
    }
}

fn search_path(execution_env: &ExecutionEnv) -> String {
    execution_env
        .variable("PATH")
        .map_or_else(String::new, |path| path.to_string_lossy().into_owned())
}
