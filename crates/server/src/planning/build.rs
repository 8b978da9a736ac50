//! A plan from a request and what is known: pure, deterministic, the same on every machine.

use std::collections::{BTreeMap, HashSet};

use test_engine_planner::{Defaults, Estimate, Node};
use test_engine_wire::{
    Case, CaseFormat, Plan, PlanTests, Task, TestIdentity, TimingDefaults, TimingMetadata,
};

use super::deal::Weighed;
use super::wanted::Nodes;

/// The kinds of cases; each has its own median for what is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A whole file.
    File,
    /// One example.
    Example,
    /// A selector.
    Selector,
}

/// The cases of a request in their one order (selectors, files, examples, each kind by name), each
/// once, and without the skipped ones.
///
/// Only exact repetitions are one case: two spellings may be two things to a runner, and a test
/// left out is worse than a test run twice.
pub(crate) fn cases(tests: PlanTests, skipped: &[TestIdentity]) -> Vec<Case> {
    let skipped: HashSet<(&str, &str)> = skipped
        .iter()
        .map(|test| (test.scope.as_str(), test.name.as_str()))
        .collect();
    let mut selectors: Vec<String> = tests.selectors.into_iter().map(|it| it.value).collect();
    let mut files: Vec<String> = tests.files.into_iter().map(|it| it.path).collect();
    let mut examples = Vec::with_capacity(tests.examples.len());
    for mut case in tests.examples {
        let is_named = !case.name.is_empty() || !case.identifier.is_empty();
        if !is_named && case.format == CaseFormat::File {
            files.push(case.path);
            continue;
        }
        let is_skipped = skipped.contains(&(case.scope.as_str(), case.name.as_str()));
        if is_skipped && !case.name.is_empty() {
            continue;
        }
        if case.format == CaseFormat::File {
            case.format = CaseFormat::Example;
        }
        case.estimated_duration = None;
        case.timing_sample_size = None;
        examples.push(case);
    }
    // Stable sorts, because these are quick with what is nearly in order: clients send a walk.
    selectors.sort();
    selectors.dedup();
    files.sort();
    files.dedup();
    examples.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    examples.dedup();

    let selectors = selectors.into_iter().map(|value| Case {
        value,
        format: CaseFormat::Selector,
        ..Case::default()
    });
    let files = files.into_iter().map(|path| Case {
        path,
        ..Case::default()
    });
    selectors.chain(files).chain(examples).collect()
}

fn sort_key(case: &Case) -> (&str, &str, &str, &str, &str, Kind) {
    (
        &case.path,
        &case.value,
        &case.identifier,
        &case.scope,
        &case.name,
        kind(case),
    )
}

/// The kind of a case.
pub(crate) fn kind(case: &Case) -> Kind {
    match case.format {
        CaseFormat::Selector => Kind::Selector,
        CaseFormat::File => Kind::File,
        CaseFormat::Example | CaseFormat::Test => Kind::Example,
    }
}

/// What goes into a plan beside its cases.
pub(crate) struct Around {
    pub(crate) identifier: String,
    pub(crate) nodes: Nodes,
    /// Microseconds a node is charged for loading a file of which it runs examples.
    pub(crate) file_load: u64,
    pub(crate) muted: Vec<TestIdentity>,
    pub(crate) skipped: Vec<TestIdentity>,
    /// The request had no test at all.
    pub(crate) asked_for_nothing: bool,
}

/// The plan. `estimates` are those of `cases`, in the same order; `None` where nothing is known.
pub(crate) fn plan(mut cases: Vec<Case>, estimates: &[Option<Estimate>], around: Around) -> Plan {
    let defaults = KindDefaults::new(&cases, estimates);
    let weights: Vec<u64> = cases
        .iter()
        .zip(estimates)
        .map(|(case, estimate)| {
            estimate.map_or_else(|| defaults.of(kind(case)).micros(), |known| known.micros)
        })
        .collect();
    let known = estimates.iter().flatten().count();
    let suite = Weighed::new(&cases, weights, around.file_load);
    let nodes = if around.asked_for_nothing {
        Vec::new()
    } else {
        suite.deal(around.nodes, known)
    };

    for ((case, estimate), weight) in cases.iter_mut().zip(estimates).zip(&suite.weights) {
        case.estimated_duration = Some(milliseconds(*weight));
        let samples = estimate.map_or(0, |known| known.samples);
        case.timing_sample_size = Some(i64::try_from(samples).unwrap_or(i64::MAX));
    }
    let (timing_metadata, known_timings_ratio) = if nodes.len() > 1 {
        (defaults.metadata(&cases), share(known, cases.len()))
    } else {
        (TimingMetadata::default(), None)
    };
    Plan {
        identifier: around.identifier,
        parallelism: i64::try_from(nodes.len()).unwrap_or(i64::MAX),
        experiment: String::new(),
        tasks: tasks(cases, nodes),
        muted_tests: around.muted,
        skipped_tests: around.skipped,
        timing_metadata,
        known_timings_ratio,
    }
}

