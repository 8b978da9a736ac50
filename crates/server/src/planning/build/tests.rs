//! Tests of complete plans.

use std::collections::BTreeSet;

use test_engine_duration::Micros;
use test_engine_planner::Estimate;
use test_engine_wire::{
    Case, CaseFormat, FilePath, Plan, PlanTests, Population, SelectorValue, TestIdentity,
    TimingDefaults,
};

use super::super::node_count::NodeCount;
use super::{PlanInputs, plan};

fn cases(tests: PlanTests, skipped: &[TestIdentity]) -> Vec<Case> {
    super::cases(tests, skipped).planned
}

fn selectors(values: &[&str]) -> PlanTests {
    PlanTests {
        selectors: values
            .iter()
            .map(|value| SelectorValue {
                value: (*value).to_owned(),
            })
            .collect(),
        ..PlanTests::default()
    }
}

fn example(path: &str, scope: &str, name: &str) -> Case {
    Case {
        path: path.to_owned(),
        identifier: path.to_owned(),
        scope: scope.to_owned(),
        name: name.to_owned(),
        format: CaseFormat::Example,
        ..Case::default()
    }
}

fn identity(scope: &str, name: &str) -> TestIdentity {
    TestIdentity {
        scope: scope.to_owned(),
        name: name.to_owned(),
        path: String::new(),
    }
}

fn inputs(nodes: NodeCount) -> PlanInputs {
    PlanInputs {
        identifier: "b/s".to_owned(),
        nodes,
        file_load: 100_000,
        muted: Vec::new(),
        skipped: Vec::new(),
        is_empty: false,
        population: Population::default(),
        selection: None,
    }
}

fn known(milliseconds: u64) -> Estimate {
    Estimate {
        duration: Micros::from_milliseconds(milliseconds),
        samples: 4,
    }
}

fn planned(plan: &Plan) -> impl Iterator<Item = &Case> {
    plan.tasks.values().flat_map(|task| &task.tests)
}

fn median(defaults: Option<TimingDefaults>) -> (Option<f64>, f64) {
    let defaults = defaults.unwrap();
    (defaults.median_duration, defaults.default_duration)
}

fn values(plan: &Plan, node: &str) -> Vec<String> {
    plan.tasks[node]
        .tests
        .iter()
        .map(|case| case.value.clone())
        .collect()
}

#[test]
fn merges_only_exact_duplicates() {
    let cases = cases(selectors(&["b", "a", "b", "./b"]), &[]);
    let values: Vec<&str> = cases.iter().map(|case| case.value.as_str()).collect();
    assert_eq!(values, ["./b", "a", "b"]);
}

#[test]
fn omits_only_examples_of_skipped_tests() {
    let tests = PlanTests {
        files: vec![FilePath {
            path: "c".to_owned(),
        }],
        examples: vec![
            example("a:1", "A", "one"),
            example("a:2", "A", "two"),
            example("b:1", "B", "one"),
            Case {
                path: "a:9".to_owned(),
                ..Case::default()
            },
        ],
        ..PlanTests::default()
    };
    let cases = cases(tests, &[identity("A", "one"), identity("", "")]);
    let paths: Vec<&str> = cases.iter().map(|case| case.path.as_str()).collect();
    assert_eq!(paths, ["a:9", "c", "a:2", "b:1"]);
}

#[test]
fn balances_by_duration_and_assumes_the_median_without_history() {
    let cases = cases(selectors(&["a", "b", "c", "d"]), &[]);
    let estimates = [Some(3_000), Some(1_000), None, Some(2_000)].map(|it| it.map(known));
    let plan = plan(cases, &estimates, inputs(NodeCount::Fixed(2)));
    assert_eq!(plan.parallelism, 2);
    let durations: Vec<i64> = plan
        .tasks
        .values()
        .map(|task| {
            task.tests
                .iter()
                .filter_map(|it| it.estimated_duration)
                .sum()
        })
        .collect();
    assert_eq!(durations, [4_000, 4_000]);
    assert_eq!(
        median(plan.timing_metadata.selector),
        (Some(2_000.0), 1_000.0)
    );
    assert_eq!(plan.known_timings_ratio, Some(0.75));
    let unknown = planned(&plan).find(|case| case.value == "c").unwrap();
    assert_eq!(unknown.estimated_duration, Some(2_000));
    assert_eq!(unknown.timing_sample_size, Some(0));
}

#[test]
fn nodes_without_cases_have_a_key() {
    let cases = cases(selectors(&["a"]), &[]);
    let plan = plan(cases, &[None], inputs(NodeCount::Fixed(3)));
    assert_eq!(plan.tasks.keys().collect::<Vec<_>>(), ["0", "1", "2"]);
    assert_eq!(planned(&plan).count(), 1);
}

#[test]
fn a_single_node_has_no_timing_metadata() {
    let cases = cases(selectors(&["a", "b"]), &[]);
    let plan = plan(cases, &[Some(known(1)), None], inputs(NodeCount::Fixed(1)));
    assert!(plan.timing_metadata.is_empty());
    assert_eq!(plan.known_timings_ratio, None);
    assert_eq!(values(&plan, "0"), ["a", "b"]);
}

#[test]
fn chooses_the_node_count_with_enough_history() {
    let four = || cases(selectors(&["a", "b", "c", "d"]), &[]);
    let all_known = [Some(known(1_000)); 4];
    let little = [Some(known(1_000)), None, None, None];
    for (estimates, max, target, nodes) in [
        (&all_known, 10, Some(2_000_000), 2),
        (&all_known, 10, None, 4),
        // A third node would not help.
        (&all_known, 3, Some(1_000), 2),
        (&little, 10, Some(9_000_000), 4),
        (&little, 3, Some(9_000_000), 3),
    ] {
        let inputs = inputs(NodeCount::UpTo { max, target });
        let plan = plan(four(), estimates, inputs);
        assert_eq!(plan.parallelism, nodes, "{max} {target:?}");
    }
}

