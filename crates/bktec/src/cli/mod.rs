//! What was typed, and what the environment said in its place: clap structs, no meaning yet.
//!
//! Every value is text here. Numbers, booleans, durations and addresses are read in `settings`, so
//! that everything wrong with a command line is told at once and in one form.

mod args;
mod ci_environment;
mod tools;
mod upload;

use std::ffi::OsString;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use clap_complete::Shell;

pub use args::{
    BuildArgs, CommonArgs, EngineArgs, GlobalArgs, PlanArgs, PreviewArgs, RunArgs, RunnerArgs,
};
pub use ci_environment::CiEnvironment;
pub use tools::TypedBackfill;
pub use upload::{TypedUpload, UploadArgs};

use crate::env_vars;

const COMPLETIONS: &str = "completions";
const MANUAL: &str = "man";

/// A command line that was understood.
#[derive(Debug)]
pub enum Invocation {
    /// `bktec run`.
    Run(Box<Typed<RunArgs>>),
    /// `bktec plan`.
    Plan(Box<Typed<PlanArgs>>),
    /// `bktec upload`.
    Upload(Box<TypedUpload>),
    /// `bktec tools backfill-commit-metadata`.
    Backfill(Box<TypedBackfill>),
    /// `bktec completions`.
    Completions {
        /// For which shell.
        shell: Shell,
        /// What there is to complete.
        command: Box<Command>,
    },
    /// `bktec man`.
    Manual {
        /// What there is to describe.
        command: Box<Command>,
    },
}

/// What every subcommand carries, beside its own options.
#[derive(Debug)]
pub struct Typed<T> {
    /// Options of the program.
    pub global: GlobalArgs,
    /// Options of this subcommand.
    pub own: T,
    /// Options that exist only where the preview is on.
    pub preview: PreviewArgs,
    /// The tags are one text from their variable, separated by commas. Typed ones are one each,
    /// so that their values may hold commas.
    pub tags_from_variable: bool,
    /// What the CI says.
    pub ci_environment: CiEnvironment,
}

/// Why there is nothing to do.
#[derive(Debug)]
pub enum Stop {
    /// Help or the version was asked for; belongs on stdout.
    Answer(String),
    /// No subcommand: the help, and a complaint.
    NoCommand {
        /// The help text.
        help: String,
    },
    /// A subcommand that does not exist: the help, and a complaint.
    UnknownCommand {
        /// As typed.
        name: String,
        /// The help text.
        help: String,
    },
    /// Anything else that clap refuses, in its words.
    Usage(String),
}

/// Reads a command line. `arguments` starts with the program's name.
///
/// Options that were not typed are taken from their variables.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Stop> {
    let preview = preview_is_on();
    let mut command = command(preview);
    let matches = match command.try_get_matches_from_mut(arguments) {
        Ok(matches) => matches,
        Err(error) => return Err(stop(&error)),
    };
    match matches.subcommand() {
        Some(("run", own)) => typed(own, preview).map(|typed| Invocation::Run(Box::new(typed))),
        Some(("plan", own)) => typed(own, preview).map(|typed| Invocation::Plan(Box::new(typed))),
        Some(("upload", own)) => {
            upload::parse(own).map(|typed| Invocation::Upload(Box::new(typed)))
        }
        Some(("tools", own)) => {
            tools::parse(&mut command, own).map(|typed| Invocation::Backfill(Box::new(typed)))
        }
        Some((COMPLETIONS, own)) => match own.get_one::<Shell>("shell") {
            Some(&shell) => Ok(Invocation::Completions {
                shell,
                command: Box::new(self::command(preview)),
            }),
            None => Err(Stop::Usage("a shell is required".to_owned())),
        },
        Some((MANUAL, _)) => Ok(Invocation::Manual {
            command: Box::new(self::command(preview)),
        }),
        Some((name, _)) => Err(Stop::UnknownCommand {
            name: name.to_owned(),
            help: command.render_help().to_string(),
        }),
        None => Err(Stop::NoCommand {
            help: command.render_help().to_string(),
        }),
    }
}

