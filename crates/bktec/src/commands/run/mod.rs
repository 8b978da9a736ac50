//! `bktec run`: plans, runs this node's share, retries, reports, uploads, sends plan metadata.

mod event_log;
mod execution;
mod share;

use secrecy::SecretString;
use test_engine_wire::{Case, Plan, PlanMetadataRequest, Statistics, TestIdentity, TimelineEvent};

use self::event_log::EventLog;
use self::execution::{Executed, Execution};
use super::obtain::{self, Obtained};
use super::request::PlanInputs;
use super::{header, prepare, request, targets};
use crate::commands::CommandError;
use crate::report::{Event, PlanReady, PlanSource, RunFailed, RunFinished, RunResult, RunStarted};
use crate::server_api::{Client, SuiteAccess, Transport};
use crate::settings::{CommonSettings, RunSettings};
use crate::split_summary::split_summary;
use crate::terminal::Terminal;
use crate::upload::{UploadOptions, Uploader};
use crate::{agent, exit_code, fallback};

/// What this node runs.
struct Share {
    cases: Vec<Case>,
    muted: Vec<TestIdentity>,
    skipped: Vec<TestIdentity>,
    /// From the server's plan, not the fallback plan.
    planned: bool,
}

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
    let outcome = run_share(settings, tokens, &events, terminal);
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
        source: if share.planned {
            PlanSource::Server
        } else {
            PlanSource::Fallback
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

fn run_share(
    settings: &RunSettings,
    tokens: &Tokens,
    events: &EventLog<'_>,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    header::print(terminal);
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
    let targets = targets::collect(&common.runner, &*runner, terminal)
        .map_err(CommandError::runner("find the tests"))?;
    terminal.debug(|| format!("{} targets", targets.len()));

    let transport = Transport::new();
    let client = Client::new(&tokens.suite, &transport, terminal);
    let share = share(
        settings,
        &PlanInputs {
            settings: common,
            runner: &*runner,
            targets: &targets,
            max_parallelism: None,
            target_time: None,
            client: &client,
            terminal,
        },
    )?;
    events.write(|| plan_ready(&share));
    if share.cases.is_empty() && !common.runner.definition.chooses_tests {
        if share.planned {
            send_metadata(common, &[], Statistics::default(), &client, terminal);
        }
        if settings.fail_on_no_tests {
            return Err(CommandError::NoTests);
        }
        terminal.line("There are no tests to run on this node.");
        events.write(finished_without_tests);
        return Ok(exit_code::SUCCESS);
    }

    let prefix = request::prefix(common);
    let uploader = token.ok().filter(|_| settings.upload.enabled).map(|token| {
        let options = UploadOptions {
            url: settings.upload.url.clone(),
            token,
            run: &common.run,
            location_prefix: prefix,
            tags: &settings.upload.tags,
            directory: &directory,
            time_scale: common.engine.time_scale,
        };
        Uploader::for_run(
            &options,
            common.runner.definition.name,
            !common.build.build_id.is_empty(),
            &transport,
            terminal,
        )
    });
    let execution = Execution {
        settings,
        runner: &*runner,
        cases: &share.cases,
        muted: &share.muted,
        skipped: &share.skipped,
        uploader: uploader.as_ref(),
        events,
        terminal,
    };
    let executed = execution.run()?;
    if executed.killed {
        // Whoever sent the signal expects this process to end as well.
        return Ok(executed.code);
    }
    promise_failure(settings, &executed, terminal);
    if share.planned {
        let Executed {
            timeline,
            statistics,
            ..
        } = &executed;
        send_metadata(common, timeline, *statistics, &client, terminal);
    }
    Ok(executed.code)
}

/// Takes this node's share of the server's plan, or of the fallback plan.
fn share(settings: &RunSettings, inputs: &PlanInputs<'_>) -> Result<Share, CommandError> {
    let definition = settings.common.runner.definition;
    let reason = match obtain::fetch_or_create(inputs)? {
        Obtained::Plan(response) => {
            let plan = response.plan;
            if !plan.tasks.is_empty() || definition.chooses_tests {
                return planned(settings, plan, inputs.terminal);
            }
            "The server could not plan these tests.".to_owned()
        }
        Obtained::Unavailable(reason) => reason,
    };
    inputs.terminal.warning(&format!(
        "{reason} {}: each node runs every Nth {} of the sorted list. The build may take longer.",
        fallback::WARNING,
        definition.target_noun.trim_start_matches("test ")
    ));
    Ok(Share {
        cases: fallback::cases(inputs.targets, settings.node, settings.nodes),
        muted: Vec::new(),
        skipped: Vec::new(),
        planned: false,
    })
}

fn planned(settings: &RunSettings, plan: Plan, terminal: &Terminal) -> Result<Share, CommandError> {
    let common = &settings.common;
    let definition = common.runner.definition;
    if let Some(summary) = split_summary(&plan, Some(settings.node), definition) {
        terminal.line(&summary);
    }
    let cases = if definition.chooses_tests {
        Vec::new()
    } else {
        let prefix = request::prefix(common);
        share::of_node(&plan, settings.node, settings.nodes, prefix)
            .map_err(|error| CommandError::Plan(error.to_string()))?
    };
    Ok(Share {
        cases,
        muted: plan.muted_tests,
        skipped: plan.skipped_tests,
        planned: true,
    })
}

/// A failure to promise is only a warning.
fn promise_failure(settings: &RunSettings, executed: &Executed, terminal: &Terminal) {
    if !settings.promise_failure || executed.hard_failures == 0 {
        return;
    }
    let agent = &settings.common.engine.agent;
    if let Err(error) = agent::promise_failure(agent, executed.hard_failures) {
        terminal.warning(&format!("failed to promise the job's failure: {error}"));
    }
}

/// A failure to send is only a warning.
fn send_metadata(
    common: &CommonSettings,
    timeline: &[TimelineEvent],
    statistics: Statistics,
    client: &Client<'_>,
    terminal: &Terminal,
) {
    let request = PlanMetadataRequest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        env: common.env_payload(),
        timeline: timeline.to_vec(),
        statistics,
    };
    if let Err(error) = client.send_plan_metadata(&request) {
        terminal.warning(&error.to_string());
    }
}
