//! Decides what this node runs: its share of a plan, or what is possible without one.

use std::collections::{HashMap, HashSet};

use test_engine_wire::{Case, Plan, PlanSource, Population, TestIdentity};

use super::population::{Comparison, Difference};
use super::{plan_file, share};
use crate::cli::{Fallback, UnplannedTargets};
use crate::commands::CommandError;
use crate::commands::obtain::{self, Extent, NoPlan, Obtained};
use crate::commands::request::{self, PlanInputs};
use crate::commands::selection_line::print_selection;
use crate::commands::targets::Targets;
use crate::fallback;
use crate::settings::RunSettings;
use crate::split_summary::{counted, split_summary};

/// The features of a plan, if its server stores node reports.
const NODE_REPORTS: &str = "node_reports";
const NODE_REPORT_METADATA: &str = "node_report_metadata";

/// What this node runs.
pub(in crate::commands) struct Share {
    /// Of the plan.
    pub(in crate::commands) identifier: String,
    pub(in crate::commands) source: PlanSource,
    /// Why there is no plan, for a fallback.
    pub(in crate::commands) no_plan: Option<String>,
    /// Without the location prefix.
    pub(in crate::commands) cases: Vec<Case>,
    pub(in crate::commands) names: TargetNames,
    pub(in crate::commands) muted: Vec<TestIdentity>,
    pub(in crate::commands) skipped: Vec<TestIdentity>,
    pub(in crate::commands) population: Population,
    /// Of the population of the plan; empty if unknown.
    pub(in crate::commands) plan_digest: String,
    /// The server stores node reports.
    pub(in crate::commands) takes_reports: bool,
    /// The server stores the plan metadata in node reports.
    pub(in crate::commands) takes_metadata_in_reports: bool,
}

/// How the plan names the targets of this node.
#[derive(Debug, Default)]
pub(in crate::commands) struct TargetNames {
    /// Names in the plan by target.
    pub(super) in_plan: HashMap<String, String>,
    /// Targets that are not in the plan.
    pub(super) unplanned: HashSet<String>,
}

impl TargetNames {
    /// The name in the plan if it is known, and whether the plan, or the split that replaces it,
    /// gave the target to this node.
    pub(in crate::commands) fn planned_name(&self, target: &str) -> (Option<&str>, bool) {
        let name = self.in_plan.get(target).map(String::as_str);
        (name, !self.unplanned.contains(target))
    }
}

pub(super) fn share(
    settings: &RunSettings,
    inputs: &PlanInputs<'_>,
) -> Result<Share, CommandError> {
    let own = targets_to_compare(settings, inputs.targets)?;
    if let Some(path) = &settings.share.plan_file {
        let expected = settings.share.plan_file_identifier.as_deref();
        let plan = plan_file::read(path, expected)?;
        let build = &settings.common.build.build_id;
        if expected.is_none() && !build.is_empty() && !plan.identifier.contains(build.as_str()) {
            inputs.terminal.warning(&format!(
                "The identifier of the plan file, {:?}, does not contain the build ID {build:?}. \
                 Check that the file is of this build.",
                plan.identifier
            ));
        }
        return of_plan(settings, plan, PlanSource::File, own, inputs);
    }
    match obtain::fetch_or_create(inputs)? {
        Obtained::Plan(response) => {
            of_plan(settings, response.plan, PlanSource::Server, own, inputs)
        }
        Obtained::Unavailable(why) => without_plan(settings, &why, inputs),
    }
}

/// This node's targets, to be compared with those of the plan. `None` if the runner would be
/// started for them although the plan exists: as a file, or since the first run of this job. Who
/// made the plan discovered its targets, and the first run compared its own.
fn targets_to_compare<'t>(
    settings: &RunSettings,
    targets: &'t Targets<'_>,
) -> Result<Option<&'t [String]>, CommandError> {
    let is_planned =
        settings.share.plan_file.is_some() || settings.common.build.job_retry_count > 0;
    let is_requested = settings.common.runner.strict_discovery
        || settings.share.unplanned_targets != UnplannedTargets::Warn;
    if is_planned && !is_requested && targets.need_runner() {
        return Ok(None);
    }
    targets.get().map(Some)
}

