//! The subcommands, one file each: orchestration only.
//!
//! A command sees settings, never clap and never the environment. It ends with an exit code or
//! with a [`CommandError`] that has one.

mod backfill;
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
mod upload;

use std::ffi::OsString;

pub use self::backfill::BackfillError;
pub use self::upload::UploadFilesError;
use crate::agent;
use crate::cli::{self, Invocation, Stop};
use crate::error::CommandError;
use crate::exit_code;
use crate::settings::{
    BackfillSettings, CommonSettings, PlanSettings, RunSettings, UploadFilesSettings,
};
use crate::terminal::Terminal;

/// The whole program: from its arguments to its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    match cli::parse(arguments) {
        Ok(Invocation::Run(typed)) => match RunSettings::resolve(&typed, &mut agent::mint_token) {
            Ok(settings) => {
                let terminal =
                    Terminal::for_run(settings.common.debug).folding(settings.common.folding);
                tell_what_was_found(&settings.common, &terminal);
                ended(run::run(&settings, &terminal), &terminal)
            }
            Err(problems) => ended(Err(problems.into()), &Terminal::for_run(false)),
        },
        Ok(Invocation::Plan(typed)) => {
            match PlanSettings::resolve(&typed, &mut agent::mint_token) {
                Ok(settings) => {
                    let terminal =
                        Terminal::for_data(settings.common.debug).folding(settings.common.folding);
                    tell_what_was_found(&settings.common, &terminal);
                    ended(plan::plan(&settings, &terminal), &terminal)
                }
                Err(problems) => ended(Err(problems.into()), &Terminal::for_data(false)),
            }
        }
        Ok(Invocation::Upload(typed)) => {
            match UploadFilesSettings::resolve(&typed, &mut agent::mint_token) {
                Ok(settings) => {
                    let terminal = Terminal::for_data(settings.debug);
                    ended(upload::upload(&settings, &terminal), &terminal)
                }
                Err(problems) => ended(Err(problems.into()), &Terminal::for_data(false)),
            }
        }
        Ok(Invocation::Backfill(typed)) => {
            match BackfillSettings::resolve(&typed, &mut agent::mint_token) {
                Ok(settings) => {
                    let terminal = Terminal::for_data(settings.debug);
                    ended(backfill::backfill(&settings, &terminal), &terminal)
                }
                Err(problems) => ended(Err(problems.into()), &Terminal::for_data(false)),
            }
        }
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
