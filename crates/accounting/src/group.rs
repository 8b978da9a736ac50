//! Accounts for one group of nodes, which together run the whole plan.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use test_engine_wire::{
    NodeReport, NodeState, Plan, PlanSource, Population, TargetOutcome, TargetReport,
};

use crate::finding::{Finding, VanishedTest};
use crate::input::Input;
use crate::jobs::latest_per_node;
use crate::population::population_digest;

/// What is known of one group. Builds without a matrix have one, with an empty name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupAccounting {
    /// Name of the matrix leg.
    pub group: String,
    /// Number of distinct targets expected to run.
    pub targets: u64,
    /// Number of those with complete results.
    pub complete_targets: u64,
    /// Number of tests with a result.
    pub tests: u64,
    /// One row per node and job, by node index.
    pub nodes: Vec<NodeRow>,
    /// Failures first.
    pub findings: Vec<Finding>,
}

/// One node in the table of a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeRow {
    /// Its index.
    pub node: u32,
    /// The job that ran it; empty if none reported.
    pub job_id: String,
    /// Origin of its share; absent if no job reported.
    pub source: Option<PlanSource>,
    /// How far it got; absent if no job reported.
    pub state: Option<NodeState>,
    /// Number of targets in its share.
    pub planned: u64,
    /// Number of targets with results.
    pub ran: u64,
    /// Sum of the plan's estimates, in milliseconds, if the plan is known.
    pub estimated_ms: Option<u64>,
    /// Exit code of the job.
    pub exit_code: Option<i32>,
    /// RFC 3339; empty if no job reported.
    pub started_at: String,
    /// RFC 3339.
    pub finished_at: Option<String>,
}

/// One target over all nodes of the group.
#[derive(Default)]
struct TargetFacts<'a> {
    /// Nodes whose share held it.
    nodes: BTreeSet<u32>,
    /// Nodes that ran it, with what they reported.
    ran: Vec<(u32, &'a TargetReport)>,
}

impl TargetFacts<'_> {
    fn best(&self) -> Option<&(u32, &TargetReport)> {
        self.ran
            .iter()
            .max_by_key(|(_, report)| (report.outcome, report.tests))
    }
}

pub(crate) fn account_group(group: &str, input: &Input<'_>) -> GroupAccounting {
    let of_group = |report: &&NodeReport| report.group == group;
    let reports: Vec<&NodeReport> = input.reports.iter().filter(of_group).collect();
    let nodes = latest_per_node(reports.iter().copied());
    let targets = collect_targets(input.plan, &reports, &nodes);
    let mut findings = target_findings(&targets, input);
    findings.extend(node_findings(input, &nodes, &targets));
    findings.extend(population_findings(input, &reports, &targets));
    let tests = targets
        .values()
        .filter_map(|facts| facts.best())
        .map(|(_, report)| report.tests)
        .sum();
    if tests == 0 {
        findings.push(Finding::NoTestRan);
    }
    findings.extend(vanished_findings(input, &targets));
    findings.sort_by_key(|finding| !finding.is_failure());
    let is_complete = |facts: &&TargetFacts<'_>| {
        facts
            .best()
            .is_some_and(|(_, report)| report.outcome == TargetOutcome::Complete)
    };
    GroupAccounting {
        group: group.to_owned(),
        targets: targets.len() as u64,
        complete_targets: targets.values().filter(is_complete).count() as u64,
        tests,
        nodes: rows(input, &nodes),
        findings,
    }
}