/// `own` are this node's targets, if it discovered them.
fn of_plan(
    settings: &RunSettings,
    plan: Plan,
    source: PlanSource,
    own: Option<&[String]>,
    inputs: &PlanInputs<'_>,
) -> Result<Share, CommandError> {
    let definition = settings.common.runner.definition;
    if plan.tasks.is_empty() && !definition.chooses_tests {
        let planner = match source {
            PlanSource::File => "The plan file has no tasks.",
            PlanSource::Server | PlanSource::Fallback => "The server could not plan these tests.",
        };
        let why = NoPlan {
            reason: planner.to_owned(),
            hint: None,
            extent: Extent::EveryNode,
        };
        return without_plan(settings, &why, inputs);
    }
    if let Some(summary) = split_summary(&plan, Some(settings.node), definition) {
        inputs.terminal.line(&summary);
    }
    print_selection(&settings.common, &plan, inputs.terminal);
    let prefix = request::prefix(&settings.common);
    let mut cases = Vec::new();
    if !definition.chooses_tests {
        cases = share::of_node(&plan, settings.node, settings.nodes, prefix)
            .map_err(|error| CommandError::Plan(error.to_string()))?;
    }
    let mut names = TargetNames::default();
    let planned = plan.tasks.get(&settings.node.to_string());
    for (case, own) in cases
        .iter()
        .zip(planned.iter().flat_map(|task| &task.tests))
    {
        let name = own.target().to_owned();
        names.in_plan.insert(case.target().to_owned(), name);
    }
    let Comparison {
        difference,
        population,
    } = match own {
        None => Comparison::impossible(&[]),
        Some(own) if settings.common.runner.tag_filters.is_some() => Comparison::impossible(own),
        Some(own) => Comparison::with_plan(own, &plan, prefix),
    };
    let unplanned = unplanned(settings, difference.as_ref(), own, inputs)?;
    names.unplanned.extend(unplanned.iter().cloned());
    cases.extend(unplanned.into_iter().map(fallback::case));
    let has_feature = |name: &str| plan.features.iter().any(|feature| feature == name);
    Ok(Share {
        identifier: non_empty(plan.identifier, &settings.common.identifier),
        source,
        no_plan: None,
        cases,
        names,
        muted: plan.muted_tests,
        skipped: plan.skipped_tests,
        population,
        plan_digest: plan.population.map_or_else(String::new, |all| all.digest),
        takes_reports: has_feature(NODE_REPORTS),
        takes_metadata_in_reports: has_feature(NODE_REPORT_METADATA),
    })
}

fn non_empty(text: String, otherwise: &str) -> String {
    if text.is_empty() {
        otherwise.to_owned()
    } else {
        text
    }
}

/// The targets that this node runs in addition to its share.
fn unplanned(
    settings: &RunSettings,
    difference: Option<&Difference>,
    own: Option<&[String]>,
    inputs: &PlanInputs<'_>,
) -> Result<Vec<String>, CommandError> {
    let (Some(difference), Some(own)) = (difference, own) else {
        return Ok(Vec::new());
    };
    let action = settings.share.unplanned_targets;
    let noun = settings.common.runner.definition.target_noun;
    let text = difference.describe(noun, own.len());
    if !difference.may_have_unplanned() {
        inputs.terminal.warning(&text);
        return Ok(Vec::new());
    }
    match (action, difference) {
        (UnplannedTargets::Fail, _) => Err(CommandError::UnplannedTargets(text)),
        (UnplannedTargets::Run, Difference::Named { only_here, .. }) => {
            let count = counted(only_here.len(), noun);
            inputs.terminal.warning(&format!(
                "{text}\nThis node also runs the {count} not in the plan."
            ));
            Ok(only_here.clone())
        }
        (UnplannedTargets::Warn, Difference::Named { .. }) => {
            inputs.terminal.warning(&format!(
                "{text}\nhint: no node runs what is not in the plan; with \
                 --on-unplanned-targets run, this node does"
            ));
            Ok(Vec::new())
        }
        (UnplannedTargets::Warn | UnplannedTargets::Run, Difference::Unnamed { .. }) => {
            inputs.terminal.warning(&text);
            Ok(Vec::new())
        }
    }
}