/// The whole command line as clap knows it; help and reference pages are made from it.
pub fn command(preview: bool) -> Command {
    // The descriptions come last: a group of options would put its own in their place.
    let root = GlobalArgs::augment_args(Command::new("bktec"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("Runs a CI machine's share of a test suite")
        .after_help(
            "Every option is also an environment variable; the option wins. \
             Durations look like 2m30s, booleans like true or false.",
        )
        .allow_external_subcommands(true)
        .args_override_self(true);
    let with_preview = |subcommand: Command| {
        if preview {
            PreviewArgs::augment_args(subcommand)
        } else {
            subcommand
        }
    };
    let run = with_preview(RunArgs::augment_args(Command::new("run")))
        .about("Runs this node's share of the tests, retries, reports, uploads");
    let plan = with_preview(PlanArgs::augment_args(Command::new("plan")))
        .about("Creates a test plan and runs nothing");
    root.subcommand(finished(run))
        .subcommand(finished(plan))
        .subcommand(upload::command())
        .subcommand(tools::command(preview))
        .subcommand(
            Command::new(COMPLETIONS)
                .about("Prints a script that completes options in a shell")
                .arg(
                    Arg::new("shell")
                        .value_name("SHELL")
                        .help("The shell")
                        .required(true)
                        .value_parser(clap::value_parser!(Shell)),
                ),
        )
        .subcommand(Command::new(MANUAL).about("Prints the manual, for man -l -"))
}

/// What holds for every option: a value may begin with a hyphen (`--retry-count -1` is a wrong
/// value, not another option), the last one of two wins, no value of a variable is printed, since
/// some are secrets, and what is no UTF-8 is taken as near as can be: a commit message in another
/// encoding is no reason to stop a build.
fn finished(command: Command) -> Command {
    command.args_override_self(true).mut_args(|argument| {
        let takes_exactly_one = argument
            .get_num_args()
            .is_none_or(|range| range.min_values() > 0);
        argument
            .hide_env_values(true)
            .value_parser(
                OsStringValueParser::new().map(|value| value.to_string_lossy().into_owned()),
            )
            .allow_hyphen_values(takes_exactly_one)
    })
}

fn typed<T: FromArgMatches>(matches: &ArgMatches, preview: bool) -> Result<Typed<T>, Stop> {
    let read = || -> Result<Typed<T>, clap::Error> {
        Ok(Typed {
            global: GlobalArgs {
                time_scale: Some(test_budget_scale()),
                ..GlobalArgs::from_arg_matches(matches)?
            },
            own: T::from_arg_matches(matches)?,
            preview: if preview {
                PreviewArgs::from_arg_matches(matches)?
            } else {
                PreviewArgs::default()
            },
            tags_from_variable: matches.value_source("tag") == Some(ValueSource::EnvVariable),
            ci_environment: ci_environment::ci_environment(),
        })
    };
    read().map_err(|error| stop(&error))
}

fn stop(error: &clap::Error) -> Stop {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Stop::Answer(error.render().to_string())
        }
        _ => Stop::Usage(error.render().to_string()),
    }
}

fn preview_is_on() -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "`cli` is where the environment is read"
    )]
    let value = std::env::var(env_vars::BKTEC_PREVIEW_SELECTION).unwrap_or_default();
    is_truthy(&value)
}

/// The preview switch is read more kindly than the options are.
fn is_truthy(value: &str) -> bool {
    matches!(
        value.trim().to_ascii_lowercase().as_str(),
        "1" | "t" | "true" | "y" | "yes" | "on"
    )
}

/// A factor for API time budgets, for this project's tests.
///
/// Read only by builds with debug assertions, so that no setting can make a released client give
/// up on the server sooner than it says it does.
fn test_budget_scale() -> f64 {
    if !cfg!(debug_assertions) {
        return 1.0;
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "`cli` is where the environment is read"
    )]
    let value = std::env::var(env_vars::BKTEC_TEST_BUDGET_SCALE).unwrap_or_default();
    value
        .parse()
        .map_or(1.0, |scale: f64| scale.clamp(0.0001, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        command(false).debug_assert();
        command(true).debug_assert();
    }

    #[test]
    fn preview_options_exist_only_in_the_preview() {
        let has_strategy = |preview| {
            command(preview)
                .get_subcommands()
                .filter(|subcommand| {
                    subcommand
                        .get_arguments()
                        .any(|argument| argument.get_long() == Some("selection-strategy"))
                })
                .count()
        };
        assert_eq!((has_strategy(false), has_strategy(true)), (0, 2));
    }

    #[test]
    fn every_variable_of_an_option_is_in_the_table() {
        let command = command(true);
        for subcommand in command.get_subcommands() {
            for argument in subcommand.get_arguments() {
                if let Some(variable) = argument.get_env().and_then(|name| name.to_str()) {
                    assert!(
                        env_vars::ALL.iter().any(|(name, _)| *name == variable),
                        "{variable}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_preview_switch_is_read_kindly() {
        for on in ["1", "t", "TRUE", " yes ", "y", "On"] {
            assert!(is_truthy(on), "{on}");
        }
        for off in ["", "0", "false", "off", "2", "si"] {
            assert!(!is_truthy(off), "{off}");
        }
    }
}
