//! Simulates builds with random faults and checks the promise: no build in which a discovered
//! target did not run gets the verdict "complete".

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use test_engine_accounting::{Accounting, Input, Verdict, account, population_digest};
use test_engine_wire::{
    Case, NodeReport, NodeState, Plan, PlanSource, Population, TargetOutcome, TargetReport, Task,
};

/// How many targets a report names; small, so that lists are cut.
const MAX_NAMED: usize = 2;

/// What happens to one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
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
struct Job {
    fate: Fate,
    has_server: bool,
    /// Runs with the index of the node before it.
    repeats_index: bool,
    /// Targets that only this job's checkout has.
    extra: usize,
    /// Targets that its checkout lacks.
    lacks: usize,
    /// The CI retries the job, which then succeeds with the same share.
    is_retried: bool,
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Runs),
        1 => Just(Fate::NeverStarts),
        1 => Just(Fate::KilledMidRun),
        1 => Just(Fate::KilledUnheard),
        1 => Just(Fate::EndReportLost),
        1 => Just(Fate::NoResults),
        1 => Just(Fate::StopsEarly),
    ]
}

fn jobs() -> impl Strategy<Value = Vec<Job>> {
    let rarely = |weight| prop::bool::weighted(weight);
    let few = || prop_oneof![9 => Just(0_usize), 1 => 1..4_usize];
    let job = (
        fates(),
        rarely(0.8),
        rarely(0.05),
        few(),
        few(),
        rarely(0.1),
    )
        .prop_map(
            |(fate, has_server, repeats_index, extra, lacks, is_retried)| Job {
                fate,
                has_server,
                repeats_index,
                extra,
                lacks,
                is_retried,
            },
        );
    prop::collection::vec(job, 1..5)
}

/// What really happened, beside what was reported.
struct Build {
    plan: Option<Plan>,
    reports: Vec<NodeReport>,
    ran: BTreeSet<String>,
    /// Targets of the plan and of every node that reported.
    discovered: BTreeSet<String>,
    /// Targets of every node that reported.
    reported: BTreeSet<String>,
}

impl Build {
    /// As without a server. What only the lost creator of a plan discovered can be noticed if
    /// another node used the plan, and nobody can know of it otherwise.
    fn forget_plan(&mut self) {
        self.plan = None;
        if self
            .reports
            .iter()
            .all(|report| report.plan_digest.is_empty())
        {
            self.discovered.clone_from(&self.reported);
        }
    }
}

fn discovered_by(node: usize, job: &Job, universe: usize) -> Vec<String> {
    let own = (0..job.extra).map(|extra| format!("only-{node}-{extra}"));
    let common = (job.lacks.min(universe)..universe).map(|target| format!("common-{target}"));
    common.chain(own).collect()
}

fn share(list: &[String], node: usize, nodes: usize) -> Vec<String> {
    list.iter().skip(node).step_by(nodes).cloned().collect()
}

fn plan_of(list: &[String], nodes: usize) -> Plan {
    let task = |node: usize| Task {
        node_number: i64::try_from(node).expect("a small number"),
        tests: share(list, node, nodes)
            .into_iter()
            .map(|path| Case {
                path,
                ..Case::default()
            })
            .collect(),
    };
    Plan {
        tasks: (0..nodes)
            .map(|node| (node.to_string(), task(node)))
            .collect(),
        population: Some(Population {
            digest: population_digest(list.iter().map(String::as_str)),
            count: list.len() as u64,
            ..Population::default()
        }),
        ..Plan::default()
    }
}

