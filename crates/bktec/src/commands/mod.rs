//! The subcommands, one file each: orchestration only.
//!
//! A command sees settings, never clap and never the environment. It ends with an exit code or
//! with a [`CommandError`] that has one.

mod backfill;
mod error;
mod git_metadata;
mod header;
mod json_indent;
mod location_prefix;
mod obtain;
mod plan;
mod plan_for_ci;
mod prepare;
mod request;
mod run;
mod shell;
mod targets;
mod tokens;
mod upload;

use std::ffi::OsString;

pub use self::backfill::BackfillError;
pub use self::error::CommandError;
pub use self::upload::UploadFilesError;
use crate::cli::{self, Invocation, PlanArgs, RunArgs, Stop, Typed, TypedBackfill, TypedUpload};
use crate::exit_code;
use crate::settings::{
    BackfillSettings, CommonSettings, PlanSettings, RunSettings, UploadFilesSettings,
};
use crate::terminal::Terminal;

/// The whole program: from its arguments to its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    match cli::parse(arguments) {
        Ok(Invocation::Run(typed)) => run_command(&typed),
        Ok(Invocation::Plan(typed)) => plan_command(&typed),
        Ok(Invocation::Upload(typed)) => upload_command(&typed),
        Ok(Invocation::Backfill(typed)) => backfill_command(&typed),
        Ok(Invocation::Completions { shell, command }) => {
            let terminal = Terminal::for_data(false);
            let script = shell::completions(shell, *command);
            ended(shell::print(Ok(script), &terminal), &terminal)
        }
        Ok(Invocation::Manual { command }) => {
            let terminal = Terminal::for_data(false);
            ended(shell::print(shell::manual(*command), &terminal), &terminal)
        }
        Err(stop) => stopped(&stop, &Terminal::for_run(false)),
    }
}

fn run_command(typed: &Typed<RunArgs>) -> u8 {
    let settings = match RunSettings::resolve(typed) {
        Ok(settings) => settings,
        Err(problems) => return ended(Err(problems.into()), &Terminal::for_run(false)),
    };
    let common = &settings.common;
    let terminal = Terminal::for_run(common.debug).folding(common.folding);
    tell_what_was_found(common, &terminal);
    let outcome = tokens::suite_access("run", &common.engine)
        .map_err(CommandError::from)
        .and_then(|suite| {
            let upload = tokens::upload_token(&settings, &suite);
            run::run(&settings, &run::Tokens { suite, upload }, &terminal)
        });
    ended(outcome, &terminal)
}

fn plan_command(typed: &Typed<PlanArgs>) -> u8 {
    let settings = match PlanSettings::resolve(typed) {
        Ok(settings) => settings,
        Err(problems) => return ended(Err(problems.into()), &Terminal::for_data(false)),
    };
    let common = &settings.common;
    let terminal = Terminal::for_data(common.debug).folding(common.folding);
    tell_what_was_found(common, &terminal);
    let outcome = tokens::suite_access("plan", &common.engine)
        .map_err(CommandError::from)
        .and_then(|suite| plan::plan(&settings, &suite, &terminal));
    ended(outcome, &terminal)
}

fn upload_command(typed: &TypedUpload) -> u8 {
    let settings = match UploadFilesSettings::resolve(typed) {
        Ok(settings) => settings,
        Err(problems) => return ended(Err(problems.into()), &Terminal::for_data(false)),
    };
    let terminal = Terminal::for_data(settings.debug);
    let outcome = tokens::suite_token(&settings)
        .map_err(CommandError::from)
        .and_then(|token| upload::upload(&settings, &token, &terminal));
    ended(outcome, &terminal)
}

fn backfill_command(typed: &TypedBackfill) -> u8 {
    let settings = match BackfillSettings::resolve(typed) {
        Ok(settings) => settings,
        Err(problems) => return ended(Err(problems.into()), &Terminal::for_data(false)),
    };
    let terminal = Terminal::for_data(settings.debug);
    let outcome = tokens::suite_access("tools backfill-commit-metadata", &settings.engine)
        .map_err(CommandError::from)
        .and_then(|suite| backfill::backfill(&settings, &suite, &terminal));
    ended(outcome, &terminal)
}

/// Whoever reads the log should see what was not configured but found.
fn tell_what_was_found(common: &CommonSettings, terminal: &Terminal) {
    if let Some(found) = &common.found {
        terminal.stderr_line(found);
    }
}

fn ended(outcome: Result<u8, CommandError>, terminal: &Terminal) -> u8 {
    outcome.unwrap_or_else(|error| {
        error.tell(terminal);
        exit_code::NOT_RUN
    })
}

fn stopped(stop: &Stop, terminal: &Terminal) -> u8 {
    match stop {
        Stop::Answer(text) => {
            terminal.line(text.trim_end());
            exit_code::SUCCESS
        }
        Stop::NoCommand { help } => {
            terminal.line(help.trim_end());
            terminal.stderr_line("command is required");
            exit_code::NOT_RUN
        }
        Stop::UnknownCommand { name, help } => {
            terminal.line(help.trim_end());
            terminal.stderr_line(&format!("invalid command: {name:?}"));
            exit_code::NOT_RUN
        }
        Stop::Usage(text) => {
            terminal.stderr_line(text.trim_end());
            exit_code::NOT_RUN
        }
    }
}
