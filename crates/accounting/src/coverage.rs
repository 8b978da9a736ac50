//! Whether the targets that must run include everything that any node discovered.

use std::collections::{BTreeMap, BTreeSet};

use test_engine_wire::{
    CaseFormat, NodeReport, NodeState, Plan, PlanSource, Population, without_dot_slash,
    without_location_prefix,
};

use crate::finding::Finding;
use crate::input::Input;
use crate::jobs::runs_missing_targets;
use crate::limits::MAX_NODES;
use crate::population::population_digest;
use crate::targets::{Targets, location_prefix};

pub(crate) fn node_findings(
    input: &Input<'_>,
    nodes: &BTreeMap<u32, Vec<&NodeReport>>,
    targets: &Targets<'_>,
) -> Vec<Finding> {
    let plan = input.plan_with_shares();
    let is_share_known = plan.is_some() || are_all_targets_known(nodes, targets);
    let mut findings: Vec<Finding> = (0..parallelism(input.plan, nodes))
        .filter(|node| !nodes.contains_key(node))
        .map(|node| Finding::NodeSilent {
            node,
            is_share_known,
        })
        .collect();
    findings.extend(not_planned(plan, nodes));
    for (&node, reports) in nodes {
        let shares = reports
            .iter()
            .filter(|report| !runs_missing_targets(report));
        if shares.clone().count() > 1 {
            findings.push(Finding::NodeIndexUsedTwice {
                node,
                jobs: shares.map(|report| report.job_id.clone()).collect(),
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

/// Without a plan, only a digest equal to that of the targets seen proves that a silent node had no
/// target of its own: the digest of the request behind the plan where nodes know it.
fn are_all_targets_known(nodes: &BTreeMap<u32, Vec<&NodeReport>>, targets: &Targets<'_>) -> bool {
    let all: Vec<&NodeReport> = nodes.values().flatten().copied().collect();
    let digests = Digests::of(targets.keys().copied(), location_prefix(&all));
    let mut planned = shares(nodes)
        .map(|report| &report.plan_digest)
        .filter(|planned| !planned.is_empty())
        .peekable();
    if planned.peek().is_some() {
        return planned.all(|planned| digests.have(planned));
    }
    let mut reports = all.iter();
    reports.any(|report| digests.have(&report.population.digest))
}

/// Nodes that discovered other targets than the plan has. A retry does not supersede what its
/// predecessor discovered: several jobs may have used one index.
pub(crate) fn population_findings(
    input: &Input<'_>,
    reports: &[&NodeReport],
    nodes: &BTreeMap<u32, Vec<&NodeReport>>,
    targets: &Targets<'_>,
) -> Vec<Finding> {
    let coverage = Coverage::new(input.plan_with_shares(), reports, nodes, targets);
    let mut findings = Vec::new();
    for report in reports
        .iter()
        .filter(|report| !runs_missing_targets(report))
    {
        let population = &report.population;
        let is_covered = coverage.covers(report) && coverage.covers_plan_of(report);
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

/// Targets of the request that the plan does not have. Only their number is known, and only if
/// files are not split.
fn not_planned(plan: Option<&Plan>, nodes: &BTreeMap<u32, Vec<&NodeReport>>) -> Option<Finding> {
    let plan = plan?;
    let cases = || plan.tasks.values().flat_map(|task| &task.tests);
    if cases().any(|case| matches!(case.format, CaseFormat::Example | CaseFormat::Test)) {
        return None;
    }
    let requested = match &plan.population {
        Some(population) => population.count,
        None => shares(nodes).map(|report| report.population.count).max()?,
    };
    let planned: BTreeSet<&str> = cases().map(test_engine_wire::Case::target).collect();
    let count = requested.saturating_sub(planned.len() as u64);
    (count > 0).then_some(Finding::TargetsNotPlanned { count })
}

pub(crate) fn parallelism(plan: Option<&Plan>, nodes: &BTreeMap<u32, Vec<&NodeReport>>) -> u32 {
    let reported = nodes.values().flatten().map(|report| report.parallelism);
    let planned = plan.map_or(0, |plan| {
        let shares = u32::try_from(plan.tasks.len()).unwrap_or(u32::MAX);
        shares.max(u32::try_from(plan.parallelism).unwrap_or_default())
    });
    reported.max().unwrap_or(0).max(planned).min(MAX_NODES)
}

fn shares<'n, 'a>(
    nodes: &'n BTreeMap<u32, Vec<&'a NodeReport>>,
) -> impl Iterator<Item = &'a NodeReport> + use<'n, 'a> {
    let all = nodes.values().flatten().copied();
    all.filter(|report| !runs_missing_targets(report))
}

/// The digest of a plan that only the nodes had. Their shares together are the plan, if each index
/// reported one and none split the tests itself.
fn digest_of_all_shares<'a>(nodes: &BTreeMap<u32, Vec<&'a NodeReport>>) -> Option<&'a str> {
    let mut digests: BTreeSet<&str> = BTreeSet::new();
    for report in shares(nodes) {
        if report.plan_source == PlanSource::Fallback {
            return None;
        }
        digests.insert(&report.plan_digest);
    }
    let has_all = (0..parallelism(None, nodes)).all(|node| nodes.contains_key(&node));
    let only = digests.pop_first().filter(|_| digests.is_empty());
    only.filter(|digest| has_all && !digest.is_empty())
}

struct Coverage<'a> {
    has_plan: bool,
    /// Of the request that created the plan, if each of its targets is in a known share.
    plan_digest: Option<&'a str>,
    all: Digests,
    /// Of the targets that no node reports as its own.
    shared: Digests,
}

/// Of a list as plans name targets: as it is, and relative to the project, as nodes discover them.
struct Digests([String; 2]);

impl Digests {
    fn of<'t>(targets: impl Iterator<Item = &'t str> + Clone, prefix: &str) -> Self {
        let relative = targets
            .clone()
            .map(|target| without_location_prefix(target, prefix));
        Self([population_digest(relative), population_digest(targets)])
    }

    fn have(&self, digest: &str) -> bool {
        self.0.iter().any(|one| one == digest)
    }
}

impl<'a> Coverage<'a> {
    fn new(
        plan: Option<&'a Plan>,
        reports: &[&'a NodeReport],
        nodes: &BTreeMap<u32, Vec<&'a NodeReport>>,
        targets: &Targets<'_>,
    ) -> Self {
        let population = plan.and_then(|plan| plan.population.as_ref());
        let from_plan = population.map(|population| population.digest.as_str());
        let from_plan = from_plan.filter(|digest| !digest.is_empty());
        let only_on_one: BTreeSet<&str> = reports
            .iter()
            .flat_map(|report| &report.population.only_here)
            .map(|target| without_dot_slash(target))
            .collect();
        let all = targets.keys().copied();
        let shared = all.clone().filter(|target| !only_on_one.contains(target));
        let prefix = location_prefix(reports);
        Self {
            has_plan: plan.is_some(),
            shared: Digests::of(shared, prefix),
            plan_digest: from_plan.or_else(|| digest_of_all_shares(nodes)),
            all: Digests::of(all, prefix),
        }
    }

    /// The plan may have targets that only the lost node which created it discovered.
    fn covers_plan_of(&self, report: &NodeReport) -> bool {
        let digest = &report.plan_digest;
        self.has_plan || digest.is_empty() || self.knows_all_of(digest)
    }

    fn knows_all_of(&self, digest: &str) -> bool {
        self.plan_digest == Some(digest) || self.all.have(digest) || self.shared.have(digest)
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
        let compared_with = Some(report.plan_digest.as_str());
        let names_all = report.plan_source != PlanSource::Fallback
            && self.plan_digest == compared_with
            && population.only_here_count == population.only_here.len() as u64;
        discovered_nothing(report) || names_all || self.knows_all_of(digest)
    }
}

/// The node only took its share of a plan, so it has no target of its own that could be lost; or
/// with tag filters, it cannot compare what it discovered.
fn discovered_nothing(report: &NodeReport) -> bool {
    report.plan_source != PlanSource::Fallback && report.population.digest.is_empty()
}
