//! Accounts for one group of nodes, which together run the whole plan.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use test_engine_wire::{ExcuseReason, ExcusedTest, NodeReport};

use crate::coverage::{node_findings, parallelism, population_findings};
use crate::finding::Finding;
use crate::input::Input;
use crate::jobs::latest_per_node;
use crate::rows::{NodeRow, rows};
use crate::targets::{TargetFacts, Targets, collect_targets, target_findings};
use crate::vanished::vanished_findings;
use crate::verdict::Verdict;

/// What is known of one group. Builds without a matrix have one, with an empty name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GroupAccounting {
    /// Name of the matrix leg.
    pub group: String,
    /// [`Verdict::Incomplete`] if there are failures.
    pub verdict: Verdict,
    /// Number of nodes of the step.
    pub parallelism: u32,
    /// Number of distinct targets expected to run.
    pub targets: u64,
    /// Number of those that ran to the end, including those of which every test was deselected.
    pub complete_targets: u64,
    /// Number of tests with a result.
    pub tests: u64,
    /// Number of those that failed and are not muted.
    pub failed_tests: u64,
    /// One row per node and job, by node index.
    pub nodes: Vec<NodeRow>,
    /// Why the group is incomplete.
    pub failures: Vec<Finding>,
    /// What is worth knowing, but leaves the verdict as it is.
    pub warnings: Vec<Finding>,
    /// Tests that do not count, with the reason.
    pub excused_tests: Vec<ExcusedTest>,
    /// Targets that ran to their end, without a leading `./`. Only if it is not known what else
    /// there is to run.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub known_complete: BTreeSet<String>,
}

/// What to run so that a group can become complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingTargets<'a> {
    /// Targets that did not run to the end.
    pub targets: BTreeSet<&'a str>,
    /// There may be more: shares are unknown.
    pub may_be_more: bool,
}

impl MissingTargets<'_> {
    /// Whether running targets cannot help.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty() && !self.may_be_more
    }
}

impl GroupAccounting {
    /// The targets behind the failures.
    pub fn missing_targets(&self) -> MissingTargets<'_> {
        let mut missing = MissingTargets::default();
        for failure in &self.failures {
            match failure {
                Finding::TargetNotRun { target, .. }
                | Finding::TargetIncomplete { target, .. }
                | Finding::RepairFailed { target, .. }
                | Finding::TargetWithoutResults { target, .. } => {
                    missing.targets.insert(target);
                }
                Finding::NodeSilent { .. }
                | Finding::PopulationDiffers { .. }
                | Finding::GroupSilent => {
                    missing.may_be_more = true;
                }
                _ => {}
            }
        }
        missing
    }

    pub(crate) fn has_all_reports(&self) -> bool {
        !self.nodes.is_empty() && self.nodes.iter().all(NodeRow::has_ended)
    }
}

pub(crate) fn account_group(group: &str, input: &Input<'_>) -> GroupAccounting {
    let of_group = |report: &&NodeReport| report.group == group;
    let reports: Vec<&NodeReport> = input.reports.iter().filter(of_group).collect();
    let nodes = latest_per_node(reports.iter().copied());
    let targets = collect_targets(input, &reports, &nodes);
    let mut findings = target_findings(&targets, input);
    findings.extend(node_findings(input, &nodes, &targets));
    findings.extend(population_findings(input, &reports, &nodes, &targets));
    findings.extend(vanished_findings(input, &targets));
    let sum = |number: fn(&test_engine_wire::TargetReport) -> u64| {
        let best = targets.values().filter_map(TargetFacts::best);
        best.map(|(_, report)| number(report)).sum()
    };
    let tests = sum(|report| report.tests);
    let has_nothing_to_prove = has_no_targets(&nodes, &targets);
    if has_nothing_to_prove {
        findings.push(Finding::NoTargets);
    // Results that do not name their targets prove them complete without counting their tests.
    } else if tests == 0 && !targets.values().any(TargetFacts::has_complete_results) {
        findings.push(Finding::NoTestRan);
    }
    let (failures, warnings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(Finding::is_failure);
    let verdict = match (failures.is_empty(), has_nothing_to_prove) {
        (false, _) => Verdict::Incomplete,
        (true, true) => Verdict::Unknown,
        (true, false) => Verdict::Complete,
    };
    let complete = || {
        let targets = targets.iter().filter(|(_, facts)| facts.is_complete());
        targets.map(|(&target, _)| target)
    };
    let mut group = GroupAccounting {
        group: group.to_owned(),
        verdict,
        parallelism: parallelism(input.plan, &nodes),
        targets: targets.len() as u64,
        complete_targets: complete().count() as u64,
        tests,
        failed_tests: sum(|report| report.failed),
        nodes: rows(input, &nodes),
        failures,
        warnings,
        excused_tests: excused_tests(input, &nodes),
        known_complete: BTreeSet::new(),
    };
    if group.missing_targets().may_be_more {
        group.known_complete = complete().map(str::to_owned).collect();
    }
    group
}

/// No node discovered anything: the runner chooses its tests itself.
fn has_no_targets(nodes: &BTreeMap<u32, Vec<&NodeReport>>, targets: &Targets<'_>) -> bool {
    let mut reports = nodes.values().flatten();
    targets.is_empty() && reports.all(|report| report.population.count == 0)
}

/// Each once: those that the plan skips, and those that the nodes report.
fn excused_tests(input: &Input<'_>, nodes: &BTreeMap<u32, Vec<&NodeReport>>) -> Vec<ExcusedTest> {
    let skipped = input.plan.iter().flat_map(|plan| &plan.skipped_tests);
    let skipped = skipped.map(|test| ExcusedTest {
        scope: test.scope.clone(),
        name: test.name.clone(),
        reason: ExcuseReason::Skipped,
    });
    let reports = nodes.values().flatten();
    let reported = reports.flat_map(|report| &report.excused_tests).cloned();
    let distinct: BTreeSet<ExcusedTest> = skipped.chain(reported).collect();
    distinct.into_iter().collect()
}
