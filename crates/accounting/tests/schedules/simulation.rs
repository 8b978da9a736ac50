//! A build with faults: what its nodes really ran, beside what they report.
//!
//! Each file has two tests. A plan holds a file whole or as two examples.

use std::collections::{BTreeMap, BTreeSet};

use test_engine_accounting::{population, population_digest};
use test_engine_wire::{
    Case, CaseFormat, NodeReport, NodeState, Plan, PlanSource, Population, TargetOutcome,
    TargetReport, Task,
};

/// How many targets a report names; small, so that lists are cut.
const MAX_NAMED: usize = 2;

/// What happens to one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It runs its share and reports.
    Runs,
    /// It never starts.
    NeverStarts,
    /// It is killed after some targets; the start report arrives.
    KilledMidRun,
    /// It is killed after some targets; no report arrives.
    KilledUnheard,
    /// It runs everything; the end report is lost.
    EndReportLost,
    /// A target leaves no results.
    NoResults,
    /// The runner stops early in a target.
    StopsEarly,
}

#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) fate: Fate,
    pub(crate) has_server: bool,
    /// Runs with the index of the node before it.
    pub(crate) repeats_index: bool,
    /// Targets that only this job's checkout has.
    pub(crate) extra: usize,
    /// Targets that its checkout lacks.
    pub(crate) lacks: usize,
    /// The CI retries the job, which then succeeds with the same share.
    pub(crate) is_retried: bool,
    /// Its runner also runs the first test of this file, without being started with it.
    pub(crate) overlaps: Option<usize>,
}

/// What holds for the whole build.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// The number of files that all checkouts have, apart from what they lack.
    pub(crate) files: usize,
    /// Of these, the number that the plan holds as examples.
    pub(crate) split: usize,
    /// The plan says what it was made from.
    pub(crate) plan_says_request: bool,
    /// The plan names the number of tests of each whole file.
    pub(crate) plan_counts_tests: bool,
    /// The nodes have the plan, but the verdict is computed without it.
    pub(crate) is_plan_unknown: bool,
}

/// What is known of a build, and what is true.
pub(crate) struct Build {
    pub(crate) plan: Option<Plan>,
    pub(crate) reports: Vec<NodeReport>,
    pub(crate) legs: BTreeMap<String, Leg>,
}

/// What is true of the jobs of one group.
#[derive(Default)]
pub(crate) struct Leg {
    /// Tests with a result.
    pub(crate) ran: BTreeSet<String>,
    /// Tests in the targets that every node which reported discovered or was given, and in those of
    /// the plan if it is known or a node knows what it was made from.
    pub(crate) discovered: BTreeSet<String>,
}

impl Leg {
    pub(crate) fn lost(&self) -> BTreeSet<String> {
        self.discovered.difference(&self.ran).cloned().collect()
    }

    pub(crate) fn files_with_lost_tests(&self) -> BTreeSet<String> {
        let lost = self.lost().into_iter();
        lost.filter_map(|test| Some(test.rsplit_once('[')?.0.to_owned()))
            .collect()
    }
}

/// The tests of a target: of a file two, of an example one.
fn tests_of(target: &str) -> Vec<String> {
    if target.ends_with(']') {
        return vec![target.to_owned()];
    }
    examples_of(target).to_vec()
}

fn examples_of(file: &str) -> [String; 2] {
    [1, 2].map(|test| format!("{file}[1:{test}]"))
}

fn tests_of_files(files: &[String]) -> impl Iterator<Item = String> {
    files.iter().flat_map(|file| tests_of(file))
}

fn discovered_by(node: usize, job: &Job, files: usize) -> Vec<String> {
    let own = (0..job.extra).map(|extra| format!("only-{node}-{extra}"));
    let common = (job.lacks.min(files)..files).map(|file| format!("common-{file}"));
    common.chain(own).collect()
}

fn share<T: Clone>(list: &[T], node: usize, nodes: usize) -> Vec<T> {
    list.iter().skip(node).step_by(nodes).cloned().collect()
}

