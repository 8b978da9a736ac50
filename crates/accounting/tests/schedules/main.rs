//! Simulates builds with random faults and checks the promise: no build in which a discovered test
//! did not run gets the verdict "complete".

mod simulation;

use std::collections::BTreeSet;

use proptest::prelude::*;
use test_engine_accounting::{Accounting, Input, Verdict, account};

use self::simulation::{Build, Fate, Job, Leg, Step, run_missing, simulate};

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
        prop::option::weighted(0.2, 0..9_usize),
    )
        .prop_map(
            |(fate, has_server, repeats_index, extra, lacks, is_retried, overlaps)| Job {
                fate,
                has_server,
                repeats_index,
                extra,
                lacks,
                is_retried,
                overlaps,
            },
        );
    prop::collection::vec(job, 1..5)
}

/// The jobs of one or two groups.
fn legs() -> impl Strategy<Value = Vec<Vec<Job>>> {
    prop_oneof![
        3 => jobs().prop_map(|jobs| vec![jobs]),
        1 => (jobs(), jobs()).prop_map(|(one, other)| vec![one, other]),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let rarely = |weight| prop::bool::weighted(weight);
    let split = prop_oneof![2 => Just(0_usize), 1 => 1..4_usize];
    (1..9_usize, split, rarely(0.7), rarely(0.5), rarely(0.3)).prop_map(
        |(files, split, plan_says_request, plan_counts_tests, is_plan_unknown)| Step {
            files,
            split,
            plan_says_request,
            plan_counts_tests,
            is_plan_unknown,
        },
    )
}

fn accounting(build: &Build) -> Accounting {
    let reports = build.reports.iter();
    let targets = reports.flat_map(|report| &report.targets);
    let history: BTreeSet<String> = targets.map(|target| target.value.clone()).collect();
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

fn healthy(has_server: bool) -> Job {
    Job {
        fate: Fate::Runs,
        has_server,
        repeats_index: false,
        extra: 0,
        lacks: 0,
        is_retried: false,
        overlaps: Some(3),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_complete_build_ran_every_discovered_test(
        legs in legs(),
        step in steps(),
        repairs_pass: [bool; 2],
    ) {
        let mut build = simulate(&legs, &step);
        for passes in repairs_pass {
            let accounting = accounting(&build);
            for group in &accounting.groups {
                let leg = build.legs.get(&group.group);
                let lost = leg.map(Leg::lost).unwrap_or_default();
                if group.verdict == Verdict::Complete {
                    prop_assert!(lost.is_empty(), "complete, but these never ran: {lost:?}");
                }
                let missing = group.missing_targets().targets.into_iter();
                let missing = missing.map(str::to_owned).collect();
                run_missing(&mut build, &group.group, missing, passes);
            }
        }
    }

    #[test]
    fn a_build_without_faults_is_complete(
        nodes in 1..5_usize,
        legs in 1..3_usize,
        mut step in steps(),
        has_server: bool,
    ) {
        step.files += nodes;
        // Nothing else says which files the examples stand for.
        step.plan_says_request |= step.split > 0;
        let build = simulate(&vec![vec![healthy(has_server); nodes]; legs], &step);
        prop_assert_eq!(verdict(&build), Verdict::Complete);
    }

    #[test]
    fn a_lost_node_makes_a_build_incomplete_until_its_targets_run(
        nodes in 2..5_usize,
        lost in 0..5_usize,
        mut step in steps(),
        has_server: bool,
    ) {
        step.files += 12;
        step.plan_says_request |= step.split > 0;
        let mut jobs = vec![healthy(has_server); nodes];
        jobs[lost % nodes].fate = Fate::NeverStarts;
        let mut build = simulate(&[jobs], &step);
        prop_assert_eq!(verdict(&build), Verdict::Incomplete);
        let known = accounting(&build);
        let group = &known.groups[0];
        let missing = group.missing_targets();
        let named = missing.targets.into_iter();
        let mut targets: BTreeSet<String> = named.map(str::to_owned).collect();
        if missing.may_be_more {
            // Without a plan, only what the machine itself discovers says what was lost.
            targets.extend(build.legs[&group.group].files_with_lost_tests());
        }
        let name = group.group.clone();
        run_missing(&mut build, &name, targets.clone(), false);
        prop_assert_eq!(verdict(&build), Verdict::Incomplete);
        run_missing(&mut build, &name, targets, true);
        if step.split == 0 || !step.is_plan_unknown {
            prop_assert_eq!(verdict(&build), Verdict::Complete);
        }
    }
}