/// Every target that must run: those of the plan, of every share, and those only one node found.
/// Reports that a retry superseded name targets as well, but prove nothing to have run.
fn collect_targets<'a>(
    plan: Option<&'a Plan>,
    reports: &[&'a NodeReport],
    nodes: &BTreeMap<u32, Vec<&'a NodeReport>>,
) -> BTreeMap<&'a str, TargetFacts<'a>> {
    let mut targets: BTreeMap<&str, TargetFacts<'_>> = BTreeMap::new();
    for task in plan.iter().flat_map(|plan| plan.tasks.values()) {
        for case in &task.tests {
            let facts = targets.entry(case.target()).or_default();
            facts.nodes.extend(u32::try_from(task.node_number));
        }
    }
    for (node, reports) in nodes {
        for report in reports {
            for target in &report.targets {
                let facts = targets.entry(&target.value).or_default();
                if target.planned {
                    facts.nodes.insert(*node);
                }
                // A job that did not report its end proves nothing.
                if report.state != NodeState::Started && target.outcome != TargetOutcome::NotRun {
                    facts.ran.push((*node, target));
                }
            }
        }
    }
    for report in reports {
        let shares = report.targets.iter().map(|target| &target.value);
        for value in report.population.only_here.iter().chain(shares) {
            targets.entry(value).or_default();
        }
    }
    targets
}

fn target_findings(targets: &BTreeMap<&str, TargetFacts<'_>>, input: &Input<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (target, facts) in targets {
        let target = (*target).to_owned();
        if facts.ran.len() > 1 {
            findings.push(Finding::TargetRanTwice {
                target: target.clone(),
                nodes: facts.ran.iter().map(|(node, _)| *node).collect(),
            });
        }
        let Some(&(node, report)) = facts.best() else {
            findings.push(Finding::TargetNotRun {
                target,
                nodes: facts.nodes.iter().copied().collect(),
            });
            continue;
        };
        match report.outcome {
            TargetOutcome::NotRun | TargetOutcome::Complete => {}
            TargetOutcome::Incomplete => findings.push(Finding::TargetIncomplete {
                target,
                node,
                tests: report.tests,
                expected_tests: report.expected_tests,
            }),
            TargetOutcome::NoResults => {
                let had_results = input.targets_with_history.contains(&target);
                findings.push(Finding::TargetWithoutResults {
                    target,
                    node,
                    had_results,
                });
            }
        }
    }
    findings
}

fn node_findings(
    input: &Input<'_>,
    nodes: &BTreeMap<u32, Vec<&NodeReport>>,
    targets: &BTreeMap<&str, TargetFacts<'_>>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let targets_digest = population_digest(targets.keys().copied());
    // Without a plan, only a digest equal to that of the targets seen proves that a silent node had
    // no target of its own.
    let all_shares_known = input.plan.is_some()
        || nodes
            .values()
            .flatten()
            .any(|report| report.population.digest == targets_digest);
    for node in 0..parallelism(input.plan, nodes) {
        if !nodes.contains_key(&node) {
            findings.push(Finding::NodeSilent {
                node,
                is_share_known: all_shares_known,
            });
        }
    }
    for (&node, reports) in nodes {
        if reports.len() > 1 {
            findings.push(Finding::NodeIndexUsedTwice {
                node,
                jobs: reports.iter().map(|report| report.job_id.clone()).collect(),
            });
        }
        for report in reports {
            if report.state == NodeState::Started {
                findings.push(Finding::NodeUnfinished { node });
            }
            if report.has_focus {
                findings.push(Finding::Focus { node });
            }
        }
    }
    findings
}

