//! The settings of `bktec run`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::common::{self, CommonSettings};
use super::nodes::CommandKind;
use super::problems::{InvalidConfiguration, Problems};
use super::tokens::{AgentToken, TokenSource};
use crate::cli::{
    CommonArgs, Fallback, Opt, ResultArgs, RunArgs, RunnerArgs, SelectionArgs, Typed,
    UnplannedTargets, VerifyArgs,
};
use crate::runners;

pub(super) const DEFAULT_UPLOAD_BASE_URL: &str = "https://analytics-api.buildkite.com";

#[derive(Clone, Debug)]
pub struct UploadSettings {
    pub enabled: bool,
    /// The upload API, including the path.
    pub url: String,
    /// `None` when none is set and OIDC is off. The runner's environment has the token too, for
    /// test collectors.
    pub token: Option<TokenSource>,
    pub tags: BTreeMap<String, String>,
}

/// Where the node's share comes from.
#[derive(Clone, Debug, Default)]
pub struct ShareSettings {
    pub plan_file: Option<PathBuf>,
    /// The identifier that the plan file must have, if one was given.
    pub plan_file_identifier: Option<String>,
    pub fallback: Fallback,
    pub unplanned_targets: UnplannedTargets,
}

#[derive(Clone, Debug, Default)]
pub struct NodeReportSettings {
    /// Created if it does not exist.
    pub directory: Option<PathBuf>,
    /// Name of the matrix leg; empty without a matrix.
    pub group: String,
}

