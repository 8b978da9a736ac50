//! This node's report for the accounting of the build: written to a directory, sent to the server.
//!
//! A report never changes the exit code of the node; what fails is one warning.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};

use test_engine_wire::{
    ExcuseReason, ExcusedTest, Loading, NodeReport, NodeState, PlanMetadataRequest, PlanSource,
    TargetOutcome, TargetReport, TestIdentity,
};
use uuid::Uuid;

use super::location_prefix;
use super::request;
use super::run::Share;
use crate::attempts::RunOutcome;
use crate::clock;
use crate::server_api::{Client, FirstReport};
use crate::settings::RunSettings;
use crate::terminal::Terminal;

/// Deselected tests in a report; their number is known for each target.
const MAX_NAMED: usize = 1000;

/// The reports of one job, from its first to its last.
pub(super) struct NodeReports<'a> {
    /// As at the start.
    report: NodeReport,
    names: Names<'a>,
    file: Option<PathBuf>,
    delivery: Delivery,
    takes_metadata: bool,
    first: Cell<Option<FirstReport>>,
    client: &'a Client<'a>,
    terminal: &'a Terminal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    /// The server does not store reports.
    None,
    /// The server was unavailable a moment ago.
    LastOnly,
    FirstAndLast,
}

/// How a job ended.
pub(super) struct NodeEnd {
    pub state: NodeState,
    pub exit_code: u8,
    /// By a signal.
    pub killed: bool,
    /// Empty if no target is known to have run.
    pub targets: Vec<TargetReport>,
    pub excused: Vec<ExcusedTest>,
    pub has_focus: bool,
    pub loading: Option<Loading>,
}

impl NodeEnd {
    /// No test ran.
    pub fn without_results(state: NodeState, exit_code: u8) -> Self {
        Self {
            state,
            exit_code,
            killed: false,
            targets: Vec::new(),
            excused: Vec::new(),
            has_focus: false,
            loading: None,
        }
    }

    pub fn of(outcome: RunOutcome, exit_code: u8, skipped: &[TestIdentity]) -> Self {
        let killed = outcome.killed_by.is_some();
        Self {
            state: if killed {
                NodeState::Failed
            } else {
                NodeState::Finished
            },
            exit_code,
            killed,
            excused: excused(&outcome, skipped),
            has_focus: outcome.has_focus,
            loading: outcome.loading,
            targets: outcome.targets,
        }
    }
}

fn excused(outcome: &RunOutcome, skipped: &[TestIdentity]) -> Vec<ExcusedTest> {
    let muted = outcome
        .tests
        .iter()
        .filter(|test| test.muted && test.is_failed());
    let muted = muted.map(|test| (&test.key.scope, &test.key.name, ExcuseReason::Muted));
    let skipped = skipped.iter();
    let skipped = skipped.map(|test| (&test.scope, &test.name, ExcuseReason::Skipped));
    let deselected = outcome.deselected.iter().take(MAX_NAMED);
    let deselected = deselected.map(|test| (&test.scope, &test.name, ExcuseReason::NotSelected));
    let mut excused: Vec<ExcusedTest> = muted
        .chain(skipped)
        .chain(deselected)
        .map(|(scope, name, reason)| ExcusedTest {
            scope: scope.clone(),
            name: name.clone(),
            reason,
        })
        .collect();
    excused.sort();
    excused.dedup();
    excused
}

/// Names targets as the plan does.
struct Names<'a> {
    share: &'a Share,
    /// Added to targets that are not in the plan, as in the plan's own names.
    prefix: &'a str,
}

impl Names<'_> {
    fn in_plan(&self, mut target: TargetReport) -> TargetReport {
        let (name, is_planned) = self.share.names.planned_name(&target.value);
        target.planned &= is_planned;
        target.value = match name {
            Some(name) if target.planned => name.to_owned(),
            _ => location_prefix::add(self.prefix, &target.value).into_owned(),
        };
        target
    }
}

impl<'a> NodeReports<'a> {
    /// Writes and sends the first report.
    pub fn start(
        settings: &'a RunSettings,
        share: &'a Share,
        client: &'a Client<'a>,
        terminal: &'a Terminal,
    ) -> Self {
        let reports = Self {
            report: first_report(settings, share),
            names: Names {
                share,
                prefix: request::name_prefix(&settings.common),
            },
            file: report_path(settings),
            delivery: match (share.takes_reports, share.source) {
                (false, _) => Delivery::None,
                (true, PlanSource::Fallback) => Delivery::LastOnly,
                (true, PlanSource::Server | PlanSource::File) => Delivery::FirstAndLast,
            },
            takes_metadata: share.takes_metadata_in_reports,
            first: Cell::default(),
            client,
            terminal,
        };
        if reports.delivery == Delivery::FirstAndLast || reports.file.is_some() {
            let report = NodeReport {
                targets: reports.targets_not_run(),
                ..reports.report.clone()
            };
            reports.write(&report);
            if reports.delivery == Delivery::FirstAndLast {
                let first = client.send_node_report_in_background(report);
                reports.first.set(Some(first));
            }
        }
        reports
    }

    /// Writes and sends the last report.
    pub fn end(&self, end: NodeEnd) {
        self.end_with_metadata(end, None);
    }

    /// As [`Self::end`], and sends the metadata of the node's run: in the report where the server
    /// reads it there, otherwise in a request of its own at the same time.
    pub fn end_with_metadata(&self, end: NodeEnd, metadata: Option<PlanMetadataRequest>) {
        let is_sent_in_report = self.takes_metadata && self.delivery == Delivery::FirstAndLast;
        let (inside, beside) = if is_sent_in_report {
            (metadata, None)
        } else {
            (None, metadata)
        };
        std::thread::scope(|scope| {
            if let Some(metadata) = &beside {
                scope.spawn(|| send_metadata(self.client, metadata, self.terminal));
            }
            self.end_report(end, inside);
        });
    }