fn plan_of(list: &[String], nodes: usize, step: &Step) -> Plan {
    let (split, whole) = list.split_at(step.split.min(list.len()));
    let whole = whole.iter().map(|file| Case {
        path: file.clone(),
        expected_tests: step.plan_counts_tests.then_some(2),
        ..Case::default()
    });
    let examples = split.iter().flat_map(|file| examples_of(file));
    let examples = examples.map(|path| Case {
        path,
        format: CaseFormat::Example,
        ..Case::default()
    });
    let cases: Vec<Case> = whole.chain(examples).collect();
    let task = |node: usize| Task {
        node_number: i64::try_from(node).expect("a small number"),
        tests: share(&cases, node, nodes),
    };
    let requested = population(list.iter().map(String::as_str));
    Plan {
        tasks: (0..nodes)
            .map(|node| (node.to_string(), task(node)))
            .collect(),
        population: step.plan_says_request.then_some(requested),
        ..Plan::default()
    }
}

/// One list of jobs per group.
pub(crate) fn simulate(legs: &[Vec<Job>], step: &Step) -> Build {
    let lists: Vec<Vec<Vec<String>>> = legs
        .iter()
        .map(|jobs| {
            let jobs = jobs.iter().enumerate();
            jobs.map(|(node, job)| discovered_by(node, job, step.files))
                .collect()
        })
        .collect();
    let creates = |job: &Job| job.has_server && job.fate != Fate::NeverStarts;
    let creator = (0..legs.len()).find_map(|leg| {
        let node = legs[leg].iter().position(creates)?;
        Some(lists[leg][node].clone())
    });
    let requested = creator.unwrap_or_default();
    let nodes = legs.iter().map(Vec::len).max().unwrap_or_default();
    let plan = plan_of(&requested, nodes, step);
    let mut build = Build {
        plan: None,
        reports: Vec::new(),
        legs: BTreeMap::new(),
    };
    for (leg, jobs) in legs.iter().enumerate() {
        let run = LegRun {
            group: format!("leg {leg}"),
            nodes,
            requested: &requested,
            plan: &plan,
        };
        for (position, job) in jobs.iter().enumerate() {
            run.add_job(&mut build, job, position, &lists[leg][position]);
        }
    }
    let is_planned = legs.iter().flatten().any(creates);
    if is_planned && !step.is_plan_unknown {
        build.plan = Some(plan);
        let is_silent = build.reports.is_empty();
        let all = tests_of_files(&requested).collect::<BTreeSet<String>>();
        if is_silent {
            build.legs.entry(String::new()).or_default();
        }
        for leg in build.legs.values_mut() {
            leg.discovered.extend(all.iter().cloned());
        }
    }
    build
}

struct LegRun<'a> {
    group: String,
    nodes: usize,
    requested: &'a [String],
    plan: &'a Plan,
}

impl LegRun<'_> {
    fn add_job(&self, build: &mut Build, job: &Job, position: usize, list: &[String]) {
        let index = position - usize::from(job.repeats_index && position > 0);
        let given: Vec<String> = if job.has_server {
            let task = &self.plan.tasks[&index.to_string()];
            let cases = task.tests.iter();
            cases.map(|case| case.target().to_owned()).collect()
        } else {
            share(list, index, self.nodes)
        };
        let mut attempts = vec![job.fate];
        if job.is_retried {
            attempts.push(Fate::Runs);
        }
        for (retry, fate) in attempts.into_iter().enumerate() {
            let (targets, ran) = run(&given, fate, job.overlaps);
            let state = match fate {
                Fate::NeverStarts => continue,
                Fate::KilledMidRun | Fate::KilledUnheard | Fate::EndReportLost => {
                    NodeState::Started
                }
                _ => NodeState::Finished,
            };
            let leg = build.legs.entry(self.group.clone());
            if fate == Fate::KilledUnheard {
                // A group of which nobody heard has no verdict.
                leg.and_modify(|leg| leg.ran.extend(ran));
                continue;
            }
            let leg = leg.or_default();
            leg.ran.extend(ran);
            leg.discovered.extend(tests_of_files(list));
            leg.discovered.extend(tests_of_files(&given));
            if job.has_server && self.plan.population.is_some() {
                leg.discovered.extend(tests_of_files(self.requested));
            }
            build.reports.push(NodeReport {
                group: self.group.clone(),
                node: number(index),
                parallelism: number(self.nodes),
                job_retry_count: number(retry),
                job_id: format!("{} job {position}", self.group),
                state,
                targets,
                ..self.compared(job, list)
            });
        }
    }

    /// A report with the node's list beside that of the plan.
    fn compared(&self, job: &Job, list: &[String]) -> NodeReport {
        let requested = self.plan.population.as_ref().filter(|_| job.has_server);
        let missing = list.iter().filter(|file| !self.requested.contains(file));
        let only_here: Vec<String> = missing.filter(|_| requested.is_some()).cloned().collect();
        NodeReport {
            plan_source: if job.has_server {
                PlanSource::Server
            } else {
                PlanSource::Fallback
            },
            plan_digest: requested.map_or_else(String::new, |one| one.digest.clone()),
            population: Population {
                digest: population_digest(list.iter().map(String::as_str)),
                count: list.len() as u64,
                only_here_count: only_here.len() as u64,
                only_here: only_here.into_iter().take(MAX_NAMED).collect(),
            },
            ..NodeReport::default()
        }
    }
}

