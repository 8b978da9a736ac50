//! Runs the attempts and handles their events: log lines, the event log, uploads, the timeline.
//!
//! `attempts` decides what an attempt is and when to retry; `report` has the texts.

use std::path::Path;

use test_engine_wire::{Case, Statistics, TestIdentity, TimelineEvent};

use super::event_log::EventLog;
use crate::attempts::{self, AttemptOptions, Managed, RunEvent, VerdictOptions};
use crate::commands::CommandError;
use crate::commands::node_report::NodeEnd;
use crate::process::{Capacity, Exit};
use crate::report::{self, Event, ReportContext, UploadFinished};
use crate::runners::{Runner, coverage_limit};
use crate::settings::RunSettings;
use crate::terminal::Terminal;
use crate::upload::Uploader;
use crate::{clock, exit_code};

pub(super) struct Execution<'a> {
    pub settings: &'a RunSettings,
    pub runner: &'a dyn Runner,
    pub cases: &'a [Case],
    pub muted: &'a [TestIdentity],
    pub skipped: &'a [TestIdentity],
    /// Why there is no plan.
    pub no_plan: Option<&'a str>,
    pub uploader: Option<&'a Uploader<'a>>,
    pub events: &'a EventLog<'a>,
    pub terminal: &'a Terminal,
}

pub(super) struct Executed {
    pub code: u8,
    /// By a signal.
    pub killed: bool,
    /// Tests that are not muted and failed in their last attempt.
    pub hard_failures: usize,
    pub timeline: Vec<TimelineEvent>,
    pub statistics: Statistics,
    pub end: NodeEnd,
}

impl Execution<'_> {
    pub(super) fn run(&self) -> Result<Executed, CommandError> {
        let options = AttemptOptions {
            retries: self.settings.common.runner.retries,
            retry_muted: self.settings.retry_muted,
            require_results: self.settings.fail_on_missing_results,
            verdict: VerdictOptions {
                trust_exit_code: self.settings.trust_exit_code,
                allow_missing_results: self.settings.allow_missing_results,
            },
            capacity: Capacity::of_system(self.runner.execution_env()),
        };
        let managed = Managed {
            muted: self.muted,
            skipped: self.skipped,
        };
        let mut timeline = Vec::new();
        let outcome = attempts::run(self.runner, self.cases, managed, &options, &mut |event| {
            self.handle(&event, &mut timeline);
        })
        .map_err(CommandError::runner("run the tests"))?;
        let scope = match (outcome.retries, self.settings.nodes) {
            (1.., _) => Some(coverage_limit::Scope::Retry),
            (0, 2..) => Some(coverage_limit::Scope::Node),
            (0, _) => None,
        };
        let coverage_limit = scope
            .filter(|_| report::may_be_coverage(&outcome))
            .and_then(|scope| coverage_limit::find(self.runner.base(), scope));
        let context = ReportContext {
            runner: self.runner.definition().name,
            skipped_by_engine: self.skipped,
            no_plan: self.no_plan,
            coverage_limit: coverage_limit.as_deref(),
        };
        if let Some(report) = report::report(&outcome, &context) {
            self.terminal.line(&report);
        }
        let code = exit_code::of_child(outcome.exit_code);
        for event in report::of_outcome(&outcome, code) {
            self.events.write(|| event);
        }
        // Every node knows all of them, and one list is enough.
        let skipped = if self.settings.node == 0 {
            self.skipped
        } else {
            &[]
        };
        Ok(Executed {
            code,
            killed: outcome.killed_by.is_some(),
            hard_failures: outcome.failed().count(),
            timeline,
            statistics: outcome.statistics(),
            end: NodeEnd::of(outcome, code, skipped),
        })
    }

    fn handle(&self, event: &RunEvent<'_>, timeline: &mut Vec<TimelineEvent>) {
        if let Some(name) = timeline_name(event) {
            timeline.push(TimelineEvent {
                timestamp: clock::now_rfc3339(),
                event: name,
            });
        }
        if let Some(lines) = report::lines(event) {
            self.terminal.line(&lines);
        }
        if let Some(command) = report::long_command(event) {
            self.terminal.debug(|| command);
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

    /// A failed upload is only a warning.
    fn upload(&self, path: &Path) {
        let Some((uploader, format)) = self.uploader.zip(self.runner.upload_format()) else {
            return;
        };
        let uploaded = uploader.upload(path, format);
        self.events.write(|| {
            let url = uploaded
                .as_ref()
                .ok()
                .map(|receipt| receipt.run_url.clone());
            Event::UploadFinished(UploadFinished {
                uploaded: uploaded.is_ok(),
                url: url.filter(|url| !url.is_empty()),
                error: uploaded.as_ref().err().map(ToString::to_string),
            })
        });
        match uploaded {
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

/// The name of the event in the timeline, if it is part of it.
fn timeline_name(event: &RunEvent<'_>) -> Option<String> {
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
