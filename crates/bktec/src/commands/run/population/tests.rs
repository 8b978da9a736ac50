//! Lists that differ, and those that only seem to.

use rstest::rstest;
use test_engine_wire::{Case, Task, TestIdentity};

use super::*;

fn owned(values: &[&str]) -> Vec<String> {
    super::owned(values.iter().copied())
}

fn selector(value: &str) -> Case {
    Case {
        value: value.to_owned(),
        format: CaseFormat::Selector,
        ..Case::default()
    }
}

fn path(path: &str, format: CaseFormat) -> Case {
    Case {
        path: path.to_owned(),
        format,
        ..Case::default()
    }
}

/// A plan with these cases, made from `requested`.
fn plan(cases: Vec<Case>, requested: &[&str]) -> Plan {
    let task = Task {
        tests: cases,
        ..Task::default()
    };
    Plan {
        tasks: [("0".to_owned(), task)].into(),
        population: Some(Population {
            digest: population_digest(requested.iter().copied()),
            count: requested.len() as u64,
            ..Population::default()
        }),
        ..Plan::default()
    }
}

fn named(only_here: &[&str], only_planned: &[&str]) -> Difference {
    Difference::Named {
        only_here: owned(only_here),
        only_planned: owned(only_planned),
    }
}

fn compare(own: &[&str], plan: &Plan, prefix: &str) -> Comparison {
    Comparison::with_plan(&owned(own), plan, prefix)
}

fn difference(own: &[&str], plan: &Plan) -> Option<Difference> {
    compare(own, plan, "").difference
}

#[rstest]
#[case::equal(&["./a", "b"], None)]
#[case::more(&["a", "b", "d", "c"], Some(named(&["c", "d"], &[])))]
#[case::fewer(&["b"], Some(named(&[], &["a"])))]
#[case::other(&["b", "c"], Some(named(&["c"], &["a"])))]
fn names_what_differs(#[case] own: &[&str], #[case] expected: Option<Difference>) {
    let selectors = plan(vec![selector("b"), selector("a")], &["a", "b"]);
    assert_eq!(difference(own, &selectors), expected);
    let files = vec![
        path("web/a", CaseFormat::File),
        path("web/b", CaseFormat::File),
    ];
    let files = plan(files, &["a", "b"]);
    assert_eq!(compare(own, &files, "web").difference, expected);
}

#[test]
fn a_server_that_sends_no_digest_is_not_compared() {
    let mut plan = plan(vec![selector("a")], &["a"]);
    plan.population = None;
    assert_eq!(difference(&["b"], &plan), None);
}

#[test]
fn a_plan_of_a_selection_hides_the_names_whatever_the_nodes_settings() {
    let plan = plan(vec![selector("a")], &["a", "b"]);
    let compared = compare(&["a", "b", "c"], &plan, "");
    assert_eq!(
        compared.difference,
        Some(Difference::Unnamed { planned: 2 })
    );
    let reported = compared.population;
    assert_eq!((reported.count, reported.only_here_count), (3, 1));
    assert!(reported.only_here.is_empty());
}

/// Whole files, examples, and a file of which all tests are skipped.
fn split_plan() -> Plan {
    let mut plan = plan(
        vec![
            selector("spec/a_spec.rb"),
            path("./spec/b_spec.rb[1:2]", CaseFormat::Example),
            path("tests/test_c.py::T::test_x[a/b]", CaseFormat::Example),
        ],
        &[
            "spec/a_spec.rb",
            "spec/b_spec.rb",
            "tests/test_c.py",
            "spec/d_spec.rb",
        ],
    );
    plan.skipped_tests = vec![TestIdentity {
        path: "spec/d_spec.rb:7".to_owned(),
        ..TestIdentity::default()
    }];
    plan
}

#[test]
fn examples_and_skipped_tests_count_as_their_files() {
    let plan = split_plan();
    let own = [
        "spec/a_spec.rb",
        "spec/b_spec.rb",
        "backend/tests/test_c.py",
        "spec/d_spec.rb",
    ];
    let equal = compare(&own, &plan, "");
    assert_eq!(
        (equal.difference, Some(equal.population)),
        (None, plan.population.clone())
    );
    let fewer = Some(named(&[], &["spec/a_spec.rb"]));
    assert_eq!(difference(&own[1..], &plan), fewer);
    let more = [&own[..], &["e"]].concat();
    assert_eq!(difference(&more, &plan), Some(named(&["e"], &[])));
}

#[test]
fn a_file_that_ends_like_that_of_an_example_is_another_file() {
    let plan = split_plan();
    let own = [
        "spec/a_spec.rb",
        "spec/b_spec.rb",
        "tests/test_c.py",
        "plugin/tests/test_c.py",
        "spec/d_spec.rb",
    ];
    let here = Some(named(&["plugin/tests/test_c.py"], &[]));
    assert_eq!(difference(&own, &plan), here);
    let own = [
        "spec/a_spec.rb",
        "spec/b_spec.rb",
        "x/tests/test_c.py",
        "y/tests/test_c.py",
    ];
    let here = Some(named(
        &["x/tests/test_c.py", "y/tests/test_c.py"],
        &["tests/test_c.py"],
    ));
    assert_eq!(
        difference(&own, &plan),
        here,
        "two files may be the one of the plan"
    );
}

#[test]
fn a_difference_that_no_name_explains_is_reported() {
    // The request lacked the file, and the plan names a skipped test of it.
    let mut plan = plan(vec![selector("a")], &["a"]);
    plan.skipped_tests = split_plan().skipped_tests;
    let compared = compare(&["a", "spec/d_spec.rb"], &plan, "");
    assert_eq!(
        compared.difference,
        Some(Difference::Unnamed { planned: 1 })
    );
    assert_eq!(compared.population.only_here_count, 1);
}

#[test]
fn a_message_names_at_most_twenty_targets() {
    let many: Vec<String> = (0..23).map(|number| format!("t{number:02}")).collect();
    let difference = Difference::Named {
        only_here: many,
        only_planned: owned(&["gone"]),
    };
    let text = difference.describe("test file", 23);
    assert!(text.contains("t00, t01"), "{text}");
    assert!(
        text.contains("t19 and 3 more\nOnly in the plan, not on this node: gone"),
        "{text}"
    );
    assert!(!text.contains("t20"), "{text}");
}
