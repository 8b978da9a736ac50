//! What each observation about a build is, and whether it fails.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod lists;
mod parts;
mod support;

use std::collections::BTreeSet;

use test_engine_accounting::{Accountings, Finding, VanishedTest, Verdict};
use test_engine_wire::{ExcuseReason, ExcusedTest, NodeReport, TargetOutcome, TargetReport};

use self::support::{Known, group, judge, only_group, plan, ran, report, selector};

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
fn a_target_that_ran_without_being_planned_is_not_proven() {
    let unplanned = |value: &str| TargetReport {
        planned: false,
        outcome: TargetOutcome::RanUnplanned,
        ..ran(value, 1)
    };
    // The runner took `cart.test.ts` for a pattern and stopped after one of ten tests of `.tsx`.
    let first = report(
        0,
        vec![
            ran("cart.test.ts", 2),
            unplanned("cart.test.tsx"),
            unplanned("else.ts"),
        ],
        &["cart.test.ts", "cart.test.tsx"],
    );
    let plan = plan(
        &[
            vec![selector("cart.test.ts", None)],
            vec![selector("cart.test.tsx", Some(10))],
        ],
        &["cart.test.ts", "cart.test.tsx"],
    );
    let lost = group(Some(&plan), std::slice::from_ref(&first));
    assert_eq!(
        lost.failures,
        [Finding::TargetNotRun {
            target: "cart.test.tsx".to_owned(),
            nodes: vec![1]
        }]
    );
    let second = report(
        1,
        vec![ran("cart.test.tsx", 10)],
        &["cart.test.ts", "cart.test.tsx"],
    );
    let complete = group(Some(&plan), &[first, second]);
    assert_eq!((complete.verdict, complete.tests), (Verdict::Complete, 12));
    assert_eq!(
        complete.warnings,
        [Finding::TargetRanTwice {
            target: "cart.test.tsx".to_owned(),
            nodes: vec![1, 0]
        }]
    );
    assert_eq!((complete.nodes[0].planned, complete.nodes[0].ran), (1, 1));
}

#[test]
fn results_that_name_no_targets_prove_them_all_the_same() {
    let unnamed = |value: &str| TargetReport {
        tests: 0,
        ..ran(value, 1)
    };
    let reports = [
        report(0, vec![unnamed("a")], &["a", "b"]),
        report(1, vec![unnamed("b")], &["a", "b"]),
    ];
    let complete = group(None, &reports);
    assert_eq!(
        (complete.verdict, complete.failures),
        (Verdict::Complete, vec![])
    );
    let nothing = [
        report(0, vec![ran("a", 0)], &["a", "b"]),
        report(1, vec![ran("b", 0)], &["a", "b"]),
    ];
    assert_eq!(group(None, &nothing).failures, [Finding::NoTestRan]);
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