    fn end_report(&self, end: NodeEnd, metadata: Option<PlanMetadataRequest>) {
        drop(self.first.take());
        if self.delivery == Delivery::None && self.file.is_none() {
            return;
        }
        let targets = if end.targets.is_empty() {
            self.targets_not_run()
        } else {
            let targets = end.targets.into_iter();
            targets.map(|target| self.names.in_plan(target)).collect()
        };
        let mut report = NodeReport {
            state: end.state,
            targets,
            excused_tests: end.excused,
            has_focus: end.has_focus,
            loading: end.loading,
            exit_code: Some(i32::from(end.exit_code)),
            finished_at: Some(clock::now_rfc3339()),
            ..self.report.clone()
        };
        self.write(&report);
        report.metadata = metadata;
        self.send(&report, end.killed);
    }

    fn send(&self, report: &NodeReport, single_try: bool) {
        match self.delivery {
            Delivery::None => {}
            Delivery::FirstAndLast if !single_try => {
                if let Err(error) = self.client.send_node_report(report) {
                    self.terminal.warning(&error.to_string());
                }
            }
            // A warning says already that the server is unavailable, or that a signal ended the
            // tests.
            Delivery::FirstAndLast | Delivery::LastOnly => {
                if let Err(failure) = self.client.send_node_report_once(report) {
                    let debug = || format!("failed to send the node report: {failure}");
                    self.terminal.debug(debug);
                }
            }
        }
    }

    fn targets_not_run(&self) -> Vec<TargetReport> {
        let cases = self.names.share.cases.iter();
        let targets = cases.map(|case| TargetReport {
            value: case.target().to_owned(),
            planned: true,
            expected_tests: case.expected_tests,
            outcome: TargetOutcome::NotRun,
            ..TargetReport::default()
        });
        targets.map(|target| self.names.in_plan(target)).collect()
    }

    fn write(&self, report: &NodeReport) {
        let Some(path) = &self.file else { return };
        if let Err(error) = replace(path, report) {
            self.terminal.warning(&format!(
                "failed to write the node report {}: {error}",
                path.display()
            ));
        }
    }
}

/// A failure is only a warning.
pub(super) fn send_metadata(
    client: &Client<'_>,
    request: &PlanMetadataRequest,
    terminal: &Terminal,
) {
    if let Err(error) = client.send_plan_metadata(request) {
        terminal.warning(&error.to_string());
    }
}

/// The file of this node's report, if one is written.
pub(super) fn report_path(settings: &RunSettings) -> Option<PathBuf> {
    Some(
        settings
            .report
            .directory
            .as_ref()?
            .join(file_name(settings)),
    )
}

fn first_report(settings: &RunSettings, share: &Share) -> NodeReport {
    let build = &settings.common.build;
    let mut population = share.population.clone();
    let prefix = request::name_prefix(&settings.common);
    for target in &mut population.only_here {
        *target = location_prefix::add(prefix, target).into_owned();
    }
    NodeReport {
        identifier: share.identifier.clone(),
        build_id: build.build_id.clone(),
        run_key: Some(&settings.common.run.key)
            .filter(|key| **key != build.build_id)
            .cloned()
            .unwrap_or_default(),
        location_prefix: settings
            .common
            .runner
            .location_prefix
            .clone()
            .unwrap_or_default(),
        group: settings.report.group.clone(),
        node: u32::try_from(settings.node).unwrap_or(u32::MAX),
        parallelism: u32::try_from(settings.nodes).unwrap_or(u32::MAX),
        job_retry_count: u32::try_from(build.job_retry_count).unwrap_or(u32::MAX),
        job_id: job_id(settings),
        state: NodeState::Started,
        plan_source: share.source,
        runner: settings.common.runner.definition.name.to_owned(),
        population,
        plan_digest: share.plan_digest.clone(),
        started_at: clock::now_rfc3339(),
        ..NodeReport::default()
    }
}

/// One more node, after those of the step.
pub(super) fn runs_missing_targets(settings: &RunSettings) -> bool {
    settings.node >= settings.nodes
}

/// The CI's ID of this job, with a random part where jobs share it: those of a matrix on GitHub.
fn job_id(settings: &RunSettings) -> String {
    let common = &settings.common;
    let job = &common.build.job_id;
    if runs_missing_targets(settings) || (!job.is_empty() && common.run.ci != "github_actions") {
        return job.clone();
    }
    let retry = common.build.job_retry_count.to_string();
    let random = Uuid::new_v4().to_string();
    [&common.build.build_id, job, &retry, &random]
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("/")
}

/// Reports of different plans, groups, nodes and retries have different names, because CIs download
/// the artifacts of several jobs into one directory.
fn file_name(settings: &RunSettings) -> String {
    let (identifier, group) = (&settings.common.identifier, &settings.report.group);
    let (node, retry) = (settings.node, settings.common.build.job_retry_count);
    let job = if runs_missing_targets(settings) {
        settings.common.build.job_id.as_str()
    } else {
        ""
    };
    let mut hasher = DefaultHasher::new();
    (identifier, group, job).hash(&mut hasher);
    let unique = hasher.finish();
    format!("bktec-node-{node}-{retry}-{unique:016x}.json")
}

/// Never leaves a part of a report under its name.
fn replace(path: &Path, report: &NodeReport) -> io::Result<()> {
    let text = serde_json::to_vec(report)?;
    if let Some(directory) = path.parent() {
        fs_err::create_dir_all(directory)?;
    }
    let temporary = path.with_extension(format!("json.{}.tmp", std::process::id()));
    fs_err::write(&temporary, text)?;
    fs_err::rename(&temporary, path)
}
