//! Targets that ran under another name, in parts, or not at all because a filter deselected them.

use test_engine_accounting::{Finding, Verdict};
use test_engine_wire::{
    Case, CaseFormat, ExcuseReason, NodeReport, PlanSource, TargetReport, TestIdentity,
};

use crate::support::{group, plan, ran, report, selector};

fn example(path: &str) -> Case {
    Case {
        path: path.to_owned(),
        format: CaseFormat::Example,
        ..Case::default()
    }
}

fn of_nodes_without_plan(targets: &[&str], discovered: &[&str]) -> NodeReport {
    let targets = targets.iter().map(|target| ran(target, 2)).collect();
    NodeReport {
        plan_source: PlanSource::Fallback,
        location_prefix: "./api/".to_owned(),
        ..report(0, targets, discovered)
    }
}

#[test]
fn a_complete_file_covers_its_examples() {
    let files = ["a_spec.rb", "b_spec.rb"];
    let whole = [selector("b_spec.rb", None)];
    let examples = ["api/a_spec.rb[1:1]", "api/a_spec.rb[1:2]"].map(example);
    let plan = plan(&[examples.to_vec(), whole.to_vec()], &files);
    // --fallback all on one node; the other never reported.
    let all = of_nodes_without_plan(&files, &files);
    let complete = group(Some(&plan), &[all]);
    assert_eq!(
        (complete.verdict, complete.failures),
        (Verdict::Complete, vec![])
    );
    assert_eq!((complete.targets, complete.tests), (4, 4));
    let part = of_nodes_without_plan(&["b_spec.rb"], &files);
    let missing = group(Some(&plan), &[part]).failures;
    let is_example = |finding: &Finding| match finding {
        Finding::TargetNotRun { target, .. } => target.ends_with(']'),
        _ => false,
    };
    assert!(
        missing.len() == 2 && missing.iter().all(is_example),
        "{missing:?}"
    );
}

#[test]
fn complete_examples_cover_the_file_that_a_node_without_the_plan_lost() {
    let plan = plan(
        &[
            vec![example("a_spec.rb[1:1]")],
            vec![example("a_spec.rb[1:2]")],
        ],
        &["a_spec.rb"],
    );
    let lost = NodeReport {
        plan_source: PlanSource::Fallback,
        targets: vec![TargetReport {
            value: "a_spec.rb".to_owned(),
            planned: true,
            ..TargetReport::default()
        }],
        job_id: "another".to_owned(),
        ..report(0, vec![], &["a_spec.rb"])
    };
    let reports = |second: &str| {
        [
            lost.clone(),
            report(0, vec![ran("a_spec.rb[1:1]", 1)], &["a_spec.rb"]),
            report(1, vec![ran(second, 1)], &["a_spec.rb"]),
        ]
    };
    let failures = |second| group(Some(&plan), &reports(second)).failures;
    assert_eq!(failures("a_spec.rb[1:2]"), []);
    assert_eq!(failures("other").len(), 2);
}

#[test]
fn names_with_the_location_prefix_are_compared_without_it() {
    let mut reports = [
        report(0, vec![ran("api/a.py", 1)], &["a.py", "b.py"]),
        report(1, vec![ran("api/b.py", 1)], &["a.py", "b.py"]),
    ];
    assert_eq!(group(None, &reports).verdict, Verdict::Incomplete);
    for report in &mut reports {
        report.location_prefix = "api".to_owned();
    }
    let complete = group(None, &reports);
    assert_eq!(
        (complete.verdict, complete.failures),
        (Verdict::Complete, vec![])
    );
}

#[test]
fn deselected_tests_are_accounted_for() {
    let deselected = |target: TargetReport, not_selected| TargetReport {
        not_selected,
        ..target
    };
    let plan = plan(
        &[vec![selector("a", Some(10))], vec![selector("b", Some(3))]],
        &["a", "b"],
    );
    let reports = |of_b| {
        [
            report(0, vec![deselected(ran("a", 2), 8)], &["a", "b"]),
            report(1, vec![deselected(ran("b", 0), of_b)], &["a", "b"]),
        ]
    };
    let complete = group(Some(&plan), &reports(3));
    assert_eq!((complete.failures, complete.warnings), (vec![], vec![]));
    assert_eq!(complete.complete_targets, 2);
    assert_eq!(group(Some(&plan), &reports(0)).failures.len(), 1);
    // A wrong filter on every node.
    let nothing = [
        report(0, vec![deselected(ran("a", 0), 10)], &["a", "b"]),
        report(1, vec![deselected(ran("b", 0), 3)], &["a", "b"]),
    ];
    assert_eq!(group(Some(&plan), &nothing).failures, [Finding::NoTestRan]);
}

#[test]
fn the_plan_says_which_tests_it_skips() {
    let mut plan = plan(&[vec![selector("a", None)], vec![]], &["a"]);
    plan.skipped_tests = vec![TestIdentity {
        scope: "cart".to_owned(),
        name: "adds".to_owned(),
        ..TestIdentity::default()
    }];
    let reports = [
        report(0, vec![ran("a", 1)], &["a"]),
        report(1, vec![], &["a"]),
    ];
    let excused = group(Some(&plan), &reports).excused_tests;
    assert_eq!(excused.len(), 1);
    assert_eq!(
        (&*excused[0].name, excused[0].reason),
        ("adds", ExcuseReason::Skipped)
    );
}
