//! Runs the attempts, and does what is to be done around each: lines in the log, uploads, times.
//!
//! What an attempt is and when another is made is `attempts`' business; what is said about it is
//! `report`'s.

use std::path::Path;

use test_engine_wire::{Case, Statistics, TestIdentity, TimelineEvent};

use super::event_log::EventLog;
use crate::attempts::{self, AttemptOptions, Managed, RunEvent};
use crate::commands::CommandError;
use crate::process::{Capacity, Exit};
use crate::report::{self, Event, ReportContext, UploadFinished};
use crate::runners::Runner;
use crate::settings::RunSettings;
use crate::terminal::Terminal;
use crate::upload::Uploader;
use crate::{clock, exit_code};

/// Everything that the attempts need.
pub(super) struct Execution<'a> {
    pub settings: &'a RunSettings,
    pub runner: &'a dyn Runner,
    pub cases: &'a [Case],
    pub muted: &'a [TestIdentity],
    pub skipped: &'a [TestIdentity],
    pub uploader: Option<&'a Uploader<'a>>,
    pub events: &'a EventLog<'a>,
    pub terminal: &'a Terminal,
}

/// How it went.
pub(super) struct Executed {
    /// What this process exits with.
    pub code: u8,
    /// A signal ended the runner.
    pub killed: bool,
    /// Tests that failed to the end and are not muted.
    pub hard_failures: usize,
    /// When each attempt began and ended.
    pub timeline: Vec<TimelineEvent>,
    /// How many tests ended how.
    pub statistics: Statistics,
}

impl Execution<'_> {
    /// Runs to the end and prints the report.
    pub(super) fn run(&self) -> Result<Executed, CommandError> {
        let options = AttemptOptions {
            retries: self.settings.common.runner.retries,
            retry_muted: self.settings.retry_muted,
            require_results: self.settings.fail_on_missing_results,
            capacity: Capacity::of_system(self.runner.execution_env()),
        };
        let managed = Managed {
            muted: self.muted,
            skipped: self.skipped,
        };
        let mut timeline = Vec::new();
        let outcome = attempts::run(self.runner, self.cases, managed, &options, &mut |event| {
            self.follow(&event, &mut timeline);
        })
        .map_err(CommandError::runner("run the tests"))?;
        let context = ReportContext {
            runner: self.runner.definition().name,
            skipped_by_engine: self.skipped,
        };
        if let Some(report) = report::report(&outcome, &context) {
            self.terminal.line(&report);
        }
        let code = exit_code::of_child(outcome.exit_code);
        for event in report::of_outcome(&outcome, code) {
            self.events.write(|| event);
        }
        Ok(Executed {
            code,
            killed: outcome.killed_by.is_some(),
            hard_failures: outcome.failed().count(),
            timeline,
            statistics: outcome.statistics(),
        })
    }

    fn follow(&self, event: &RunEvent<'_>, timeline: &mut Vec<TimelineEvent>) {
        if let Some(moment) = moment(event) {
            timeline.push(TimelineEvent {
                timestamp: clock::now_rfc3339(),
                event: moment,
            });
        }
        if let Some(lines) = report::lines(event) {
            self.terminal.line(&lines);
        }
        self.events.write(|| event.into());
        if let RunEvent::AttemptFinished {
            result_file: Some(path),
            exit: Exit::Code(_),
            ..
        }
        | RunEvent::PartFinished {
            result_file: Some(path),
            exit: Exit::Code(_),
            ..
        } = event
        {
            self.upload(path);
        }
    }

    /// Whatever goes wrong here is told and changes nothing else.
    fn upload(&self, path: &Path) {
        let Some((uploader, format)) = self.uploader.zip(self.runner.upload_format()) else {
            return;
        };
        let sent = uploader.upload(path, format);
        self.events.write(|| {
            let url = sent.as_ref().ok().map(|receipt| receipt.run_url.clone());
            Event::UploadFinished(UploadFinished {
                uploaded: sent.is_ok(),
                url: url.filter(|url| !url.is_empty()),
                error: sent.as_ref().err().map(ToString::to_string),
            })
        });
        match sent {
            Ok(receipt) if receipt.run_url.is_empty() => {
                self.terminal.debug(|| "uploaded the results".to_owned());
            }
            Ok(receipt) => self
                .terminal
                .line(&format!("Uploaded the results to {}", receipt.run_url)),
            Err(error) => self.terminal.warning(&error.to_string()),
        }
    }
}

/// The name of this moment in the timeline, if it has one.
fn moment(event: &RunEvent<'_>) -> Option<String> {
    let (attempt, end) = match event {
        RunEvent::AttemptStarted { attempt, .. } => (*attempt, "start"),
        RunEvent::AttemptFinished { attempt, .. } => (*attempt, "end"),
        _ => return None,
    };
    Some(match attempt {
        0 => format!("test_{end}"),
        retry => format!("retry_{retry}_{end}"),
    })
}
