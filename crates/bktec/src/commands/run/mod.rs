//! `bktec run`: plans, runs this node's share, retries, reports, uploads, sends plan metadata.

mod event_log;
mod execution;
mod missing;
mod plan_file;
mod planning;
mod population;
mod share;

use std::path::Path;

use secrecy::SecretString;
use test_engine_wire::{NodeState, PlanMetadataRequest, PlanSource, Statistics, TimelineEvent};

use self::event_log::EventLog;
use self::execution::{Executed, Execution};
pub(super) use self::missing::{Missing, run_missing};
pub use self::plan_file::PlanFileError;
pub(super) use self::plan_file::read as read_plan_file;
pub(super) use self::planning::Share;
use super::node_report::{NodeEnd, NodeReports, runs_missing_targets, send_metadata};
use super::request::PlanInputs;
use super::targets::Targets;
use super::{header, prepare, request};
use crate::commands::CommandError;
use crate::report::{self, Event, PlanReady, RunFailed, RunFinished, RunResult, RunStarted};
use crate::runners::Runner;
use crate::server_api::{Client, SuiteAccess, Transport};
use crate::settings::RunSettings;
use crate::terminal::Terminal;
use crate::upload::{UploadOptions, Uploader};
use crate::{agent, exit_code, process};

/// Fetched before anything else happens.
pub(super) struct Tokens {
    pub suite: SuiteAccess,
    /// The token for uploads, or why there is none.
    pub upload: Result<SecretString, String>,
}

/// Exits with the runner's code, or 0 if the only failures are muted tests.
pub(super) fn run(
    settings: &RunSettings,
    tokens: &Tokens,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    let events = EventLog::open(settings.events.as_ref(), terminal)?;
    events.write(|| started(settings));
    header::print(terminal);
    let outcome = run_share(settings, tokens, &events, terminal, |session| {
        session.planned_share()
    });
    if let Err(error) = &outcome {
        events.write(|| {
            Event::RunFailed(RunFailed {
                message: error.to_string(),
                exit_code: exit_code::NOT_RUN,
            })
        });
    }
    outcome
}

fn started(settings: &RunSettings) -> Event {
    let common = &settings.common;
    Event::RunStarted(RunStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        runner: common.runner.definition.name.to_owned(),
        organization: common.engine.organization_slug.clone(),
        suite: common.engine.suite_slug.clone(),
        plan_identifier: common.identifier.clone(),
        node: settings.node,
        nodes: settings.nodes,
        job_retry_count: common.build.job_retry_count,
    })
}

fn plan_ready(share: &Share) -> Event {
    Event::PlanReady(PlanReady {
        source: match share.source {
            PlanSource::Server => report::PlanSource::Server,
            PlanSource::File => report::PlanSource::File,
            PlanSource::Fallback => report::PlanSource::Fallback,
        },
        cases: share.cases.len(),
        muted: share.muted.len(),
        skipped: share.skipped.len(),
    })
}

fn finished_without_tests() -> Event {
    Event::RunFinished(RunFinished {
        result: RunResult::NoTests,
        exit_code: exit_code::SUCCESS,
        killed_by: None,
        retries: 0,
        statistics: Statistics::default(),
        targets_without_results: 0,
    })
}

/// Prepares everything that running a share needs, chooses the share and runs it.
fn run_share(
    settings: &RunSettings,
    tokens: &Tokens,
    events: &EventLog<'_>,
    terminal: &Terminal,
    choose: impl FnOnce(&Session<'_>) -> Result<Share, CommandError>,
) -> Result<u8, CommandError> {
    let common = &settings.common;
    let directory = prepare::working_directory()?;
    let token = tokens.upload.as_ref();
    if let Err(reason) = token {
        if settings.upload.enabled {
            terminal.warning(&format!("Results are not uploaded: {reason}."));
        } else {
            terminal.debug(|| format!("no upload token: {reason}"));
        }
    }
    let runner = prepare::runner(
        &common.runner,
        (settings.node, settings.nodes),
        token.ok(),
        directory.clone(),
        terminal,
    )?;
    let transport = Transport::new();
    let client = Client::new(&tokens.suite, &transport, terminal);
    let session = Session {
        settings,
        upload_token: token.ok(),
        runner: &*runner,
        directory: &directory,
        transport: &transport,
        client: &client,
        events,
        terminal,
    };
    process::prepare_helpers();
    let share = choose(&session)?;
    events.write(|| plan_ready(&share));
    let reports = NodeReports::start(settings, &share, &client, terminal);
    session.run(&share, &reports).inspect_err(|_| {
        reports.end(NodeEnd::without_results(
            NodeState::Failed,
            exit_code::NOT_RUN,
        ));
    })
}

/// What is needed to run a share.
struct Session<'a> {
    settings: &'a RunSettings,
    upload_token: Option<&'a SecretString>,
    runner: &'a dyn Runner,
    directory: &'a Path,
    transport: &'a Transport,
    client: &'a Client<'a>,
    events: &'a EventLog<'a>,
    terminal: &'a Terminal,
}

