//! The settings that `run` and `plan` share.

use std::collections::BTreeMap;

use test_engine_wire::EnvPayload;

use super::build::{self, BuildSettings, Detected};
use super::identifier::identifier;
use super::nodes::{self, CommandKind};
use super::problems::Problems;
use super::runner::{RunnerChoice, runner};
use super::tokens::{self, AgentToken, EngineSettings};
use crate::ci::{self, Folding, RunEnvironment};
use crate::cli::{CommonArgs, SelectionArgs, Typed};

pub(super) const DEFAULT_REMOTE: &str = "origin";

/// A request to plan only some of the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    pub strategy: String,
    pub params: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub struct CommonSettings {
    pub debug: bool,
    pub build: BuildSettings,
    pub engine: EngineSettings,
    pub runner: RunnerChoice,
    pub identifier: String,
    pub selection: Option<Selection>,
    pub metadata: BTreeMap<String, String>,
    pub collect_git_metadata: bool,
    /// The git remote whose default branch the commit is compared with.
    pub git_remote: String,
    /// The tag that is built; empty if it is none.
    pub git_tag: String,
    /// Empty if the CI does not report it.
    pub pipeline_slug: String,
    pub run: RunEnvironment,
    pub folding: Folding,
    /// A line for the log that says which values were taken from which CI.
    pub detected: Option<String>,
}

impl CommonSettings {
    /// The settings that `filter_tests` and `test_plan_metadata` requests carry. A fixed list, so
    /// that no secret can be added by accident.
    pub fn env_payload(&self) -> EnvPayload {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        EnvPayload {
            buildkite_build_id: self.build.build_id.clone(),
            buildkite_job_id: self.build.job_id.clone(),
            buildkite_step_id: self.build.step_id.clone(),
            buildkite_organization_slug: self.engine.organization_slug.clone(),
            buildkite_retry_count: self.build.job_retry_count,
            buildkite_parallel_job: self.build.parallel_job,
            buildkite_parallel_job_count: self.build.parallelism,
            buildkite_test_engine_debug_enabled: self.debug,
            buildkite_test_engine_identifier: self.identifier.clone(),
            buildkite_test_engine_retry_cmd: text(&self.runner.retry_command),
            buildkite_test_engine_retry_count: i64::from(self.runner.retries),
            buildkite_test_engine_split_by_example: self.runner.split_by_example,
            buildkite_test_engine_suite_slug: self.engine.suite_slug.clone(),
            buildkite_test_engine_tag_filters: text(&self.runner.tag_filters),
            buildkite_test_engine_test_cmd: text(&self.runner.test_command),
            buildkite_test_engine_test_file_exclude_pattern: text(
                &self.runner.file_exclude_pattern,
            ),
            buildkite_test_engine_test_file_pattern: text(&self.runner.file_pattern),
            buildkite_test_engine_test_runner: self.runner.definition.name.to_owned(),
        }
    }
}

/// The shared settings, and the token that can be fetched for the suite. `None` when a problem was
/// found that leaves a gap; other problems are only in `problems`.
pub(super) fn resolve<T>(
    kind: CommandKind,
    typed: &Typed<T>,
    args: &CommonArgs,
    selection_args: &SelectionArgs,
    problems: &mut Problems,
) -> Option<(CommonSettings, Option<AgentToken>)> {
    let debug = problems.flag(&typed.global.debug, false);
    let ci = ci::detect(&typed.ci_environment.variables);
    let ci = ci.as_ref();
    let mut detected = Detected::default();
    let organization = detected.resolve(
        "organization",
        &args.engine.tokens.organization_slug,
        ci.and_then(|ci| ci.details.organization.as_ref()),
        true,
    );
    let mut build = build::build(&args.build, &args.node, ci, &mut detected, problems);
    let identifier = if kind == CommandKind::Missing {
        args.plan_identifier.ok().unwrap_or_default()
    } else {
        if let Some(node) = nodes::node_of(&args.node, ci, kind, &mut detected, problems) {
            (build.parallel_job, build.parallelism) = (node.index, node.count);
        }
        identifier(
            args,
            selection_args,
            &build,
            ci,
            &typed.ci_environment,
            problems,
        )
    };
    let mut run = build::run_environment(&args.build, ci);
    if run.key.is_empty() {
        // The nodes of a plan are one run.
        identifier.clone_into(&mut run.key);
    }
    let runner = runner(&args.runner, &args.engine.results, problems);
    let selection = selection(selection_args, problems);
    let collect_git_metadata = problems.flag(&selection_args.collect_git_metadata, false);
    let metadata = problems.pairs(&selection_args.metadata);
    let git_tag = detected.resolve(
        "tag",
        &selection_args.git_tag,
        ci.and_then(|ci| ci.details.tag.as_ref()),
        false,
    );
    let git_tag = git_tag.unwrap_or_default();
    let engine = tokens::engine(
        &args.engine.tokens,
        &args.engine.access_token,
        organization,
        typed.time_scale,
        problems,
    );
    let (engine, agent_token) = engine?;
    let settings = CommonSettings {
        debug,
        build,
        engine,
        runner: runner?,
        identifier,
        collect_git_metadata: collect_git_metadata || selection.is_some(),
        selection,
        metadata,
        git_remote: selection_args
            .remote
            .ok()
            .unwrap_or_else(|| DEFAULT_REMOTE.to_owned()),
        git_tag,
        pipeline_slug: selection_args.pipeline_slug.ok().unwrap_or_default(),
        run,
        folding: ci.map_or(Folding::default(), |ci| ci.provider.folding),
        detected: ci.and_then(|ci| detected.line(ci)),
    };
    Some((settings, agent_token))
}

fn selection(args: &SelectionArgs, problems: &mut Problems) -> Option<Selection> {
    let params = problems.pairs(&args.selection_param);
    let strategy = args
        .selection_strategy
        .ok()
        .filter(|strategy| !means_no_selection(strategy));
    if strategy.is_none() && !args.selection_param.is_empty() {
        problems.add("--selection-param", "requires --selection-strategy");
    }
    Some(Selection {
        strategy: strategy?,
        params,
    })
}

fn means_no_selection(strategy: &str) -> bool {
    matches!(
        strategy.trim().to_ascii_lowercase().as_str(),
        "none" | "off" | "false" | "disabled" | "no"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_strategies_mean_no_selection() {
        for none in ["none", " OFF ", "False", "disabled", "no"] {
            assert!(means_no_selection(none), "{none}");
        }
        assert!(!means_no_selection("random"));
    }
}
