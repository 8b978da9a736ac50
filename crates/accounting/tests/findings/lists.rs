//! Nodes that discovered other targets than the plan has, and nodes that say nothing.

use test_engine_accounting::{Finding, GroupAccounting, Verdict};
use test_engine_wire::{NodeReport, Plan, PlanSource, Population, TargetReport};

use crate::support::{group, plan, population, ran, report, selector};

/// Both nodes discovered `c`, which the planner did not.
fn planner_lacks_a_target() -> (Plan, [NodeReport; 2]) {
    let plan = plan(
        &[vec![selector("a", None)], vec![selector("b", None)]],
        &["a", "b"],
    );
    let reports = [
        report(0, vec![ran("a", 1)], &["a", "b", "c"]),
        report(1, vec![ran("b", 1)], &["a", "b", "c"]),
    ];
    (plan, reports)
}

#[test]
fn nodes_that_agree_with_each_other_do_not_prove_the_plan() {
    let (mut plan, mut reports) = planner_lacks_a_target();
    let is_uncovered = |group: &GroupAccounting| {
        let is_it = |finding: &Finding| {
            matches!(
                finding,
                Finding::PopulationDiffers {
                    is_covered: false,
                    ..
                }
            )
        };
        group.failures.len() == 2 && group.failures.iter().all(is_it)
    };
    // The nodes had the plan from a server that does not say what it was made from.
    assert!(is_uncovered(&group(Some(&plan), &reports)));
    let requested = plan.population.take();
    assert!(is_uncovered(&group(Some(&plan), &reports)));
    // They compared, and know what the plan lacks.
    for report in &mut reports {
        report.plan_digest = requested.clone().unwrap_or_default().digest;
        report.population.only_here = vec!["c".to_owned()];
        report.population.only_here_count = 1;
    }
    let not_run = [Finding::TargetNotRun {
        target: "c".to_owned(),
        nodes: vec![],
    }];
    for plan in [None, Some(&plan)] {
        assert_eq!(group(plan, &reports).failures, not_run);
    }
}

#[test]
fn a_node_that_never_reported_may_have_what_the_others_lack() {
    let (plan, [mut first, _]) = planner_lacks_a_target();
    let requested = plan.population.clone().unwrap_or_default();
    // Its checkout has only its own share.
    first.population = population(&["a"]);
    first.plan_digest = requested.digest;
    let silent = group(None, &[first]);
    assert!(
        silent.failures.contains(&Finding::NodeSilent {
            node: 1,
            is_share_known: false
        }),
        "{:?}",
        silent.failures
    );
}

#[test]
fn a_request_of_other_targets_than_nodes_discover_is_not_compared() {
    let (plan, mut reports) = planner_lacks_a_target();
    for report in &mut reports {
        report.population.digest.clear();
    }
    for plan in [None, Some(&plan)] {
        let group = group(plan, &reports);
        assert_eq!((group.verdict, group.failures), (Verdict::Complete, vec![]));
    }
    reports[1].plan_source = PlanSource::Fallback;
    assert_eq!(group(Some(&plan), &reports).verdict, Verdict::Incomplete);
}

#[test]
fn a_plan_without_shares_says_nothing_about_a_silent_node() {
    let plan = Plan {
        parallelism: 2,
        ..Plan::default()
    };
    let reports = [report(0, vec![ran("a", 1)], &["a", "b"])];
    let group = group(Some(&plan), &reports);
    assert!(group.failures.contains(&Finding::NodeSilent {
        node: 1,
        is_share_known: false
    }));
}

#[test]
fn targets_that_were_not_selected_are_counted() {
    let plan = plan(&[vec![selector("a", None)], vec![]], &["a", "b", "c"]);
    let reports = [
        report(0, vec![ran("a", 1)], &["a", "b", "c"]),
        report(1, vec![], &["a", "b", "c"]),
    ];
    let group = group(Some(&plan), &reports);
    assert_eq!(group.verdict, Verdict::Complete);
    assert_eq!(group.warnings, [Finding::TargetsNotPlanned { count: 2 }]);
}

#[test]
fn without_a_plan_a_target_of_one_node_does_not_hide_that_the_others_are_covered() {
    let judge = |own_target: TargetReport| {
        let mut second = report(1, vec![ran("b", 1), own_target], &["a", "b", "own"]);
        second.population.only_here = vec!["own".to_owned()];
        second.population.only_here_count = 1;
        let reports = [report(0, vec![ran("a", 1)], &["a", "b"]), second];
        group(None, &reports).failures
    };
    assert_eq!(judge(ran("own", 1)), []);
    let not_run = TargetReport {
        value: "own".to_owned(),
        ..TargetReport::default()
    };
    assert!(
        matches!(judge(not_run)[..], [Finding::TargetNotRun { .. }]),
        "no node ran it"
    );
}

/// As retried jobs and nodes with a plan file do, if discovery would start the runner.
#[test]
fn nodes_that_discover_nothing_leave_the_build_complete() {
    let planned = plan(
        &[vec![selector("a", None)], vec![selector("b", None)]],
        &["a", "b"],
    );
    let without_population = Plan {
        population: None,
        ..planned.clone()
    };
    let mut reports = [
        report(0, vec![ran("a", 1)], &["a", "b"]),
        report(1, vec![ran("b", 1)], &["a", "b"]),
    ];
    reports[1].population = Population::default();
    for plan in [Some(&planned), Some(&without_population), None] {
        let group = group(plan, &reports);
        assert_eq!(
            (group.verdict, &group.failures[..]),
            (Verdict::Complete, &[][..])
        );
    }
    // A node that split the tests itself must have discovered them.
    reports[1].plan_source = PlanSource::Fallback;
    let group = group(Some(&without_population), &reports);
    assert_eq!(group.failures.len(), 1, "{:?}", group.failures);
}