fn number(number: usize) -> u32 {
    u32::try_from(number).expect("a small number")
}

/// The targets as a node reports them, and the tests that ran.
fn run(
    given: &[String],
    fate: Fate,
    overlaps: Option<usize>,
) -> (Vec<TargetReport>, BTreeSet<String>) {
    let end = match fate {
        Fate::NeverStarts => 0,
        Fate::KilledMidRun | Fate::KilledUnheard => given.len() / 2,
        _ => given.len(),
    };
    let is_heard = !matches!(fate, Fate::KilledMidRun | Fate::EndReportLost);
    let (mut targets, mut ran) = (Vec::new(), BTreeSet::new());
    for (at, value) in given.iter().enumerate() {
        let outcome = match fate {
            _ if at >= end => TargetOutcome::NotRun,
            Fate::NoResults if at == 0 => TargetOutcome::NoResults,
            Fate::StopsEarly if at == 0 => TargetOutcome::Incomplete,
            _ => TargetOutcome::Complete,
        };
        let mut tests = tests_of(value);
        match outcome {
            TargetOutcome::Complete => {}
            TargetOutcome::Incomplete => tests.truncate(tests.len() - 1),
            _ => tests.clear(),
        }
        targets.push(TargetReport {
            value: value.clone(),
            planned: true,
            tests: tests.len() as u64,
            outcome: if is_heard {
                outcome
            } else {
                TargetOutcome::NotRun
            },
            ..TargetReport::default()
        });
        ran.extend(tests);
    }
    let overlap = overlaps.map(|file| format!("common-{file}"));
    let is_unplanned = |file: &String| given.iter().all(|target| !target.starts_with(&**file));
    if let Some(file) = overlap.filter(|file| is_heard && end > 0 && is_unplanned(file)) {
        ran.extend(tests_of(&file).into_iter().take(1));
        targets.push(TargetReport {
            value: file,
            tests: 1,
            outcome: TargetOutcome::RanUnplanned,
            ..TargetReport::default()
        });
    }
    (targets, ran)
}

/// Another machine runs `targets` of a group, which is one more node's report. If they do not pass,
/// nobody but the verdict says so: the job that verifies the build may be retried.
pub(crate) fn run_missing(build: &mut Build, group: &str, targets: BTreeSet<String>, passes: bool) {
    let nodes = build.reports.iter().map(|report| report.parallelism).max();
    let nodes = nodes.unwrap_or(1);
    let leg = build.legs.entry(group.to_owned()).or_default();
    if passes {
        let tests = targets.iter().flat_map(|target| tests_of(target));
        leg.ran.extend(tests);
    }
    build.reports.push(NodeReport {
        group: group.to_owned(),
        node: nodes,
        parallelism: nodes,
        job_id: format!("extra-{}", build.reports.len()),
        state: NodeState::Finished,
        exit_code: Some(i32::from(!passes)),
        targets: targets
            .into_iter()
            .map(|value| TargetReport {
                tests: tests_of(&value).len() as u64,
                value,
                failed: u64::from(!passes),
                outcome: TargetOutcome::Complete,
                ..TargetReport::default()
            })
            .collect(),
        ..NodeReport::default()
    });
}
