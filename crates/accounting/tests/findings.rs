//! What each observation about a build is, and whether it fails.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::BTreeSet;

use test_engine_accounting::{
    Accounting, Accountings, Finding, GroupAccounting, Input, VanishedTest, Verdict, account,
    population_digest,
};
use test_engine_wire::{
    Case, CaseFormat, ExcuseReason, ExcusedTest, NodeReport, NodeState, Plan, PlanSource,
    Population, TargetOutcome, TargetReport, Task,
};

fn selector(value: &str, expected_tests: Option<u64>) -> Case {
    Case {
        value: value.to_owned(),
        format: CaseFormat::Selector,
        expected_tests,
        ..Case::default()
    }
}

/// One node per list of cases.
fn plan(shares: &[Vec<Case>], requested: &[&str]) -> Plan {
    let tasks = shares.iter().zip(0_i64..).map(|(tests, node_number)| {
        let tests = tests.clone();
        (node_number.to_string(), Task { node_number, tests })
    });
    Plan {
        tasks: tasks.collect(),
        population: Some(population(requested)),
        ..Plan::default()
    }
}

fn population(values: &[&str]) -> Population {
    Population {
        digest: population_digest(values.iter().copied()),
        count: values.len() as u64,
        ..Population::default()
    }
}

fn ran(value: &str, tests: u64) -> TargetReport {
    TargetReport {
        value: value.to_owned(),
        planned: true,
        tests,
        outcome: if tests == 0 {
            TargetOutcome::NoResults
        } else {
            TargetOutcome::Complete
        },
        ..TargetReport::default()
    }
}

fn report(node: u32, targets: Vec<TargetReport>, discovered: &[&str]) -> NodeReport {
    NodeReport {
        node,
        parallelism: 2,
        job_id: format!("job-{node}"),
        state: NodeState::Finished,
        targets,
        population: population(discovered),
        ..NodeReport::default()
    }
}

struct Known<'a> {
    plan: Option<&'a Plan>,
    reports: &'a [NodeReport],
    vanished: &'a [VanishedTest],
    unchanged: &'a [&'a str],
}

fn judge(known: &Known<'_>) -> Accounting {
    account(&Input {
        identifier: "b/s",
        plan: known.plan,
        reports: known.reports,
        targets_with_history: &BTreeSet::new(),
        vanished: known.vanished,
        unchanged_targets: &known.unchanged.iter().map(|&one| one.to_owned()).collect(),
    })
}

fn only_group(accounting: Accounting) -> GroupAccounting {
    let [group] = <[GroupAccounting; 1]>::try_from(accounting.groups).unwrap();
    group
}

fn group(plan: Option<&Plan>, reports: &[NodeReport]) -> GroupAccounting {
    only_group(judge(&Known {
        plan,
        reports,
        vanished: &[],
        unchanged: &[],
    }))
}

#[test]
fn a_target_with_expected_tests_must_have_results() {
    let plan = plan(
        &[vec![selector("a", Some(2))], vec![selector("./b", None)]],
        &["a", "b"],
    );
    let reports = |tests| {
        [
            report(0, vec![ran("a", tests)], &["a", "b"]),
            report(1, vec![ran("b", 3)], &["a", "b"]),
        ]
    };
    let complete = group(Some(&plan), &reports(2));
    assert_eq!(
        (
            complete.verdict,
            complete.tests,
            complete.failures,
            complete.warnings
        ),
        (Verdict::Complete, 5, vec![], vec![])
    );
    let without = group(Some(&plan), &reports(0));
    assert_eq!(
        without.failures,
        [Finding::TargetWithoutResults {
            target: "a".to_owned(),
            node: 0,
            had_results: true
        }]
    );
    let fewer = group(Some(&plan), &reports(1));
    assert_eq!(fewer.verdict, Verdict::Complete);
    assert_eq!(
        fewer.warnings,
        [Finding::TargetShrank {
            target: "a".to_owned(),
            node: 0,
            tests: 1,
            expected_tests: 2,
            fails: false
        }]
    );
}

#[test]
fn a_target_without_history_may_hold_no_tests() {
    let plan = plan(
        &[vec![selector("a", None), selector("b", None)]],
        &["a", "b"],
    );
    let mut only = report(0, vec![ran("a", 1), ran("b", 0)], &["a", "b"]);
    only.parallelism = 1;
    let group = group(Some(&plan), &[only]);
    assert_eq!(
        (group.verdict, group.failures.len()),
        (Verdict::Complete, 0)
    );
    assert_eq!(group.warnings.len(), 1);
}

