//! The command line and the environment, read into typed options.
//!
//! Wrong values are kept for `settings` to report, so that everything wrong with a command line is
//! reported at once and in one form.

mod args;
mod choices;
mod ci_environment;
mod option;
mod unknown_variables;
mod values;

use std::any::TypeId;
use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use clap_complete::Shell;

pub use args::{
    BackfillArgs, BuildArgs, CommonArgs, GlobalArgs, NodeArgs, PlanArgs, PreviewArgs, ResultArgs,
    RunArgs, RunnerArgs, SummaryArgs, TokenArgs, UploadArgs, VerifyArgs,
};
pub use choices::{Fallback, UnplannedTargets};
pub use ci_environment::CiEnvironment;
pub use option::{Opt, Problem};

use self::ci_environment::variable;
pub(crate) use self::unknown_variables::unknown_variables_warning;
use crate::env_vars;

const BACKFILL: &str = "backfill-commit-metadata";
const BUILD_HEADING: &str = "Build environment";

#[derive(Debug)]
pub enum Invocation {
    Run(Box<Typed<RunArgs>>),
    Plan(Box<Typed<PlanArgs>>),
    Upload(Box<Typed<UploadArgs>>),
    Verify(Box<Typed<VerifyArgs>>),
    Summary(Box<Typed<SummaryArgs>>),
    Backfill(Box<Typed<BackfillArgs>>),
    Completions { shell: Shell, command: Box<Command> },
    Manual { command: Box<Command> },
}

impl Invocation {
    /// Whether the command can be configured by variables.
    pub fn reads_variables(&self) -> bool {
        !matches!(self, Self::Completions { .. } | Self::Manual { .. })
    }
}

/// The options of a subcommand, and the environment it was started in.
#[derive(Debug)]
pub struct Typed<T> {
    pub global: GlobalArgs,
    pub own: T,
    /// Not set unless the preview is on.
    pub preview: PreviewArgs,
    pub ci_environment: CiEnvironment,
    /// A factor for time limits; see [`test_budget_scale`].
    pub time_scale: f64,
}

#[derive(Debug)]
pub enum Stop {
    /// Help or the version, for stdout.
    Answer(String),
    NoCommand {
        help: String,
    },
    UnknownCommand {
        name: String,
        help: String,
    },
    /// A usage error, as clap words it.
    Usage(String),
}

/// `arguments` starts with the program's name. Options that are not given are read from their
/// variables.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Stop> {
    let preview = preview_is_on();
    let mut root = command(preview);
    let matches = root
        .try_get_matches_from_mut(arguments)
        .map_err(|error| stop(&error))?;
    let Some((name, own)) = matches.subcommand() else {
        return Err(no_command(&mut root));
    };
    match name {
        "run" => Ok(Invocation::Run(Box::new(typed(own)?))),
        "plan" => Ok(Invocation::Plan(Box::new(typed(own)?))),
        "upload" => Ok(Invocation::Upload(Box::new(typed(own)?))),
        "verify" => Ok(Invocation::Verify(Box::new(typed(own)?))),
        "summary" => Ok(Invocation::Summary(Box::new(typed(own)?))),
        "tools" => {
            let tools = root.find_subcommand_mut("tools").ok_or_else(unlisted)?;
            match own.subcommand() {
                Some((BACKFILL, own)) => Ok(Invocation::Backfill(Box::new(typed(own)?))),
                Some((tool, _)) => Err(unknown_command(format!("tools {tool}"), tools)),
                None => Err(no_command(tools)),
            }
        }
        "completions" => Ok(Invocation::Completions {
            shell: *own.get_one::<Shell>("shell").ok_or_else(unlisted)?,
            command: Box::new(command(preview)),
        }),
        "man" => Ok(Invocation::Manual {
            command: Box::new(command(preview)),
        }),
        other => Err(unknown_command(other.to_owned(), &mut root)),
    }
}

fn no_command(command: &mut Command) -> Stop {
    Stop::NoCommand {
        help: command.render_help().to_string(),
    }
}

fn unknown_command(name: String, command: &mut Command) -> Stop {
    Stop::UnknownCommand {
        name,
        help: command.render_help().to_string(),
    }
}

