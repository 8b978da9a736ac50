//! The command line and the environment, read into typed options.
//!
//! Wrong values are kept for `settings` to report, so that everything wrong with a command line is
//! reported at once and in one form.

mod args;
mod choices;
mod ci_environment;
mod doctor_args;
mod option;
mod selection_args;
mod unknown_variables;
mod values;

use std::any::TypeId;
use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use clap_complete::Shell;

pub use args::{
    BackfillArgs, BuildArgs, CommonArgs, GlobalArgs, NodeArgs, PlanArgs, ResultArgs, RunArgs,
    RunnerArgs, SummaryArgs, TokenArgs, UploadArgs, VerifyArgs,
};
pub use choices::{Fallback, UnplannedTargets};
pub use ci_environment::CiEnvironment;
pub use doctor_args::DoctorArgs;
pub use option::{Opt, Problem};
pub use selection_args::{ExplainArgs, SelectionArgs};

use self::ci_environment::variable;
pub(crate) use self::unknown_variables::unknown_variables_warning;
use crate::env_vars;

const BACKFILL: &str = "backfill-commit-metadata";
const BUILD_HEADING: &str = "Build environment";
const SELECTION_HEADING: &str = "Test selection";

/// What the help of `explain` shows.
const EXPLAIN_OPTIONS: [&str; 9] = [
    "items",
    "left_out",
    "debug",
    "access_token",
    "suite_slug",
    "oidc",
    "no_oidc",
    "oidc_lifetime",
    "plan_identifier",
];