#[test]
fn vanished_tests_fail_if_most_are_gone_from_an_unchanged_file_or_on_request() {
    let plan = plan(
        &[vec![selector("a", Some(5)), selector("b", Some(4))]],
        &["a", "b"],
    );
    let mut only = report(0, vec![ran("a", 2), ran("b", 4)], &["a", "b"]);
    only.parallelism = 1;
    let vanished: Vec<VanishedTest> = ["a", "a", "a", "b", "b", "b", "b"]
        .into_iter()
        .enumerate()
        .map(|(number, target)| VanishedTest {
            target: target.to_owned(),
            scope: String::new(),
            name: format!("test {number}"),
        })
        .collect();
    let judged = |unchanged: &[&str]| {
        judge(&Known {
            plan: Some(&plan),
            reports: std::slice::from_ref(&only),
            vanished: &vanished,
            unchanged,
        })
    };
    assert_eq!(judged(&[]).verdict, Verdict::Complete);
    // All tests of b were renamed: their number is the same.
    assert_eq!(judged(&["b"]).verdict, Verdict::Complete);
    assert_eq!(judged(&["a"]).verdict, Verdict::Incomplete);
    let strict = judged(&[]).failing_on_vanished_tests();
    assert_eq!(strict.verdict, Verdict::Incomplete);
    let strict = only_group(strict);
    assert_eq!((strict.failures.len(), strict.warnings.len()), (2, 0));
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

#[test]
fn failed_and_excused_tests_are_listed_and_leave_the_build_complete() {
    let excused = ExcusedTest {
        scope: "cart".to_owned(),
        name: "adds".to_owned(),
        reason: ExcuseReason::Skipped,
    };
    let mut failing = ran("a", 3);
    failing.failed = 2;
    let mut reports = [
        report(0, vec![failing], &["a", "b"]),
        report(1, vec![ran("b", 1)], &["a", "b"]),
    ];
    for report in &mut reports {
        report.excused_tests = vec![excused.clone()];
    }
    let group = group(None, &reports);
    assert_eq!((group.verdict, group.failed_tests), (Verdict::Complete, 2));
    assert_eq!(group.excused_tests, [excused]);
    assert_eq!(
        group.warnings,
        [Finding::TargetFailed {
            target: "a".to_owned(),
            node: 0,
            failed: 2
        }]
    );
}

#[test]
fn focus_fails() {
    let mut reports = [
        report(0, vec![ran("a", 1)], &["a", "b"]),
        report(1, vec![ran("b", 1)], &["a", "b"]),
    ];
    reports[1].has_focus = true;
    assert_eq!(group(None, &reports).failures, [Finding::Focus { node: 1 }]);
}

#[test]
fn a_runner_that_chooses_its_tests_leaves_the_verdict_unknown() {
    let reports = [report(0, vec![], &[]), report(1, vec![], &[])];
    let group = group(None, &reports);
    assert_eq!(group.verdict, Verdict::Unknown);
    assert_eq!(group.warnings, [Finding::NoTargets]);
}

#[test]
fn every_group_needs_all_targets() {
    let mut reports = [
        report(0, vec![ran("a", 1)], &["a", "b"]),
        report(1, vec![ran("b", 1)], &["a", "b"]),
        report(0, vec![ran("a", 1)], &["a", "b"]),
    ];
    reports[2].group = "python 3.12".to_owned();
    let accounting = judge(&Known {
        plan: None,
        reports: &reports,
        vanished: &[],
        unchanged: &[],
    });
    let verdicts: Vec<_> = accounting
        .groups
        .iter()
        .map(|group| (group.group.as_str(), group.verdict))
        .collect();
    assert_eq!(
        verdicts,
        [
            ("", Verdict::Complete),
            ("python 3.12", Verdict::Incomplete)
        ]
    );
    assert!(!accounting.has_all_reports());
    assert_eq!(accounting.verdict, Verdict::Incomplete);
}

#[test]
fn json_of_a_newer_version_can_be_read() {
    let text = r#"{"accountings": [{"identifier": "b/s", "verdict": "incomplete", "groups": [{
        "group": "", "verdict": "incomplete", "parallelism": 1, "targets": 0,
        "complete_targets": 0, "tests": 0, "failed_tests": 0, "nodes": [], "warnings": [],
        "failures": [{"kind": "moon_phase", "phase": "full"}], "excused_tests": [], "new": 1
    }]}]}"#;
    let accountings: Accountings = serde_json::from_str(text).unwrap();
    assert_eq!(accountings.verdict(), Verdict::Incomplete);
    assert_eq!(
        accountings.accountings[0].groups[0].failures,
        [Finding::Other]
    );
    assert_eq!(Accountings::default().verdict(), Verdict::Unknown);
}

/// The job that verifies a build runs what is missing, and reports that as one more node.
fn repair(exit_code: i32, failed: u64) -> NodeReport {
    let mut repair = report(2, vec![ran("b", 3)], &[]);
    repair.exit_code = Some(exit_code);
    repair.targets[0].failed = failed;
    repair
}

#[test]
fn missing_targets_that_fail_stay_missing_until_they_pass() {
    let plan = plan(
        &[vec![selector("a", None)], vec![selector("b", None)]],
        &["a", "b"],
    );
    let first = report(0, vec![ran("a", 1)], &["a", "b"]);
    // With tests that failed, or with something outside the tests.
    for failed in [1, 0] {
        let reports = [first.clone(), repair(1, failed)];
        let red = group(Some(&plan), &reports);
        let failure = Finding::RepairFailed {
            target: "b".to_owned(),
            exit_code: Some(1),
        };
        assert_eq!(red.failures, [failure]);
        assert_eq!(red.missing_targets().targets, BTreeSet::from(["b"]));
        let mut passed = repair(0, 0);
        passed.job_id = "later".to_owned();
        let [first, failed] = reports;
        let green = group(Some(&plan), &[first, failed, passed]);
        assert_eq!(green.verdict, Verdict::Complete, "{:?}", green.failures);
    }
}

#[test]
fn an_expected_group_must_have_reported() {
    let mut leg = report(0, vec![ran("a", 1)], &["a"]);
    leg.parallelism = 1;
    leg.group = "3.12".to_owned();
    let accounting = judge(&Known {
        plan: None,
        reports: &[leg],
        vanished: &[],
        unchanged: &[],
    });
    let all = Accountings {
        accountings: vec![accounting],
    };
    assert_eq!(all.verdict(), Verdict::Complete);
    let known = all.clone().expecting_groups(&["3.12".to_owned()]);
    assert_eq!(known, all);
    let two = all.expecting_groups(&["3.12".to_owned(), "3.11".to_owned()]);
    assert_eq!(two.verdict(), Verdict::Incomplete);
    let silent = &two.accountings[0].groups[0];
    assert_eq!(silent.group, "3.11");
    assert_eq!(silent.failures, [Finding::GroupSilent]);
    assert!(silent.missing_targets().may_be_more);
}