#[derive(Clone, Debug)]
pub struct RunSettings {
    pub common: CommonSettings,
    pub share: ShareSettings,
    pub report: NodeReportSettings,
    /// From 0, below `nodes`.
    pub node: usize,
    /// 1 to 1000.
    pub nodes: usize,
    pub retry_muted: bool,
    pub fail_on_no_tests: bool,
    pub fail_on_missing_results: bool,
    pub allow_missing_results: bool,
    pub trust_exit_code: bool,
    pub promise_failure: bool,
    pub upload: UploadSettings,
    pub events: Option<EventOutput>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventOutput {
    Stderr,
    /// Replaced if it exists.
    File(PathBuf),
}

impl RunSettings {
    pub fn resolve(typed: &Typed<RunArgs>) -> Result<Self, InvalidConfiguration> {
        let mut problems = Problems::default();
        let settings = resolve(typed, &mut problems);
        problems.finish("run", settings)
    }
}

fn resolve(typed: &Typed<RunArgs>, problems: &mut Problems) -> Option<RunSettings> {
    let args = &typed.own;
    let common = common::resolve(
        CommandKind::Node,
        typed,
        &args.common,
        &args.selection,
        problems,
    );
    let fail_on_no_tests = problems.flag(&args.fail_on_no_tests, false);
    let fail_on_missing_results = problems.flag(&args.fail_on_missing_results, false);
    let allow_missing_results = problems.flag(&args.allow_missing_results, false);
    let trust_exit_code = problems.flag(&args.trust_exit_code, false);
    if fail_on_missing_results && allow_missing_results {
        problems.add(
            args.allow_missing_results.name(),
            "contradicts --fail-on-missing-results",
        );
    }
    let promise_failure = problems.flag(&args.promise_failure, false);
    let own = options_of_run(&args.common, problems);
    let events = events(args, problems);
    let share = share(args, problems);
    check_result_path(&args.common.runner, problems);

    let (common, agent_token) = common?;
    Some(RunSettings {
        node: usize::try_from(common.build.parallel_job).ok()?,
        nodes: usize::try_from(common.build.parallelism).ok()?,
        common,
        share,
        report: NodeReportSettings {
            directory: args.report.report_dir.ok(),
            group: group(&args.report.group),
        },
        retry_muted: !own.disable_retry_muted,
        fail_on_no_tests,
        fail_on_missing_results,
        allow_missing_results,
        trust_exit_code,
        promise_failure,
        upload: own.upload(&args.common, agent_token),
        events,
    })
}

/// For `verify --run-missing`, which sets node, identifier and group once they are known.
pub(super) fn resolve_missing(
    typed: &Typed<VerifyArgs>,
    problems: &mut Problems,
) -> Option<RunSettings> {
    let args = &typed.own;
    let common = common::resolve(
        CommandKind::Missing,
        typed,
        &args.common,
        &SelectionArgs::default(),
        problems,
    );
    let own = options_of_run(&args.common, problems);
    check_result_path(&args.common.runner, problems);
    let (common, agent_token) = common?;
    Some(RunSettings {
        node: 0,
        nodes: 1,
        common,
        share: ShareSettings::default(),
        report: NodeReportSettings {
            directory: args.report_dir.ok(),
            group: String::new(),
        },
        retry_muted: !own.disable_retry_muted,
        fail_on_no_tests: false,
        fail_on_missing_results: false,
        allow_missing_results: false,
        trust_exit_code: false,
        promise_failure: false,
        upload: own.upload(&args.common, agent_token),
        events: None,
    })
}

/// Options that `plan` accepts because pipelines set their variables for all commands.
pub(super) struct OptionsOfRun {
    disable_retry_muted: bool,
    upload_results: bool,
    upload_url: String,
    tags: BTreeMap<String, String>,
}

impl OptionsOfRun {
    fn upload(self, args: &CommonArgs, agent_token: Option<AgentToken>) -> UploadSettings {
        UploadSettings {
            enabled: self.upload_results,
            url: self.upload_url,
            token: match args.engine.upload_token.ok() {
                Some(token) => Some(TokenSource::Given(token)),
                None => agent_token.map(TokenSource::Agent),
            },
            tags: self.tags,
        }
    }
}

/// `plan` reads them for their problems, which are better reported before the nodes start.
pub(super) fn options_of_run(args: &CommonArgs, problems: &mut Problems) -> OptionsOfRun {
    OptionsOfRun {
        disable_retry_muted: problems.flag(&args.runner.disable_retry_muted, false),
        upload_results: problems.flag(&args.engine.upload_results, false),
        upload_url: upload_url(&args.engine.results, problems),
        tags: problems.pairs(&args.engine.results.tag),
    }
}

pub(super) fn upload_url(args: &ResultArgs, problems: &mut Problems) -> String {
    let base = problems.get(&args.upload_base_url).map(|url| url.0);
    format!(
        "{}/v1/uploads",
        base.as_deref().unwrap_or(DEFAULT_UPLOAD_BASE_URL)
    )
}

fn share(args: &RunArgs, problems: &mut Problems) -> ShareSettings {
    let share = &args.share;
    let plan_file = share.plan_file.ok();
    ShareSettings {
        plan_file_identifier: args
            .common
            .plan_identifier
            .ok()
            .filter(|_| plan_file.is_some()),
        plan_file,
        fallback: problems.get(&share.fallback).unwrap_or_default(),
        unplanned_targets: problems
            .get(&share.on_unplanned_targets)
            .unwrap_or_default(),
    }
}

/// Empty if none is set.
pub(super) fn group(option: &Opt<String>) -> String {
    option.text().trim().to_owned()
}

fn events(args: &RunArgs, problems: &mut Problems) -> Option<EventOutput> {
    let file = args.output_file.ok();
    match args.output.text().trim() {
        "json" => Some(file.map_or(EventOutput::Stderr, EventOutput::File)),
        "" | "text" => {
            if file.is_some() {
                problems.add(args.output_file.name(), "requires --output json");
            }
            None
        }
        _ => {
            problems.push(args.output.wrong("text or json"));
            None
        }
    }
}

fn check_result_path(args: &RunnerArgs, problems: &mut Problems) {
    let definition = runners::find(args.test_runner.text().trim());
    if let Some(definition) = definition
        && definition.requires_result_path
        && !args.result_path.is_set()
    {
        problems.add(
            args.result_path.name(),
            format_args!(
                "must not be blank for the {} runner (or give --result-path)",
                definition.name
            ),
        );
    }
}