#[derive(Debug)]
pub enum Invocation {
    Run(Box<Typed<RunArgs>>),
    Plan(Box<Typed<PlanArgs>>),
    Upload(Box<Typed<UploadArgs>>),
    Verify(Box<Typed<VerifyArgs>>),
    Summary(Box<Typed<SummaryArgs>>),
    Explain(Box<Typed<ExplainArgs>>),
    Doctor(Box<Typed<DoctorArgs>>),
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
    let mut root = root(Command::defer);
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
        "explain" => Ok(Invocation::Explain(Box::new(typed(own)?))),
        "doctor" => Ok(Invocation::Doctor(Box::new(typed(own)?))),
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
            command: Box::new(command()),
        }),
        "man" => Ok(Invocation::Manual {
            command: Box::new(command()),
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
pub fn command() -> Command {
    root(|subcommand, add_options| add_options(subcommand))
}

/// Adds the options of a subcommand to it.
type AddOptions = fn(Command) -> Command;

/// `add` adds the options of a subcommand immediately, or defers that until the subcommand is used:
/// adding those of all subcommands takes longer than everything else at the start.
fn root(add: fn(Command, AddOptions) -> Command) -> Command {
    let run = add(
        Command::new("run").about(
            "Runs this node's share of the tests, retries failed tests, reports and uploads",
        ),
        |run| options(run, RunArgs::augment_args),
    );
    let plan = add(
        Command::new("plan").about("Creates a test plan without running tests"),
        |plan| options(plan, PlanArgs::augment_args),
    );
    let upload = add(
        Command::new("upload").about("Uploads result files"),
        upload_options,
    );
    let verify = add(
        Command::new("verify").about("Verifies that every test of a build ran"),
        verify_options,
    );
    let summary = add(
        Command::new("summary")
            .about("Prints what failed in a build and whether it is new, in Markdown"),
        |summary| options(summary, SummaryArgs::augment_args),
    );
    let explain = add(
        Command::new("explain").about("Explains which tests a plan selected, and why"),
        explain_options,
    );
    let doctor = add(
        Command::new("doctor")
            .about("Checks what bktec run depends on, and says how to fix what is wrong"),
        |doctor| options(doctor, DoctorArgs::augment_args),
    );
    let backfill = add(
        Command::new(BACKFILL).about(
            "Collects the history of commits that the suite has results for, and uploads it",
        ),
        backfill_options,
    );
    let tools = Command::new("tools")
        .about("Setup commands")
        .allow_external_subcommands(true)
        .subcommand(backfill);
    let completions = Command::new("completions")
        .about("Prints a shell completion script")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .help("Shell")
                .required(true)
                .value_parser(clap::value_parser!(Shell)),
        );
    options(Command::new("bktec"), GlobalArgs::augment_args)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Runs one node's share of a test suite")
        .after_help(
            "Every option can also be set by an environment variable; the option wins. \
             Durations look like 2m30s, booleans like true or false.",
        )
        .allow_external_subcommands(true)
        .subcommands([
            run,
            plan,
            upload,
            verify,
            summary,
            explain,
            doctor,
            tools,
            completions,
        ])
        .subcommand(Command::new("man").about("Prints the manual page, for man -l -"))
}

fn upload_options(upload: Command) -> Command {
    options(upload, UploadArgs::augment_args)
        .override_usage("bktec upload [OPTIONS] <FILE>...")
        .mut_args(|argument| match argument.get_help_heading() {
            Some(BUILD_HEADING) => argument
                .hide(false)
                .help_heading("Build [default: detected from the CI]"),
            _ => argument,
        })
}

fn verify_options(verify: Command) -> Command {
    options(verify, VerifyArgs::augment_args)
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
        .mut_arg("parallelism", |argument| argument.hide(true))
}

fn explain_options(explain: Command) -> Command {
    options(explain, ExplainArgs::augment_args)
        .override_usage("bktec explain [OPTIONS] [ITEM]...")
        // The others only decide the default of the identifier.
        .mut_args(|argument| {
            let is_shown = EXPLAIN_OPTIONS.contains(&argument.get_id().as_str());
            argument.hide(!is_shown)
        })
        .mut_arg("plan_identifier", |argument| {
            argument.help("Plan to explain [default: that of bktec run with the same settings]")
        })
}

fn backfill_options(backfill: Command) -> Command {
    options(backfill, BackfillArgs::augment_args)
        .mut_arg("organization_slug", |argument| argument.hide(false))
        .mut_arg("base_url", |argument| argument.hide(false))
}

/// Adds options. Flattened ones would replace the command's description by their own doc comment.
fn options(command: Command, augment: AddOptions) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    finished(augment(command)).about(about)
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
        Ok(Typed {
            global: GlobalArgs::from_arg_matches(matches)?,
            own: T::from_arg_matches(matches)?,
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
    let root = command();
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
        command().debug_assert();
    }

    #[test]
    fn selection_options_are_public() {
        let root = command();
        for name in ["run", "plan"] {
            let command = root.find_subcommand(name).unwrap();
            let is_strategy = |option: &&Arg| option.get_long() == Some("selection-strategy");
            assert!(!command.get_opts().find(is_strategy).unwrap().is_hide_set());
        }
        assert!(!root.find_subcommand("tools").unwrap().is_hide_set());
    }

    #[test]
    fn options_added_on_use_are_the_same() {
        let mut complete = command();
        let mut deferred = root(Command::defer);
        assert_eq!(options_of(&deferred), 0);
        for command in [&mut complete, &mut deferred] {
            command.build();
        }
        assert!(options_of(&complete) > 100);
        assert_eq!(help_of(&deferred), help_of(&complete));
    }

    fn all(root: &Command) -> impl Iterator<Item = &Command> {
        let nested = root.get_subcommands().flat_map(Command::get_subcommands);
        root.get_subcommands().chain(nested)
    }

    fn options_of(root: &Command) -> usize {
        all(root).map(|command| command.get_opts().count()).sum()
    }

    fn help_of(root: &Command) -> Vec<String> {
        let help = |command: &Command| command.clone().render_long_help().to_string();
        all(root).map(help).collect()
    }

    #[test]
    fn every_variable_is_in_the_table() {
        let root = command();
        let tools = root.find_subcommand("tools").unwrap();
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
}
