//! Why a runner cannot do what it is asked to.
//!
//! Each tells what, where, and what to do about it. A test that fails is not an error here, nor is
//! a runner that ran and failed.

use std::path::PathBuf;

use crate::command_template::TemplateError;
use crate::discovery::{ListError, PatternError};
use crate::process::{CommandLine, Exit, SpawnError};

/// Why a runner cannot be made ready, find tests, or build a command.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// No such runner.
    #[error(
        "unsupported value for BUILDKITE_TEST_ENGINE_TEST_RUNNER: {name:?}, expected one of {}",
        names()
    )]
    Unknown {
        /// As it was given.
        name: String,
    },
    /// A command that is no command.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A pattern that does not parse.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A list of files or selectors.
    #[error(transparent)]
    List(#[from] ListError),
    /// A program that could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// Something that the runner cannot do without.
    #[error("{runner}: {what} is required\n{remedy}")]
    Required {
        /// Which runner.
        runner: &'static str,
        /// What is missing, such as `a test command`.
        what: &'static str,
        /// What to do.
        remedy: String,
    },
    /// A command that lacks a part.
    #[error("{runner}: {which} must hold {part}, but it is `{command}`\n{remedy}")]
    MissingPart {
        /// Which runner.
        runner: &'static str,
        /// `the test command` or `the retry command`.
        which: &'static str,
        /// The missing part.
        part: &'static str,
        /// The command as it was written.
        command: String,
        /// What to do.
        remedy: String,
    },
    /// A command that holds something it must not.
    #[error("{runner}: the test command must not hold {part}, but it is `{command}`\n{remedy}")]
    ForbiddenPart {
        /// Which runner.
        runner: &'static str,
        /// The part.
        part: &'static str,
        /// The command as it was written.
        command: String,
        /// What to do.
        remedy: String,
    },
    /// Discovery found nothing.
    #[error(
        "no test files found in {} with pattern {pattern:?} and exclude pattern {exclude:?}\n\
         patterns are relative to that directory; `**/` stands for any number of directories",
        directory.display()
    )]
    NoFiles {
        /// Where was searched.
        directory: PathBuf,
        /// What was searched for.
        pattern: String,
        /// What was left out; may be empty.
        exclude: String,
    },
    /// A name that cannot be handed to a runner.
    #[error(
        "the name {name:?} holds a {character}, so it cannot be handed to a test runner\nrename it or exclude it"
    )]
    BadName {
        /// The name.
        name: String,
        /// Such as `newline` or `null character`.
        character: &'static str,
    },
    /// A name that a launcher's shell would take for a pattern.
    #[error(
        "`{program}` hands {name:?} to a shell without quotes, which would run other files instead\n\
         put the tool itself into the command, such as node_modules/.bin/TOOL, or rename the file"
    )]
    Expanded {
        /// The name.
        name: String,
        /// The launcher.
        program: String,
    },
    /// A command that may start either Cucumber, with a path that means something else to each.
    #[error(
        "cucumber: `{command}` does not say whether it starts Ruby's Cucumber or JavaScript's, and \
         they take {name:?} differently\n\
         name `cucumber` or `cucumber-js` in the command, or rename the file"
    )]
    UnknownCucumber {
        /// The command as it was written.
        command: String,
        /// The name.
        name: String,
    },
    /// A file name that is not text.
    #[error("the test file {name:?} has a name that is not UTF-8\nrename it or exclude it")]
    NotUnicode {
        /// The name, with what is not text replaced.
        name: String,
    },
    /// A helper command that failed.
    #[error("`{command}` ended with {exit}{}", shown(output))]
    Helper {
        /// What was run.
        command: Box<CommandLine>,
        /// How it ended.
        exit: Exit,
        /// What it printed.
        output: String,
    },
    /// What a helper wrote, where that is not what it should be.
    #[error("read what `{command}` listed: {reason}")]
    Listing {
        /// What was run.
        command: Box<CommandLine>,
        /// What is wrong.
        reason: String,
    },
    /// A package of the runner's language that is not there.
    #[error("{what}\n{remedy}")]
    Missing {
        /// What is missing, for what.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A runner that has no way to list examples.
    #[error("{runner} cannot split files by example")]
    NoExamples {
        /// Which runner.
        runner: &'static str,
    },
    /// A file of our own.
    #[error("prepare a temporary file: {0}")]
    Temporary(#[source] std::io::Error),
}

fn names() -> String {
    let names: Vec<_> = super::RUNNERS
        .iter()
        .map(|definition| definition.name)
        .collect();
    names.join(", ")
}

/// The end of a helper's output, where the reason usually stands.
fn shown(output: &str) -> String {
    const LINES: usize = 40;
    let lines: Vec<_> = output.trim().lines().collect();
    match lines.len() {
        0 => String::new(),
        length if length <= LINES => format!("; it printed:\n{}", lines.join("\n")),
        length => format!(
            "; it printed, at the end:\n{}",
            lines[length - LINES..].join("\n")
        ),
    }
}
