//! `bktec verify`: whether every test of a build ran.
//!
//! Reads what the nodes reported, from files or from the server, and prints one verdict per plan;
//! the worst decides the exit code.

mod error;
mod files;
mod missing;
mod report_files;
mod source;
mod text;
mod wait;

use serde::Serialize;
use test_engine_accounting::{Accounting, Accountings, Verdict};

pub use self::error::VerifyError;
use self::source::Reader;
pub(super) use self::source::Source;
use self::wait::PollLimits;
use crate::commands::CommandError;
use crate::commands::summary_file::append_summary;
use crate::exit_code;
use crate::settings::{VerifyOutput, VerifySettings};
use crate::terminal::Terminal;

/// The output as JSON.
#[derive(Serialize)]
struct Output<'a> {
    verdict: Verdict,
    accountings: &'a [Accounting],
}

/// Exits with 0 if every test is accounted for, 1 if not, and 16 if that is unknown; or with the
/// runner's code if it ran missing targets and failed.
pub(super) fn verify(
    settings: &VerifySettings,
    source: Source<'_>,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    let mut reader = Reader::new(settings, source, terminal);
    let limits = PollLimits {
        overall: settings.wait,
        interval: settings.poll_interval,
    };
    let first = wait::until_reported(limits, terminal, || reader.read())?;
    print(settings.output, &first, terminal)?;
    let missing = missing::of_build(&first, &settings.groups);
    let Some(run) = &settings.run_missing else {
        if !missing.is_empty() {
            terminal.stderr_line(
                "hint: bktec verify --run-missing runs what is missing on this machine",
            );
        }
        return conclude(settings, &first);
    };
    let Some(ran) = missing::run(&reader, run, &missing, terminal)? else {
        return conclude(settings, &first);
    };
    reader.add_report(ran.report_file.as_deref());
    let again = reader.read()?;
    print(settings.output, &again, terminal)?;
    let code = conclude(settings, &again)?;
    Ok(if ran.exit_code == exit_code::SUCCESS {
        code
    } else {
        ran.exit_code
    })
}

/// Writes the summary, and returns the exit code of the verdict.
fn conclude(settings: &VerifySettings, accountings: &Accountings) -> Result<u8, CommandError> {
    if let Some(path) = &settings.summary_file {
        append_summary(path, &text::markdown(accountings))?;
    }
    Ok(code(accountings.verdict()))
}

fn print(
    output: VerifyOutput,
    accountings: &Accountings,
    terminal: &Terminal,
) -> Result<(), CommandError> {
    let data = match output {
        VerifyOutput::Text => {
            terminal.line(text::text(accountings).trim_end());
            return Ok(());
        }
        VerifyOutput::Markdown => text::markdown(accountings),
        VerifyOutput::Json => {
            let output = Output {
                verdict: accountings.verdict(),
                accountings: &accountings.accountings,
            };
            let json = serde_json::to_string_pretty(&output)
                .expect("accountings contain only strings, numbers and lists");
            json + "\n"
        }
    };
    terminal
        .data(data.as_bytes())
        .map_err(|source| CommandError::Output {
            what: "the verdict to stdout".to_owned(),
            source,
        })
}

fn code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Complete => exit_code::SUCCESS,
        Verdict::Incomplete => exit_code::INCOMPLETE,
        Verdict::Unknown => exit_code::NOT_RUN,
    }
}