/// One key a node, always. The cases are sorted, so their index orders them.
fn tasks(mut cases: Vec<Case>, nodes: Vec<Node<usize>>) -> BTreeMap<String, Task> {
    nodes
        .into_iter()
        .enumerate()
        .map(|(number, node)| {
            let tests = node
                .items
                .iter()
                .map(|item| std::mem::take(&mut cases[item.value]))
                .collect();
            let task = Task {
                node_number: i64::try_from(number).unwrap_or(i64::MAX),
                tests,
            };
            (number.to_string(), task)
        })
        .collect()
}

/// What to assume of unknown cases, by kind.
struct KindDefaults([Defaults; 3]);

impl KindDefaults {
    fn new(cases: &[Case], estimates: &[Option<Estimate>]) -> Self {
        let known_of = |wanted: Kind| {
            cases
                .iter()
                .zip(estimates)
                .filter(move |(case, _)| kind(case) == wanted)
                .filter_map(|(_, estimate)| estimate.map(|known| known.micros))
        };
        Self(
            [Kind::File, Kind::Example, Kind::Selector]
                .map(|kind| Defaults::from_known(known_of(kind))),
        )
    }

    fn of(&self, kind: Kind) -> &Defaults {
        &self.0[kind as usize]
    }

    /// For the kinds that the plan has.
    fn metadata(&self, cases: &[Case]) -> TimingMetadata {
        let of = |wanted: Kind| {
            cases.iter().any(|case| kind(case) == wanted).then(|| {
                let defaults = self.of(wanted);
                TimingDefaults {
                    median_duration: defaults.median_micros.map(fractional_milliseconds),
                    default_duration: fractional_milliseconds(defaults.default_micros),
                }
            })
        };
        TimingMetadata {
            file: of(Kind::File),
            example: of(Kind::Example),
            selector: of(Kind::Selector),
        }
    }
}