fn simulate(jobs: &[Job], universe: usize) -> Build {
    let lists: Vec<Vec<String>> = (0..jobs.len())
        .map(|node| discovered_by(node, &jobs[node], universe))
        .collect();
    let creator = jobs
        .iter()
        .position(|job| job.has_server && job.fate != Fate::NeverStarts);
    let plan = creator.map(|node| plan_of(&lists[node], jobs.len()));
    let planned: Vec<String> = creator.map(|node| lists[node].clone()).unwrap_or_default();
    let mut build = Build {
        discovered: planned.iter().cloned().collect(),
        plan,
        reports: Vec::new(),
        ran: BTreeSet::new(),
        reported: BTreeSet::new(),
    };
    for (position, job) in jobs.iter().enumerate() {
        let index = position - usize::from(job.repeats_index && position > 0);
        run_job(
            &mut build,
            job,
            index,
            position,
            &lists[position],
            &planned,
            jobs.len(),
        );
    }
    build
}

fn run_job(
    build: &mut Build,
    job: &Job,
    index: usize,
    position: usize,
    list: &[String],
    planned: &[String],
    nodes: usize,
) {
    let (source, given) = if job.has_server {
        (PlanSource::Server, share(planned, index, nodes))
    } else {
        (PlanSource::Fallback, share(list, index, nodes))
    };
    let only_here: Vec<String> = if job.has_server {
        list.iter()
            .filter(|target| !planned.contains(target))
            .cloned()
            .collect()
    } else {
        Vec::new()
    };
    let mut attempts = vec![job.fate];
    if job.is_retried {
        attempts.push(Fate::Runs);
    }
    for (retry, fate) in attempts.into_iter().enumerate() {
        let end = match fate {
            Fate::NeverStarts => 0,
            Fate::KilledMidRun | Fate::KilledUnheard => given.len() / 2,
            _ => given.len(),
        };
        let mut targets: BTreeMap<&String, TargetOutcome> = given
            .iter()
            .map(|target| (target, TargetOutcome::NotRun))
            .collect();
        for (at, target) in given[..end].iter().enumerate() {
            let outcome = match fate {
                Fate::NoResults if at == 0 => TargetOutcome::NoResults,
                Fate::StopsEarly if at == 0 => TargetOutcome::Incomplete,
                _ => TargetOutcome::Complete,
            };
            targets.insert(target, outcome);
            if outcome == TargetOutcome::Complete {
                build.ran.insert(target.clone());
            }
        }
        let state = match fate {
            Fate::NeverStarts | Fate::KilledUnheard => continue,
            Fate::KilledMidRun | Fate::EndReportLost => NodeState::Started,
            _ => NodeState::Finished,
        };
        build.discovered.extend(list.iter().cloned());
        build.reported.extend(list.iter().cloned());
        build.reports.push(NodeReport {
            node: u32::try_from(index).expect("a small number"),
            parallelism: u32::try_from(nodes).expect("a small number"),
            job_retry_count: u32::try_from(retry).expect("a small number"),
            job_id: format!("job-{position}"),
            state,
            plan_source: source,
            population: Population {
                digest: population_digest(list.iter().map(String::as_str)),
                count: list.len() as u64,
                only_here: only_here.iter().take(MAX_NAMED).cloned().collect(),
                only_here_count: only_here.len() as u64,
            },
            plan_digest: if job.has_server {
                population_digest(planned.iter().map(String::as_str))
            } else {
                String::new()
            },
            targets: targets
                .into_iter()
                .map(|(value, outcome)| TargetReport {
                    value: value.clone(),
                    planned: true,
                    tests: u64::from(outcome >= TargetOutcome::Incomplete),
                    outcome: if state == NodeState::Started {
                        TargetOutcome::NotRun
                    } else {
                        outcome
                    },
                    ..TargetReport::default()
                })
                .collect(),
            ..NodeReport::default()
        });
    }
}

fn accounting(build: &Build) -> Accounting {
    let history = build.discovered.clone();
    account(&Input {
        identifier: "build/step",
        plan: build.plan.as_ref(),
        reports: &build.reports,
        targets_with_history: &history,
        vanished: &[],
        unchanged_targets: &BTreeSet::new(),
    })
}