fn numbers() -> impl FnMut(usize) -> usize {
    let mut state = 7_usize;
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}

fn text(case: &Case) -> String {
    let (value, path, identifier) = (&case.value, &case.path, &case.identifier);
    let (format, scope, name) = (case.format, &case.scope, &case.name);
    format!("{format:?} {value:?} {path:?} {identifier:?} {scope:?} {name:?}")
}

/// Few different names, so that there are many duplicates.
fn random_tests(number: &mut impl FnMut(usize) -> usize) -> PlanTests {
    let mut name = |kind: &str| format!("{kind}{}", number(9));
    let tests = PlanTests {
        files: [name("f"), name("f")]
            .map(|path| FilePath { path })
            .to_vec(),
        examples: Vec::new(),
        ..selectors(&[&name("s"), &name("s"), &name("s")])
    };
    let examples = (0..number(12)).map(|line| Case {
        format: if line % 4 == 0 {
            CaseFormat::Test
        } else {
            CaseFormat::Example
        },
        ..example(
            &format!("e{}:{}", number(4), number(3)),
            &format!("scope{}", number(3)),
            &format!("n{}", number(3)),
        )
    });
    PlanTests {
        examples: examples.collect(),
        ..tests
    }
}

// The most important property: no test is lost.
#[test]
fn plans_every_requested_test_exactly_once() {
    let mut number = numbers();
    let skipped = [identity("scope1", "n1"), identity("", "")];
    for round in 0..500 {
        let tests = random_tests(&mut number);
        let of_selectors = tests.selectors.iter().map(|selector| Case {
            value: selector.value.clone(),
            format: CaseFormat::Selector,
            ..Case::default()
        });
        let of_files = tests.files.iter().map(|file| Case {
            path: file.path.clone(),
            ..Case::default()
        });
        let wanted = tests.examples.iter();
        let of_examples = wanted.filter(|it| (&*it.scope, &*it.name) != ("scope1", "n1"));
        let expected: BTreeSet<String> = of_selectors
            .chain(of_files)
            .chain(of_examples.cloned())
            .map(|case| text(&case))
            .collect();

        let cases = cases(tests, &skipped);
        let estimates: Vec<Option<Estimate>> = (0..cases.len())
            .map(|_| (number(3) > 0).then(|| known(number(5_000) as u64)))
            .collect();
        let nodes = if round % 3 == 0 {
            NodeCount::UpTo {
                max: 1 + number(20),
                target: (round % 2 == 0).then_some(4_000_000),
            }
        } else {
            NodeCount::Fixed(1 + number(20))
        };
        let plan = plan(cases, &estimates, inputs(nodes));
        let planned: Vec<String> = planned(&plan).map(text).collect();
        assert_eq!(planned.len(), expected.len(), "round {round}");
        assert_eq!(planned.into_iter().collect::<BTreeSet<_>>(), expected);
        assert_eq!(i64::try_from(plan.tasks.len()).unwrap(), plan.parallelism);
    }
}

#[test]
fn each_kind_has_its_own_median_and_the_ratio_counts_all() {
    let tests = || PlanTests {
        files: ["f1", "f2", "f3"]
            .map(|path| FilePath {
                path: path.to_owned(),
            })
            .to_vec(),
        examples: vec![example("a:1", "A", "one"), example("a:2", "A", "two")],
        ..selectors(&["s1", "s2", "s3"])
    };
    // In the order of cases: selectors, files, examples.
    let mut some = [None; 8];
    for (index, milliseconds) in [(0, 100), (1, 300), (3, 5_000)] {
        some[index] = Some(known(milliseconds));
    }
    let plan_of = |estimates: &[Option<Estimate>]| {
        plan(cases(tests(), &[]), estimates, inputs(NodeCount::Fixed(2)))
    };
    let mixed = plan_of(&some);
    let metadata = mixed.timing_metadata.clone();
    assert_eq!(median(metadata.selector), (Some(200.0), 1_000.0));
    assert_eq!(median(metadata.file), (Some(5_000.0), 1_000.0));
    assert_eq!(median(metadata.example), (None, 1_000.0));
    assert_eq!(mixed.known_timings_ratio, Some(3.0 / 8.0));
    let mut assumed: Vec<(i64, i64)> = planned(&mixed)
        .filter_map(|case| case.estimated_duration.zip(case.timing_sample_size))
        .collect();
    assumed.sort_unstable();
    let expected = [
        (100, 4),
        (200, 0),
        (300, 4),
        (1_000, 0),
        (1_000, 0),
        (5_000, 0),
        (5_000, 0),
        (5_000, 4),
    ];
    assert_eq!(assumed, expected);

    let nothing_known = plan_of(&[None; 8]);
    assert_eq!(nothing_known.known_timings_ratio, Some(0.0));
    let selector = nothing_known.timing_metadata.selector;
    assert_eq!(median(selector), (None, 1_000.0));
    let all_known = plan_of(&[Some(known(7)); 8]);
    assert_eq!(all_known.known_timings_ratio, Some(1.0));
}

#[test]
fn an_empty_request_has_a_plan_without_nodes() {
    let mut nothing = inputs(NodeCount::Fixed(5));
    nothing.is_empty = true;
    let plan = plan(Vec::new(), &[], nothing);
    assert_eq!((plan.parallelism, plan.tasks.len()), (0, 0));
}