/// What a node without a plan does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WithoutPlan {
    Split,
    RunAll,
    Stop(Stop),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// With `--fallback fail`.
    Requested,
    /// The first run of this job may have had a plan.
    Retry,
}

fn decide(mode: Fallback, extent: Extent, is_retry: bool, divides_tests: bool) -> WithoutPlan {
    match mode {
        Fallback::All => WithoutPlan::RunAll,
        Fallback::Fail => WithoutPlan::Stop(Stop::Requested),
        Fallback::Split if is_retry && divides_tests && extent == Extent::ThisNode => {
            WithoutPlan::Stop(Stop::Retry)
        }
        Fallback::Split => WithoutPlan::Split,
    }
}

fn without_plan(
    settings: &RunSettings,
    why: &NoPlan,
    inputs: &PlanInputs<'_>,
) -> Result<Share, CommandError> {
    let definition = settings.common.runner.definition;
    let is_retry = settings.common.build.job_retry_count > 0;
    let divides_tests = settings.nodes > 1 && !definition.chooses_tests;
    let mode = settings.share.fallback;
    let (node, nodes) = match decide(mode, why.extent, is_retry, divides_tests) {
        WithoutPlan::Split => {
            inputs.terminal.warning(&format!(
                "{} {}: each node runs every Nth {} of the sorted list. The build may take \
                 longer.{}",
                why.warning(),
                fallback::WARNING,
                definition.target_noun.trim_start_matches("test "),
                why.hint_line()
            ));
            (settings.node, settings.nodes)
        }
        WithoutPlan::RunAll => {
            let all = counted(inputs.targets.get()?.len(), definition.target_noun);
            inputs.terminal.warning(&format!(
                "{} Without a plan, this node runs all {all} (--fallback all).{}",
                why.reason,
                why.hint_line()
            ));
            (0, 1)
        }
        WithoutPlan::Stop(stop) => return Err(stopped(stop, why)),
    };
    let targets = inputs.targets.get()?;
    Ok(Share {
        identifier: settings.common.identifier.clone(),
        source: PlanSource::Fallback,
        no_plan: Some(format!("{}{}", why.reason, why.hint_line())),
        cases: fallback::cases(targets, node, nodes),
        names: TargetNames::default(),
        muted: Vec::new(),
        skipped: Vec::new(),
        population: Comparison::without_plan(targets).population,
        plan_digest: String::new(),
        takes_reports: !settings.common.engine.is_hosted(),
        takes_metadata_in_reports: false,
    })
}

fn stopped(stop: Stop, why: &NoPlan) -> CommandError {
    let (consequence, hint) = match stop {
        Stop::Requested => (
            "Without a plan, this node runs no tests (--fallback fail).",
            why.hint
                .as_deref()
                .unwrap_or("retry this job when the server is available"),
        ),
        Stop::Retry => (
            "A retried job must run the tests of its first run, which only the plan says.",
            "retry this job when the server has the plan, or all jobs of the build; --plan-file \
             makes jobs independent of the server, and --fallback all runs every test",
        ),
    };
    CommandError::NoPlan {
        message: format!("{} {consequence}", why.reason),
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const STOP: WithoutPlan = WithoutPlan::Stop(Stop::Retry);

    #[rstest]
    #[case::first_run(Extent::ThisNode, false, true, WithoutPlan::Split)]
    #[case::retry(Extent::ThisNode, true, true, STOP)]
    #[case::retry_of_the_only_node(Extent::ThisNode, true, false, WithoutPlan::Split)]
    #[case::retry_for_every_node(Extent::EveryNode, true, true, WithoutPlan::Split)]
    fn a_retried_job_splits_only_if_every_node_does(
        #[case] extent: Extent,
        #[case] is_retry: bool,
        #[case] divides_tests: bool,
        #[case] expected: WithoutPlan,
    ) {
        let decided = decide(Fallback::Split, extent, is_retry, divides_tests);
        assert_eq!(decided, expected);
        let all = decide(Fallback::All, extent, is_retry, divides_tests);
        assert_eq!(all, WithoutPlan::RunAll);
        let fail = decide(Fallback::Fail, extent, is_retry, divides_tests);
        assert_eq!(fail, WithoutPlan::Stop(Stop::Requested));
    }
}
