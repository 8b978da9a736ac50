//! The subcommands: orchestration of the modules below.
//!
//! A command takes settings; it sees neither clap nor the environment. It ends with an exit code
//! or a [`CommandError`].

mod backfill;
mod doctor;
mod error;
mod explain;
mod git_metadata;
mod header;
mod json_indent;
mod location_prefix;
mod node_report;
mod obtain;
mod plan;
mod plan_for_ci;
mod prepare;
mod request;
mod run;
mod selection_line;
mod shell;
mod summary;
mod summary_file;
mod targets;
mod tokens;
mod upload;
mod verify;

use std::ffi::OsString;

pub use self::backfill::BackfillError;
pub use self::error::CommandError;
pub use self::run::PlanFileError;
pub use self::upload::UploadFilesError;
pub use self::verify::VerifyError;
use crate::cli::{
    self, BackfillArgs, DoctorArgs, ExplainArgs, Invocation, PlanArgs, RunArgs, Stop, SummaryArgs,
    Typed, UploadArgs, VerifyArgs,
};
use crate::settings::{
    BackfillSettings, CommonSettings, ExplainSettings, PlanSettings, RunSettings, SummarySettings,
    UploadFilesSettings, VerifyOutput, VerifySettings, VerifySource,
};
use crate::terminal::Terminal;
use crate::{exit_code, process};

/// The whole program: from its arguments to its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let terminal = Terminal::for_data(false);
    let invocation = cli::parse(arguments);
    // Before anything else: a missing setting may be a misspelt one.
    if let Ok(invocation) = &invocation
        && invocation.reads_variables()
        && let Some(warning) = cli::unknown_variables_warning()
    {
        terminal.warning(&warning);
    }
    let outcome = match invocation {
        Ok(Invocation::Run(typed)) => run_command(&typed),
        Ok(Invocation::Plan(typed)) => plan_command(&typed),
        Ok(Invocation::Upload(typed)) => upload_command(&typed),
        Ok(Invocation::Verify(typed)) => verify_command(&typed),
        Ok(Invocation::Summary(typed)) => summary_command(&typed),
        Ok(Invocation::Explain(typed)) => explain_command(&typed),
        Ok(Invocation::Doctor(typed)) => doctor_command(*typed),
        Ok(Invocation::Backfill(typed)) => backfill_command(&typed),
        Ok(Invocation::Completions { shell, command }) => {
            shell::print(Ok(shell::completions(shell, *command)), &terminal)
        }
        Ok(Invocation::Manual { command }) => shell::print(shell::manual(*command), &terminal),
        Err(stop) => return stopped(&stop),
    };
    outcome.unwrap_or_else(|error| {
        error.report(&terminal);
        exit_code::NOT_RUN
    })
}

fn run_command(typed: &Typed<RunArgs>) -> Result<u8, CommandError> {
    let settings = RunSettings::resolve(typed)?;
    let common = &settings.common;
    let terminal = Terminal::for_run(common.debug).folding(common.folding);
    log_detected(common, &terminal);
    let suite = tokens::suite_access("run", &common.engine)?;
    let upload = tokens::upload_token(&settings, &suite);
    let outcome = run::run(&settings, &run::Tokens { suite, upload }, &terminal);
    process::reap_helpers();
    outcome
}

fn plan_command(typed: &Typed<PlanArgs>) -> Result<u8, CommandError> {
    let settings = PlanSettings::resolve(typed)?;
    let common = &settings.common;
    let terminal = Terminal::for_data(common.debug).folding(common.folding);
    log_detected(common, &terminal);
    let suite = tokens::suite_access("plan", &common.engine)?;
    plan::plan(&settings, &suite, &terminal)
}

fn upload_command(typed: &Typed<UploadArgs>) -> Result<u8, CommandError> {
    let settings = UploadFilesSettings::resolve(typed)?;
    let token = tokens::suite_token(&settings)?;
    upload::upload(&settings, &token, &Terminal::for_data(settings.debug))
}

fn verify_command(typed: &Typed<VerifyArgs>) -> Result<u8, CommandError> {
    let settings = VerifySettings::resolve(typed)?;
    let terminal = match settings.output {
        VerifyOutput::Text => Terminal::for_run(settings.debug),
        VerifyOutput::Markdown | VerifyOutput::Json => Terminal::for_data(settings.debug),
    };
    let terminal = terminal.folding(settings.folding);
    if let Some(detected) = &settings.detected {
        terminal.stderr_line(detected);
    }
    let source = match &settings.source {
        VerifySource::Files(files) => verify::Source::Files(files),
        VerifySource::Server { engine, files } => verify::Source::Server {
            suite: tokens::suite_access("verify", engine)?,
            files: files.as_ref(),
        },
    };
    verify::verify(&settings, source, &terminal)
}

fn summary_command(typed: &Typed<SummaryArgs>) -> Result<u8, CommandError> {
    let settings = SummarySettings::resolve(typed)?;
    let terminal = Terminal::for_data(settings.debug);
    if let Some(detected) = &settings.detected {
        terminal.stderr_line(detected);
    }
    let suite = tokens::suite_access("summary", &settings.engine)?;
    summary::summary(&settings, &suite, &terminal)
}

fn explain_command(typed: &Typed<ExplainArgs>) -> Result<u8, CommandError> {
    let settings = ExplainSettings::resolve(typed)?;
    let terminal = Terminal::for_data(settings.debug);
    if let Some(detected) = &settings.detected {
        terminal.stderr_line(detected);
    }
    let suite = tokens::suite_access("explain", &settings.engine)?;
    explain::explain(&settings, &suite, &terminal)
}

fn doctor_command(typed: Typed<DoctorArgs>) -> Result<u8, CommandError> {
    let is_json = typed.own.json.ok().unwrap_or_default();
    let run = Typed {
        global: typed.global,
        own: typed.own.run,
        ci_environment: typed.ci_environment,
        time_scale: typed.time_scale,
    };
    let terminal = Terminal::for_data(run.global.debug.ok().unwrap_or_default());
    doctor::doctor(RunSettings::resolve(&run), is_json, &terminal)
}

fn backfill_command(typed: &Typed<BackfillArgs>) -> Result<u8, CommandError> {
    let settings = BackfillSettings::resolve(typed)?;
    let suite = tokens::suite_access("tools backfill-commit-metadata", &settings.engine)?;
    backfill::backfill(&settings, &suite, &Terminal::for_data(settings.debug))
}

/// Values that were not configured must be visible in the log.
fn log_detected(common: &CommonSettings, terminal: &Terminal) {
    if let Some(detected) = &common.detected {
        terminal.stderr_line(detected);
    }
}

fn stopped(stop: &Stop) -> u8 {
    let terminal = Terminal::for_run(false);
    match stop {
        Stop::Answer(text) => {
            terminal.line(text.trim_end());
            return exit_code::SUCCESS;
        }
        Stop::NoCommand { help } => {
            terminal.line(help.trim_end());
            terminal.stderr_line("command is required");
        }
        Stop::UnknownCommand { name, help } => {
            terminal.line(help.trim_end());
            terminal.stderr_line(&format!("invalid command: {name:?}"));
        }
        Stop::Usage(text) => terminal.stderr_line(text.trim_end()),
    }
    exit_code::NOT_RUN
}