/// For what clap guarantees.
fn unlisted() -> Stop {
    Stop::Usage("error: the command line was parsed incompletely; please report this".to_owned())
}

/// The command line as clap sees it. Help, completions, the manual and the reference pages are
/// generated from it.
pub fn command(preview: bool) -> Command {
    // `about` comes last: flattened options would replace it by their own doc comment.
    let root = finished(GlobalArgs::augment_args(Command::new("bktec")))
        .version(env!("CARGO_PKG_VERSION"))
        .about("Runs one node's share of a test suite")
        .after_help(
            "Every option can also be set by an environment variable; the option wins. \
             Durations look like 2m30s, booleans like true or false.",
        )
        .allow_external_subcommands(true);
    let with_preview = |subcommand: Command| {
        if preview {
            PreviewArgs::augment_args(subcommand)
        } else {
            subcommand
        }
    };
    let run = finished(with_preview(RunArgs::augment_args(Command::new("run"))))
        .about("Runs this node's share of the tests, retries failed tests, reports and uploads");
    let plan = finished(with_preview(PlanArgs::augment_args(Command::new("plan"))))
        .about("Creates a test plan without running tests");
    let upload = finished(UploadArgs::augment_args(Command::new("upload")))
        .about("Uploads result files")
        .override_usage("bktec upload [OPTIONS] <FILE>...")
        .mut_args(|argument| match argument.get_help_heading() {
            Some(BUILD_HEADING) => argument
                .hide(false)
                .help_heading("Build [default: detected from the CI]"),
            _ => argument,
        });
    let verify = finished(VerifyArgs::augment_args(Command::new("verify")))
        .about("Verifies that every test of a build ran")
        // Several values, so an option must not be taken for one.
        .mut_arg("reports", |argument| argument.allow_hyphen_values(false))
        .mut_arg("build_id", |argument| {
            argument
                .hide(false)
                .help("Build ID [default: detected from the CI]")
        })
        .mut_arg("plan_identifier", |argument| {
            argument.help("Verify only this plan [default: every plan of the build]")
        })
        .mut_arg("parallelism", |argument| argument.hide(true));
    let summary = finished(SummaryArgs::augment_args(Command::new("summary")))
        .about("Prints what failed in a build and whether it is new, in Markdown");
    let completions = Command::new("completions")
        .about("Prints a shell completion script")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .help("Shell")
                .required(true)
                .value_parser(clap::value_parser!(Shell)),
        );
    root.subcommand(run)
        .subcommand(plan)
        .subcommand(upload)
        .subcommand(verify)
        .subcommand(summary)
        .subcommand(tools(preview))
        .subcommand(completions)
        .subcommand(Command::new("man").about("Prints the manual page, for man -l -"))
}

fn tools(preview: bool) -> Command {
    let backfill = finished(BackfillArgs::augment_args(Command::new(BACKFILL)))
        .about("Collects the history of commits that the suite has results for, and uploads it")
        .mut_arg("organization_slug", |argument| argument.hide(false))
        .mut_arg("base_url", |argument| argument.hide(false));
    Command::new("tools")
        .about("Setup commands")
        .hide(!preview)
        .allow_external_subcommands(true)
        .subcommand(backfill)
}

/// Adds what holds for every option: the last of several values wins, a value may begin with a
/// hyphen (`--retry-count -1` is a wrong value, not another option), the values of variables are
/// not shown in the help, since some are secrets, and an option that is not set has a blank text.
fn finished(command: Command) -> Command {
    command.args_override_self(true).mut_args(|argument| {
        if argument.is_positional() {
            return argument;
        }
        let is_boolean = argument.get_value_parser().type_id() == TypeId::of::<Opt<bool>>();
        let argument = if is_boolean {
            argument
                .value_name("BOOL")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
        } else {
            argument.allow_hyphen_values(true)
        };
        let argument = argument.hide_env_values(true);
        match argument.get_action() {
            ArgAction::Append => argument,
            _ => argument
                .required(false)
                .default_value("")
                .hide_default_value(true),
        }
    })
}

