//! Why a runner cannot be prepared, find tests, or build a command.
//!
//! A failed test is not an error here, nor is a runner that was started and failed. Messages follow
//! "failed to …: ".

use std::path::PathBuf;
use std::time::Duration;

use crate::command_template::TemplateError;
use crate::discovery::{ListError, PatternError};
use crate::headline::reason;
use crate::process::{Captured, CommandLine, Exit, SpawnError};

pub type Result<T, E = RunnerError> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    #[error(
        "unsupported value for BUILDKITE_TEST_ENGINE_TEST_RUNNER: {name:?}, expected one of {}",
        names()
    )]
    Unknown { name: String },
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Pattern(#[from] PatternError),
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    #[error("{runner}: {what} is required\nhint: set {option}")]
    Required {
        runner: &'static str,
        /// Such as `a test command`.
        what: &'static str,
        option: &'static str,
    },
    #[error("{runner}: {which} lacks {part}: `{command}`\nhint: {hint}")]
    MissingPart {
        runner: &'static str,
        /// `the test command` or `the retry command`.
        which: &'static str,
        part: &'static str,
        command: String,
        hint: String,
    },
    #[error("{runner}: the test command must not contain {part}: `{command}`\nhint: {hint}")]
    ForbiddenPart {
        runner: &'static str,
        part: &'static str,
        command: String,
        hint: String,
    },
    #[error(
        "no test files found in {} with pattern {pattern:?} and exclude pattern {exclude:?}\n\
         hint: patterns are relative to that directory; `**/` matches any number of directories",
        directory.display()
    )]
    NoFiles {
        directory: PathBuf,
        pattern: String,
        /// May be empty.
        exclude: String,
    },
    #[error(
        "{runner} takes tests from files that the pattern {pattern:?} misses: {files}\n\
         hint: extend the pattern, or exclude them with --test-file-exclude-pattern or \
         BUILDKITE_TEST_ENGINE_TEST_FILE_EXCLUDE_PATTERN"
    )]
    MissedByPattern {
        runner: &'static str,
        pattern: String,
        /// Joined by commas; may be shortened.
        files: String,
    },
    #[error(
        "{name:?} contains a {part}, so it cannot be passed to the test runner\n\
         hint: rename it or exclude it"
    )]
    UnsupportedName {
        name: String,
        /// Such as `newline`.
        part: &'static str,
    },
    #[error(
        "`{program}` passes {name:?} to a shell without quotes, which would run other files \
         instead\n\
         hint: call the tool itself in the command, such as node_modules/.bin/TOOL, or rename the \
         file"
    )]
    ShellExpansion { name: String, program: String },
    #[error(
        "cucumber: cannot tell whether `{command}` runs Cucumber for Ruby or for JavaScript, which \
         interpret {name:?} differently\n\
         hint: use `cucumber` or `cucumber-js` in the command, or rename the file"
    )]
    UnknownCucumber { command: String, name: String },
    #[error("the name of the test file {name:?} is not UTF-8\nhint: rename it or exclude it")]
    NotUnicode {
        /// With replacement characters.
        name: String,
    },
    #[error("`{command}` ended with {exit}{}", tail(output))]
    Helper {
        command: Box<CommandLine>,
        exit: Exit,
        output: String,
    },
    #[error(
        "`{command}` did not end within {} s{}\nhint: {hint}",
        timeout.as_secs_f64(),
        tail(output)
    )]
    TimedOut {
        command: Box<CommandLine>,
        timeout: Duration,
        output: String,
        hint: &'static str,
    },
    #[error("cannot read the tests listed by `{command}`: {reason}")]
    Listing {
        command: Box<CommandLine>,
        reason: String,
    },
    #[error("{problem}\nhint: {hint}")]
    MissingPackage { problem: String, hint: String },
    #[error("{runner} cannot split files by example")]
    NoExamples { runner: &'static str },
    #[error("cannot create a temporary file: {0}")]
    Temporary(#[source] std::io::Error),
}

impl RunnerError {
    pub(super) fn helper(command: &CommandLine, captured: &Captured) -> Self {
        Self::Helper {
            command: Box::new(command.clone()),
            exit: captured.exit,
            output: captured.text(),
        }
    }

    /// The message, with only the error in the output of a command that the runner repeats anyway.
    pub(super) fn in_one_line(&self) -> String {
        match self {
            Self::Helper {
                command,
                exit,
                output,
            } => format!("`{command}` ended with {exit}: {}", reason(output)),
            _ => self.to_string(),
        }
    }
}

fn names() -> String {
    let names: Vec<_> = super::RUNNERS.iter().map(|runner| runner.name).collect();
    names.join(", ")
}

/// The end of a helper's output, which usually contains the reason.
fn tail(output: &str) -> String {
    const MAX_LINES: usize = 40;
    let lines: Vec<_> = output.trim().lines().collect();
    match lines.len().saturating_sub(MAX_LINES) {
        _ if lines.is_empty() => String::new(),
        0 => format!("; output:\n{}", lines.join("\n")),
        start => format!("; end of its output:\n{}", lines[start..].join("\n")),
    }
}
