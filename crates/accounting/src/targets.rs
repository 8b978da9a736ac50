//! Every target that must run, and what the nodes report of it.

use std::collections::{BTreeMap, BTreeSet};

use test_engine_wire::{
    Case, CaseFormat, NodeReport, NodeState, TargetOutcome, TargetReport, file_of_target,
    without_dot_slash, without_location_prefix,
};

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
    is_planned: bool,
    /// The plan holds a part of a file under this name.
    is_example: bool,
    /// The plan's examples of it, or its file as a whole, ran to the end.
    is_covered: bool,
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
        let proofs = self
            .ran
            .iter()
            .filter(|run| run.proves() && was_given(run.report));
        let best = proofs.max_by_key(|run| (run.report.outcome, run.report.tests));
        best.map(|run| (run.node, run.report))
    }

    /// A job that ran it as a missing target and failed.
    fn failed_repair(&self) -> Option<&'a NodeReport> {
        let failed = self.ran.iter().find(|run| !run.proves());
        failed.map(|run| run.job)
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.is_covered
            || self
                .best()
                .is_some_and(|(_, report)| ran_to_its_end(report))
    }

    /// Its tests have results.
    pub(crate) fn has_complete_results(&self) -> bool {
        let best = self.best();
        best.is_some_and(|(_, report)| report.outcome == TargetOutcome::Complete)
    }

    /// The run that says why it is not complete.
    fn incomplete_run(&self) -> Option<(u32, &'a TargetReport)> {
        self.best().filter(|_| !self.is_complete())
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
        let known = report.tests + report.not_selected;
        match self.expected_tests() {
            Some(expected) => known < expected.div_ceil(2),
            None => vanished as u64 > known,
        }
    }

    fn add_run(&mut self, run: Run<'a>) {
        if self.ran.is_empty() {
            // Nearly every target of a large plan has one run.
            self.ran.reserve_exact(1);
        }
        self.ran.push(run);
    }

    fn add_case(&mut self, node: i64, case: &Case) {
        self.is_planned = true;
        self.nodes.extend(u32::try_from(node));
        self.has_timings |= case.timing_sample_size.is_some_and(|size| size > 0);
        if matches!(case.format, CaseFormat::Example | CaseFormat::Test) {
            self.is_example = true;
        } else {
            self.expected_tests = self.expected_tests.max(case.expected_tests);
        }
    }
}

/// A target of which every test was deselected has nothing left to run.
fn ran_to_its_end(report: &TargetReport) -> bool {
    match report.outcome {
        TargetOutcome::Complete => true,
        TargetOutcome::NoResults => report.not_selected > 0,
        TargetOutcome::NotRun | TargetOutcome::RanUnplanned | TargetOutcome::Incomplete => false,
    }
}

/// Whether the runner was started with it, or was to be. A runner that takes a path for a pattern
/// also runs files of other nodes, and some that no node discovered; those need not run.
pub(crate) fn was_given(report: &TargetReport) -> bool {
    report.outcome != TargetOutcome::RanUnplanned
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
            let facts = targets.entry(without_dot_slash(case.target())).or_default();
            facts.add_case(task.node_number, case);
        }
    }
    for (node, reports) in nodes {
        for report in reports {
            add_report(&mut targets, *node, report);
        }
    }
    for report in reports {
        let given = report.targets.iter().filter(|target| was_given(target));
        let given = given.map(|target| &target.value);
        for value in report.population.only_here.iter().chain(given) {
            targets.entry(without_dot_slash(value)).or_default();
        }
    }
    for (node, reports) in nodes {
        for report in reports {
            add_unplanned_runs(&mut targets, *node, report);
        }
    }
    cover_parts(&mut targets, location_prefix(reports));
    targets
}

/// Nodes without the plan, or with another one, may have run a file whole that the plan holds as
/// examples, and the reverse.
fn cover_parts(targets: &mut Targets<'_>, prefix: &str) {
    let mut examples: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (&target, _) in targets.iter().filter(|(_, facts)| facts.is_example) {
        examples
            .entry(file_of_target(target))
            .or_default()
            .push(target);
    }
    for (path, examples) in examples {
        // A plan names whole files without the prefix if it takes them as selectors.
        for file in BTreeSet::from([path, without_location_prefix(path, prefix)]) {
            let Some(whole) = targets.get(file).filter(|facts| !facts.is_example) else {
                continue;
            };
            let is_whole_complete = whole.is_complete();
            let mut parts = examples.iter().filter_map(|&example| targets.get(example));
            let are_parts_complete = parts.all(TargetFacts::is_complete);
            let covered = match (is_whole_complete, are_parts_complete) {
                (true, false) => &examples[..],
                // A whole file in the plan has tests that its examples in the plan are not.
                (false, true) if !whole.is_planned => &[file][..],
                _ => continue,
            };
            for target in covered {
                if let Some(facts) = targets.get_mut(target) {
                    facts.is_covered = true;
                }
            }
        }
    }
}

/// All nodes of a plan have the same.
pub(crate) fn location_prefix<'r>(reports: &[&'r NodeReport]) -> &'r str {
    let mut prefixes = reports.iter().map(|report| report.location_prefix.as_str());
    prefixes
        .find(|prefix| !prefix.is_empty())
        .unwrap_or_default()
}

fn add_report<'a>(targets: &mut Targets<'a>, node: u32, report: &'a NodeReport) {
    let is_extra = runs_missing_targets(report);
    for target in report.targets.iter().filter(|target| was_given(target)) {
        let facts = targets.entry(without_dot_slash(&target.value)).or_default();
        if target.planned && !is_extra {
            facts.nodes.insert(node);
        }
        // A job that did not report its end proves nothing.
        if report.state != NodeState::Started && target.outcome != TargetOutcome::NotRun {
            facts.add_run(Run {
                node,
                is_extra,
                job: report,
                report: target,
            });
        }
    }
}

/// They prove nothing, but tell which targets ran more than once.
fn add_unplanned_runs<'a>(targets: &mut Targets<'a>, node: u32, report: &'a NodeReport) {
    let is_extra = runs_missing_targets(report);
    for target in report.targets.iter().filter(|target| !was_given(target)) {
        if let Some(facts) = targets.get_mut(without_dot_slash(&target.value)) {
            facts.add_run(Run {
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
        .map(|target| without_dot_slash(target))
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
            if facts.is_complete() {
                continue;
            }
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
        let Some((node, report)) = facts.incomplete_run() else {
            continue;
        };
        match report.outcome {
            TargetOutcome::NotRun | TargetOutcome::RanUnplanned | TargetOutcome::Complete => {}
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