fn typed<T: FromArgMatches>(matches: &ArgMatches) -> Result<Typed<T>, Stop> {
    let read = || -> Result<Typed<T>, clap::Error> {
        // It has a default, so it is absent only if the option does not exist. clap reports that as
        // an error only with debug assertions.
        let has_preview = matches!(matches.try_contains_id("selection_strategy"), Ok(true));
        Ok(Typed {
            global: GlobalArgs::from_arg_matches(matches)?,
            own: T::from_arg_matches(matches)?,
            preview: if has_preview {
                PreviewArgs::from_arg_matches(matches)?
            } else {
                PreviewArgs::default()
            },
            ci_environment: ci_environment::ci_environment(),
            time_scale: test_budget_scale(),
        })
    };
    read().map_err(|error| stop(&error))
}

/// The options of a subcommand, without what the environment of the tests says.
#[cfg(test)]
pub fn typed_for_tests<T: FromArgMatches>(
    arguments: &[&str],
    ci_environment: CiEnvironment,
) -> Typed<T> {
    let root = command(true);
    let subcommand = root.find_subcommand(arguments[0]).unwrap();
    let unset = subcommand
        .get_opts()
        .chain(root.get_opts())
        .filter(|option| option.get_env().is_some() && option.get_id() != "tag")
        .map(|option| format!("--{}=", option.get_long().unwrap()));
    let arguments = ["bktec", arguments[0]]
        .map(str::to_owned)
        .into_iter()
        .chain(unset)
        .chain(arguments[1..].iter().map(|&argument| argument.to_owned()));
    let matches = root.clone().get_matches_from(arguments);
    Typed {
        ci_environment,
        ..typed(matches.subcommand().unwrap().1).unwrap()
    }
}

fn stop(error: &clap::Error) -> Stop {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Stop::Answer(text),
        _ => Stop::Usage(text),
    }
}

fn preview_is_on() -> bool {
    variable(env_vars::BKTEC_PREVIEW_SELECTION).is_some_and(|value| is_truthy(&value))
}

fn is_truthy(text: &str) -> bool {
    matches!(
        text.trim().to_ascii_lowercase().as_str(),
        "1" | "t" | "true" | "y" | "yes" | "on"
    )
}

/// A factor for API time limits, for this project's tests.
///
/// Read only by builds with debug assertions, so that no variable can make a released client give
/// up on the server earlier than documented.
fn test_budget_scale() -> f64 {
    if !cfg!(debug_assertions) {
        return 1.0;
    }
    variable(env_vars::BKTEC_TEST_BUDGET_SCALE)
        .and_then(|value| value.parse().ok())
        .map_or(1.0, |scale: f64| scale.clamp(0.0001, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_pass_claps_own_checks() {
        command(false).debug_assert();
        command(true).debug_assert();
    }

    #[test]
    fn preview_options_need_the_preview() {
        let count = |preview| {
            command(preview)
                .get_subcommands()
                .flat_map(Command::get_arguments)
                .filter(|argument| argument.get_long() == Some("selection-strategy"))
                .count()
        };
        assert_eq!((count(false), count(true)), (0, 2));
        assert!(tools(false).is_hide_set());
        assert!(!tools(true).is_hide_set());
    }

    #[test]
    fn every_variable_is_in_the_table() {
        let (root, tools) = (command(true), tools(true));
        let commands = root.get_subcommands().chain(tools.get_subcommands());
        let mut seen = 0;
        for argument in commands.flat_map(Command::get_arguments) {
            if let Some(variable) = argument.get_env().and_then(|name| name.to_str()) {
                let mut known = env_vars::ALL.iter();
                assert!(known.any(|(name, _)| *name == variable), "{variable}");
                seen += 1;
            }
        }
        assert!(seen > 80, "{seen}");
    }

    #[test]
    fn preview_switch_accepts_common_spellings() {
        for on in ["1", "t", "TRUE", " yes ", "y", "On"] {
            assert!(is_truthy(on), "{on}");
        }
        for off in ["", "0", "false", "off", "2", "si"] {
            assert!(!is_truthy(off), "{off}");
        }
    }
}