impl Session<'_> {
    fn targets(&self) -> Targets<'_> {
        Targets::new(&self.settings.common.runner, self.runner, self.terminal)
    }

    fn planned_share(&self) -> Result<Share, CommandError> {
        let inputs = PlanInputs {
            settings: &self.settings.common,
            runner: self.runner,
            targets: &self.targets(),
            max_parallelism: None,
            target_time: None,
            client: self.client,
            terminal: self.terminal,
        };
        planning::share(self.settings, &inputs)
    }

    fn run(&self, share: &Share, reports: &NodeReports<'_>) -> Result<u8, CommandError> {
        let settings = self.settings;
        if share.cases.is_empty() && !settings.common.runner.definition.chooses_tests {
            let metadata = self.metadata(share, Vec::new(), Statistics::default());
            if settings.fail_on_no_tests {
                if let Some(metadata) = &metadata {
                    send_metadata(self.client, metadata, self.terminal);
                }
                return Err(CommandError::NoTests);
            }
            self.terminal
                .line("There are no tests to run on this node.");
            self.events.write(finished_without_tests);
            let end = NodeEnd::without_results(NodeState::Finished, exit_code::SUCCESS);
            reports.end_with_metadata(end, metadata);
            return Ok(exit_code::SUCCESS);
        }
        let executed = self.execute(share)?;
        if executed.killed {
            // The sender of the signal expects this process to end as well.
            reports.end(executed.end);
            return Ok(executed.code);
        }
        // With --trust-exit-code, the job passes in spite of failures.
        if executed.code != exit_code::SUCCESS {
            promise_failure(settings, executed.hard_failures, self.terminal);
        }
        let metadata = self.metadata(share, executed.timeline, executed.statistics);
        reports.end_with_metadata(executed.end, metadata);
        Ok(executed.code)
    }

    fn execute(&self, share: &Share) -> Result<Executed, CommandError> {
        let settings = self.settings;
        let common = &settings.common;
        let token = self.upload_token.filter(|_| settings.upload.enabled);
        let uploader = token.map(|token| {
            let options = UploadOptions {
                url: settings.upload.url.clone(),
                token,
                run: &common.run,
                location_prefix: request::prefix(common),
                tags: &settings.upload.tags,
                directory: self.directory,
                is_explicit_directory: false,
                time_scale: common.engine.time_scale,
            };
            Uploader::for_run(
                &options,
                common.runner.definition.name,
                !common.build.build_id.is_empty(),
                self.transport,
                self.terminal,
            )
        });
        let execution = Execution {
            settings,
            runner: self.runner,
            cases: &share.cases,
            muted: &share.muted,
            skipped: &share.skipped,
            no_plan: share.no_plan.as_deref(),
            uploader: uploader.as_ref(),
            events: self.events,
            terminal: self.terminal,
        };
        execution.run()
    }

    /// None for a fallback plan, which the server does not know, and for a job that is no node of
    /// the plan.
    fn metadata(
        &self,
        share: &Share,
        timeline: Vec<TimelineEvent>,
        statistics: Statistics,
    ) -> Option<PlanMetadataRequest> {
        if share.source == PlanSource::Fallback || runs_missing_targets(self.settings) {
            return None;
        }
        let mut env = self.settings.common.env_payload();
        env.buildkite_test_engine_identifier
            .clone_from(&share.identifier);
        Some(PlanMetadataRequest {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            env,
            timeline,
            statistics,
        })
    }
}

/// A failure to promise is only a warning.
fn promise_failure(settings: &RunSettings, hard_failures: usize, terminal: &Terminal) {
    if !settings.promise_failure || hard_failures == 0 {
        return;
    }
    let agent = &settings.common.engine.agent;
    if let Err(error) = agent::promise_failure(agent, hard_failures) {
        terminal.warning(&format!("failed to promise the job's failure: {error}"));
    }
}