/// Nodes that discovered other targets than the plan has. A retry does not supersede what its
/// predecessor discovered: several jobs may have used one index.
fn population_findings(
    input: &Input<'_>,
    reports: &[&NodeReport],
    targets: &BTreeMap<&str, TargetFacts<'_>>,
) -> Vec<Finding> {
    let coverage = Coverage::new(input.plan, reports, targets);
    let mut findings = Vec::new();
    for report in reports {
        let population = &report.population;
        let is_covered = coverage.covers(report);
        if !is_covered || coverage.differs(population) {
            let finding = Finding::PopulationDiffers {
                node: report.node,
                count: population.count,
                only_here: population.only_here.clone(),
                is_covered,
            };
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings
}

/// Whether the targets that must run include everything a node discovered.
struct Coverage<'a> {
    plan_digest: Option<&'a str>,
    targets_digest: String,
    /// There is a plan, its population is unknown, and all nodes discovered the same.
    all_agree_on_plan: bool,
}

impl<'a> Coverage<'a> {
    fn new(
        plan: Option<&'a Plan>,
        reports: &[&NodeReport],
        targets: &BTreeMap<&str, TargetFacts<'_>>,
    ) -> Self {
        let population = plan.and_then(|plan| plan.population.as_ref());
        let digests: BTreeSet<&str> = reports
            .iter()
            .map(|report| report.population.digest.as_str())
            .collect();
        Self {
            plan_digest: population.map(|population| population.digest.as_str()),
            targets_digest: population_digest(targets.keys().copied()),
            all_agree_on_plan: plan.is_some() && population.is_none() && digests.len() <= 1,
        }
    }

    fn differs(&self, population: &Population) -> bool {
        let is_other = |digest: &str| digest != population.digest;
        !population.digest.is_empty() && self.plan_digest.is_some_and(is_other)
    }

    fn covers(&self, report: &NodeReport) -> bool {
        let population = &report.population;
        let digest = population.digest.as_str();
        // The plan holds each target of the request that created it exactly once, so only what the
        // request lacked could be lost. A node without the plan cannot know what that is.
        let names_all = report.plan_source != PlanSource::Fallback
            && population.only_here_count == population.only_here.len() as u64;
        self.all_agree_on_plan
            || self.plan_digest == Some(digest)
            || self.targets_digest == digest
            || (self.plan_digest.is_some() && names_all)
    }
}

fn vanished_findings(input: &Input<'_>, targets: &BTreeMap<&str, TargetFacts<'_>>) -> Vec<Finding> {
    let mut by_target: BTreeMap<&str, Vec<VanishedTest>> = BTreeMap::new();
    for test in input.vanished {
        by_target
            .entry(&test.target)
            .or_default()
            .push(test.clone());
    }
    by_target
        .into_iter()
        .filter_map(|(target, tests)| {
            let (_, report) = targets.get(target)?.best()?;
            let is_most = tests.len() as u64 > report.tests;
            let is_unchanged = input.unchanged_targets.contains(target);
            Some(Finding::TestsVanished {
                target: target.to_owned(),
                tests,
                is_suspicious: is_most && is_unchanged,
            })
        })
        .collect()
}

fn parallelism(plan: Option<&Plan>, nodes: &BTreeMap<u32, Vec<&NodeReport>>) -> u32 {
    let planned = plan.map_or(0, |plan| plan.tasks.len());
    let reported = nodes.values().flatten().map(|report| report.parallelism);
    let planned = u32::try_from(planned).unwrap_or(u32::MAX);
    reported.max().unwrap_or(0).max(planned)
}

fn rows(input: &Input<'_>, nodes: &BTreeMap<u32, Vec<&NodeReport>>) -> Vec<NodeRow> {
    let task = |node: u32| input.plan?.tasks.get(&node.to_string());
    let estimated_ms = |node: u32| {
        let cases = task(node)?.tests.iter();
        let known = cases.filter_map(|case| u64::try_from(case.estimated_duration?).ok());
        Some(known.sum())
    };
    let silent = (0..parallelism(input.plan, nodes))
        .filter(|node| !nodes.contains_key(node))
        .map(|node| NodeRow {
            node,
            planned: task(node).map_or(0, |task| task.tests.len() as u64),
            estimated_ms: estimated_ms(node),
            ..NodeRow::default()
        });
    let reported = nodes
        .iter()
        .flat_map(|(&node, reports)| reports.iter().map(move |report| (node, *report)));
    let reported = reported.map(|(node, report)| {
        let ran = report.targets.iter().filter(|target| target.tests > 0);
        NodeRow {
            node,
            job_id: report.job_id.clone(),
            source: Some(report.plan_source),
            state: Some(report.state),
            planned: report.targets.len() as u64,
            ran: ran.count() as u64,
            estimated_ms: estimated_ms(node),
            exit_code: report.exit_code,
            started_at: report.started_at.clone(),
            finished_at: report.finished_at.clone(),
        }
    });
    let mut rows: Vec<NodeRow> = silent.chain(reported).collect();
    rows.sort_by_key(|row| row.node);
    rows
}