fn verdict(build: &Build) -> Verdict {
    accounting(build).verdict
}

fn missing(accounting: &Accounting) -> BTreeSet<String> {
    let missing = accounting
        .groups
        .iter()
        .map(|group| group.missing_targets());
    let targets = missing.flat_map(|missing| missing.targets);
    targets.map(str::to_owned).collect()
}

/// Another machine runs `targets`, which is one more node's report. If they do not pass, nobody but
/// the verdict says so: the job that verifies the build may be retried.
fn run_missing(build: &mut Build, targets: BTreeSet<String>, nodes: usize, passes: bool) {
    let nodes = u32::try_from(nodes).expect("a small number");
    if passes {
        build.ran.extend(targets.iter().cloned());
    }
    build.reports.push(NodeReport {
        node: nodes,
        parallelism: nodes,
        job_id: format!("extra-{}", build.reports.len()),
        state: NodeState::Finished,
        exit_code: Some(i32::from(!passes)),
        targets: targets
            .into_iter()
            .map(|value| TargetReport {
                value,
                tests: 1,
                failed: u64::from(!passes),
                outcome: TargetOutcome::Complete,
                ..TargetReport::default()
            })
            .collect(),
        ..NodeReport::default()
    });
}

fn healthy(has_server: bool) -> Job {
    Job {
        fate: Fate::Runs,
        has_server,
        repeats_index: false,
        extra: 0,
        lacks: 0,
        is_retried: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_complete_build_ran_every_discovered_target(
        jobs in jobs(),
        universe in 1..9_usize,
        repairs_pass: [bool; 2],
        knows_plan: bool,
    ) {
        let mut build = simulate(&jobs, universe);
        if !knows_plan {
            build.forget_plan();
        }
        for passes in repairs_pass {
            let accounting = accounting(&build);
            if accounting.verdict == Verdict::Complete {
                let lost: Vec<_> = build.discovered.difference(&build.ran).collect();
                prop_assert!(lost.is_empty(), "complete, but these never ran: {lost:?}");
            }
            run_missing(&mut build, missing(&accounting), jobs.len(), passes);
        }
    }

    #[test]
    fn a_build_without_faults_is_complete_without_its_plan(
        nodes in 1..5_usize,
        universe in 5..30_usize,
    ) {
        let mut build = simulate(&vec![healthy(true); nodes], universe);
        // As if each file were split into its examples.
        for target in build.reports.iter_mut().flat_map(|report| &mut report.targets) {
            target.value.push_str("::test");
        }
        build.plan = None;
        prop_assert_eq!(verdict(&build), Verdict::Complete);
        build.reports.pop();
        prop_assert_ne!(verdict(&build), Verdict::Complete);
    }

    #[test]
    fn a_build_without_faults_is_complete(
        nodes in 1..5_usize,
        universe in 5..30_usize,
        has_server: bool,
    ) {
        let build = simulate(&vec![healthy(has_server); nodes], universe);
        prop_assert_eq!(verdict(&build), Verdict::Complete);
    }

    #[test]
    fn a_lost_node_makes_a_build_incomplete_until_its_targets_run(
        nodes in 2..5_usize,
        lost in 0..5_usize,
        has_server: bool,
    ) {
        let mut jobs = vec![healthy(has_server); nodes];
        jobs[lost % nodes].fate = Fate::NeverStarts;
        let mut build = simulate(&jobs, 20);
        prop_assert_eq!(verdict(&build), Verdict::Incomplete);
        // Without a plan, only what the machine itself discovers says what was lost.
        let targets: BTreeSet<String> = build.discovered.difference(&build.ran).cloned().collect();
        run_missing(&mut build, targets.clone(), nodes, false);
        prop_assert_eq!(verdict(&build), Verdict::Incomplete);
        run_missing(&mut build, targets, nodes, true);
        prop_assert_eq!(verdict(&build), Verdict::Complete);
    }
}