/// Whole milliseconds, rounded.
pub(crate) fn milliseconds(micros: u64) -> i64 {
    i64::try_from(micros.saturating_add(500) / 1_000).unwrap_or(i64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "durations need no more than 52 bits"
)]
fn fractional_milliseconds(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share needs no more than 52 bits"
)]
fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use test_engine_planner::Estimate;
    use test_engine_wire::{
        Case, CaseFormat, FilePath, Plan, PlanTests, SelectorValue, TestIdentity, TimingDefaults,
    };

    use super::super::wanted::Nodes;
    use super::{Around, cases, plan};

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

    fn around(nodes: Nodes) -> Around {
        Around {
            identifier: "b/s".to_owned(),
            nodes,
            file_load: 100_000,
            muted: Vec::new(),
            skipped: Vec::new(),
            asked_for_nothing: false,
        }
    }

    fn known(milliseconds: u64) -> Estimate {
        Estimate {
            micros: milliseconds * 1_000,
            samples: 4,
        }
    }

    fn values(plan: &Plan, node: &str) -> Vec<String> {
        plan.tasks[node]
            .tests
            .iter()
            .map(|case| case.value.clone())
            .collect()
    }

    #[test]
    fn repeated_cases_are_planned_once_and_spellings_are_kept_apart() {
        let cases = cases(selectors(&["b", "a", "b", "./b"]), &[]);
        let values: Vec<&str> = cases.iter().map(|case| case.value.as_str()).collect();
        assert_eq!(values, ["./b", "a", "b"]);
    }

    #[test]
    fn examples_of_skipped_tests_are_left_out_and_nothing_else() {
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
    fn the_long_ones_are_spread_and_the_unknown_take_the_median() {
        let cases = cases(selectors(&["a", "b", "c", "d"]), &[]);
        let estimates = [
            Some(known(3_000)),
            Some(known(1_000)),
            None,
            Some(known(2_000)),
        ];
        let plan = plan(cases, &estimates, around(Nodes::Fixed(2)));
        assert_eq!(plan.parallelism, 2);
        let durations: Vec<i64> = plan
            .tasks
            .values()
            .map(|task| {
                task.tests
                    .iter()
                    .filter_map(|case| case.estimated_duration)
                    .sum()
            })
            .collect();
        assert_eq!(durations, [4_000, 4_000]);
        let selector = plan.timing_metadata.selector.unwrap();
        assert_eq!(
            (selector.median_duration, selector.default_duration),
            (Some(2_000.0), 1_000.0)
        );
        assert_eq!(plan.known_timings_ratio, Some(0.75));
        let unknown = plan
            .tasks
            .values()
            .flat_map(|task| &task.tests)
            .find(|case| case.value == "c")
            .unwrap();
        assert_eq!(
            (unknown.estimated_duration, unknown.timing_sample_size),
            (Some(2_000), Some(0))
        );
    }

    #[test]
    fn every_node_has_a_key_even_with_nothing_to_do() {
        let plan = plan(
            cases(selectors(&["a"]), &[]),
            &[None],
            around(Nodes::Fixed(3)),
        );
        assert_eq!(plan.tasks.keys().collect::<Vec<_>>(), ["0", "1", "2"]);
        assert_eq!(
            plan.tasks
                .values()
                .map(|task| task.tests.len())
                .sum::<usize>(),
            1
        );
    }

    #[test]
    fn a_single_node_says_nothing_of_timings() {
        let plan = plan(
            cases(selectors(&["a", "b"]), &[]),
            &[Some(known(1)), None],
            around(Nodes::Fixed(1)),
        );
        assert!(plan.timing_metadata.is_empty());
        assert_eq!(plan.known_timings_ratio, None);
        assert_eq!(values(&plan, "0"), ["a", "b"]);
    }

    #[test]
    fn the_server_chooses_when_it_knows_enough() {
        let four = || cases(selectors(&["a", "b", "c", "d"]), &[]);
        let all_known = [Some(known(1_000)); 4];
        let up_to = |most, target: Option<u64>| {
            around(Nodes::UpTo {
                most,
                target: target.map(|ms| ms * 1_000),
            })
        };
        assert_eq!(
            plan(four(), &all_known, up_to(10, Some(2_000))).parallelism,
            2
        );
        assert_eq!(plan(four(), &all_known, up_to(10, None)).parallelism, 4);
        assert_eq!(
            plan(four(), &all_known, up_to(3, Some(1))).parallelism,
            2,
            "a third would not help"
        );
        let little = [Some(known(1_000)), None, None, None];
        assert_eq!(plan(four(), &little, up_to(10, Some(9_000))).parallelism, 4);
        assert_eq!(plan(four(), &little, up_to(3, Some(9_000))).parallelism, 3);
    }

    #[test]
    fn each_kind_has_a_median_of_its_own_and_the_ratio_counts_all() {
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
        let some = [
            Some(known(100)),
            Some(known(300)),
            None,
            Some(known(5_000)),
            None,
            None,
            None,
            None,
        ];
        let plan_of = |estimates: &[Option<Estimate>]| {
            plan(cases(tests(), &[]), estimates, around(Nodes::Fixed(2)))
        };
        let mixed = plan_of(&some);
        let median = |defaults: Option<TimingDefaults>| {
            let defaults = defaults.unwrap();
            (defaults.median_duration, defaults.default_duration)
        };
        let metadata = mixed.timing_metadata.clone();
        assert_eq!(median(metadata.selector), (Some(200.0), 1_000.0));
        assert_eq!(median(metadata.file), (Some(5_000.0), 1_000.0));
        assert_eq!(median(metadata.example), (None, 1_000.0));
        assert_eq!(mixed.known_timings_ratio, Some(3.0 / 8.0));
        let mut assumed: Vec<(i64, i64)> = mixed
            .tasks
            .values()
            .flat_map(|task| &task.tests)
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
        assert_eq!(
            median(nothing_known.timing_metadata.selector),
            (None, 1_000.0)
        );
        let all_known = plan_of(&[Some(known(7)); 8]);
        assert_eq!(all_known.known_timings_ratio, Some(1.0));
    }

    #[test]
    fn nothing_asked_for_is_a_plan_without_nodes() {
        let mut nothing = around(Nodes::Fixed(5));
        nothing.asked_for_nothing = true;
        let plan = plan(Vec::new(), &[], nothing);
        assert_eq!((plan.parallelism, plan.tasks.len()), (0, 0));
    }
}
