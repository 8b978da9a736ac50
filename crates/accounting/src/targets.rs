//! Every target that must run, and what the nodes report of it.

use std::collections::{BTreeMap, BTreeSet};

use test_engine_wire::{Case, CaseFormat, NodeReport, NodeState, TargetOutcome, TargetReport};

use crate::finding::Finding;
use crate::input::Input;
use crate::jobs::runs_missing_targets;

/// The targets of one group by value, without a leading `./`.
pub(crate) type Targets<'a> = BTreeMap<&'a str, TargetFacts<'a>>;

/// One target over all nodes of the group.
#[derive(Default)]
pub(crate) struct TargetFacts<'a> {
    /// Nodes whose share held it.
    pub nodes: BTreeSet<u32>,
    /// Jobs that ran it.
    ran: Vec<Run<'a>>,
    /// Number of tests that the plan expects.
    expected_tests: Option<u64>,
    /// The plan's estimate is based on earlier results.
    has_timings: bool,
}

struct Run<'a> {
    node: u32,
    is_extra: bool,
    job: &'a NodeReport,
    report: &'a TargetReport,
}

impl Run<'_> {
    /// A job of the step that fails is red itself. The job that verifies the build is not: it may
    /// be retried, and then finds nothing left to run.
    fn proves(&self) -> bool {
        !self.is_extra || self.job.exit_code == Some(0)
    }
}

impl<'a> TargetFacts<'a> {
    /// The run that proves most.
    pub(crate) fn best(&self) -> Option<(u32, &'a TargetReport)> {
        let best = self
            .ran
            .iter()
            .filter(|run| run.proves())
            .max_by_key(|run| (run.report.outcome, run.report.tests));
        best.map(|run| (run.node, run.report))
    }

    /// A job that ran it as a missing target and failed.
    fn failed_repair(&self) -> Option<&'a NodeReport> {
        let failed = self.ran.iter().find(|run| !run.proves());
        failed.map(|run| run.job)
    }

    pub(crate) fn is_complete(&self) -> bool {
        let best = self.best();
        best.is_some_and(|(_, report)| report.outcome == TargetOutcome::Complete)
    }

    pub(crate) fn expected_tests(&self) -> Option<u64> {
        let reported = self.best().and_then(|(_, report)| report.expected_tests);
        reported.max(self.expected_tests)
    }

    fn had_results(&self) -> bool {
        self.has_timings || self.expected_tests().is_some_and(|count| count > 0)
    }

    /// The target lost more than half of its tests.
    pub(crate) fn lost_most(&self, vanished: usize) -> bool {
        let Some((_, report)) = self.best() else {
            return false;
        };
        match self.expected_tests() {
            Some(expected) => report.tests < expected.div_ceil(2),
            None => vanished as u64 > report.tests,
        }
    }

    fn add_case(&mut self, node: i64, case: &Case) {
        self.nodes.extend(u32::try_from(node));
        self.has_timings |= case.timing_sample_size.is_some_and(|size| size > 0);
        if case.format != CaseFormat::Example && case.format != CaseFormat::Test {
            self.expected_tests = self.expected_tests.max(case.expected_tests);
        }
    }
}

/// A leading `./` means nothing: `./a.rb` and `a.rb` are one target.
pub(crate) fn bare(value: &str) -> &str {
    value.strip_prefix("./").unwrap_or(value)
}

/// The targets of the plan, of every share, and those that only one node found. Reports that a
/// retry superseded name targets as well, but prove nothing to have run.
pub(crate) fn collect_targets<'a>(
    input: &Input<'a>,
    reports: &[&'a NodeReport],
    nodes: &BTreeMap<u32, Vec<&'a NodeReport>>,
) -> Targets<'a> {
    let mut targets = Targets::new();
    for task in input.plan.iter().flat_map(|plan| plan.tasks.values()) {
        for case in &task.tests {
            let facts = targets.entry(bare(case.target())).or_default();
            facts.add_case(task.node_number, case);
        }
    }
    for (node, reports) in nodes {
        for report in reports {
            add_report(&mut targets, *node, report);
        }
    }
    for report in reports {
        let shares = report.targets.iter().map(|target| &target.value);
        for value in report.population.only_here.iter().chain(shares) {
            targets.entry(bare(value)).or_default();
        }
    }
    targets
}

fn add_report<'a>(targets: &mut Targets<'a>, node: u32, report: &'a NodeReport) {
    let is_extra = runs_missing_targets(report);
    for target in &report.targets {
        let facts = targets.entry(bare(&target.value)).or_default();
        if target.planned && !is_extra {
            facts.nodes.insert(node);
        }
        // A job that did not report its end proves nothing.
        if report.state != NodeState::Started && target.outcome != TargetOutcome::NotRun {
            facts.ran.push(Run {
                node,
                is_extra,
                job: report,
                report: target,
            });
        }
    }
}

pub(crate) fn target_findings(targets: &Targets<'_>, input: &Input<'_>) -> Vec<Finding> {
    let with_history: BTreeSet<&str> = input
        .targets_with_history
        .iter()
        .map(|target| bare(target))
        .collect();
    let mut findings = Vec::new();
    for (&target, facts) in targets {
        findings.extend(ran_twice(target, facts));
        if !facts.is_complete()
            && let Some(job) = facts.failed_repair()
        {
            findings.push(Finding::RepairFailed {
                target: target.to_owned(),
                exit_code: job.exit_code,
            });
            continue;
        }
        let Some((node, report)) = facts.best() else {
            findings.push(Finding::TargetNotRun {
                target: target.to_owned(),
                nodes: facts.nodes.iter().copied().collect(),
            });
            continue;
        };
        if report.failed > 0 {
            findings.push(Finding::TargetFailed {
                target: target.to_owned(),
                node,
                failed: report.failed,
            });
        }
        match report.outcome {
            TargetOutcome::NotRun | TargetOutcome::Complete => {}
            TargetOutcome::Incomplete => findings.push(Finding::TargetIncomplete {
                target: target.to_owned(),
                node,
                tests: report.tests,
                expected_tests: facts.expected_tests(),
            }),
            TargetOutcome::NoResults => findings.push(Finding::TargetWithoutResults {
                target: target.to_owned(),
                node,
                had_results: facts.had_results() || with_history.contains(target),
            }),
        }
    }
    findings
}

fn ran_twice(target: &str, facts: &TargetFacts<'_>) -> Option<Finding> {
    let shares = facts.ran.iter().filter(|run| !run.is_extra);
    let nodes: Vec<u32> = shares.map(|run| run.node).collect();
    (nodes.len() > 1).then(|| Finding::TargetRanTwice {
        target: target.to_owned(),
        nodes,
    })
}
