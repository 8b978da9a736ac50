//! Three builds on two nodes for each runner. One test is muted after the first build and skipped
//! after the second.

use std::collections::BTreeMap;

use rstest::rstest;
use test_engine_testkit::{
    Connection, Example, ExpectedOutcome, ExpectedTest, Node, ServerProgram, Witness,
};

use crate::build::{self, RETRIES};

const NODES: usize = 2;

/// Scope and name of a test on the server.
type Identity = fn(&ExpectedTest) -> (&str, &str);

fn by_runner(test: &ExpectedTest) -> (&str, &str) {
    (&test.scope, &test.name)
}

fn by_collector(test: &ExpectedTest) -> (&str, &str) {
    let collector = test
        .collector
        .as_ref()
        .expect("tests of pytest have a collector name");
    (&collector.scope, &collector.name)
}

#[test]
fn pytest_with_junit_results() {
    run_three_builds("pytest", by_runner, |node, _| node);
}

#[test]
fn pytest_with_the_collector() {
    run_three_builds("pytest", by_collector, Node::with_collector);
}

#[test]
fn rspec() {
    run_three_builds("rspec", by_runner, |node, _| node);
}

#[rstest]
fn other_runners(
    #[values(
        "jest",
        "vitest",
        "playwright",
        "gotest",
        "cucumber-ruby",
        "cucumber-js",
        "custom-bats",
        "custom-junit"
    )]
    example: &str,
) {
    run_three_builds(example, by_runner, |node, _| node);
}

/// Whether the results contain the file or package of each test, so that the server has timings.
fn is_planned_by_history(example: &Example) -> bool {
    !matches!(example.name(), "custom-bats" | "playwright")
}

/// Whether the runner can skip a single test.
fn can_skip(example: &Example) -> bool {
    matches!(example.runner(), "pytest" | "rspec" | "cucumber")
}

fn run_three_builds(project: &str, identity: Identity, arrange: fn(Node, &Connection) -> Node) {
    let example = Example::copy(project);
    Witness::install(&example);
    let server = ServerProgram::start();
    let connection = server.create_suite("shop");
    let run = |id| {
        build::run(&example, &connection, id, NODES, |node| {
            arrange(node, &connection)
        })
    };
    let failing = only_test(&example, ExpectedOutcome::Failed);
    let flaky = only_test(&example, ExpectedOutcome::Flaky);

    // No history yet. The failing test fails its node; the flaky one passes on retry.
    let first = run("build-1");
    // The numbers of tests of a build are known to the next one a moment later.
    server.wait_until_summarized();
    first.ran_everything_once(&example);
    let mut codes = vec![0; NODES];
    codes[first.node_of(failing)] = 1;
    assert_eq!(first.codes(), codes, "{first}");
    let stdout = &first.nodes[first.node_of(flaky)].stdout;
    assert!(
        stdout.contains("Attempt 1 of 1 to retry failing tests"),
        "{first}"
    );

    let (scope, name) = identity(failing);
    connection.mute(scope, name);

    // The same failures, but the build passes: the one that remains is muted.
    let second = run("build-2");
    second.ran_everything_once(&example);
    assert_eq!(second.codes(), [0; NODES], "{second}");
    let stdout = &second.nodes[second.node_of(failing)].stdout;
    assert!(
        stdout.contains("Build passed. Some muted tests failed."),
        "{second}"
    );

    let bound = BalanceBound::of(&example);
    if is_planned_by_history(&example) {
        assert!(
            bound.holds(&second.seconds(&example)),
            "{bound:?}\n{second}"
        );
        assert_planned_by_timings(&connection, "build-2/tests", &second);
    }
    if example.runner() == "pytest" {
        // The project is designed to be unbalanced without timings.
        assert!(!bound.holds(&first.seconds(&example)), "{bound:?}\n{first}");
    }
    assert_everything_stored(&server, &connection, &example, identity);

    // Skipped where the runner supports it; otherwise it runs and is reported as muted.
    connection.skip(scope, name);
    let third = run("build-3");
    third.ran_everything_once_except(&example, can_skip(&example).then_some(failing));
    assert_eq!(third.codes(), [0; NODES], "{third}");
    let heading = if can_skip(&example) {
        "+++ Skipped by Test Engine:".to_owned()
    } else {
        format!(
            "+++ Skipped by Test Engine, but run by {}, so treated as muted:",
            example.runner()
        )
    };
    let lists = third
        .nodes
        .iter()
        .filter_map(|node| node.stdout.split_once(&heading))
        .filter(|(_, list)| list.contains(&failing.name));
    assert_ne!(lists.count(), 0, "{third}");
}

fn only_test(example: &Example, outcome: ExpectedOutcome) -> &ExpectedTest {
    let mut found = example
        .tests()
        .iter()
        .filter(|test| test.outcome == outcome);
    let one = found.next().expect("every project has one");
    assert_eq!(
        found.next(),
        None,
        "only one test of {} is {outcome:?}",
        example.runner()
    );
    one
}

/// The bound for a balanced build: no node exceeds the mean by more than a tenth plus one file.
///
/// Based on the configured durations of the tests, not on measurements.
#[derive(Debug)]
struct BalanceBound {
    mean: f64,
    longest_file: f64,
}

impl BalanceBound {
    fn of(example: &Example) -> Self {
        let files = example.files();
        #[expect(clippy::cast_precision_loss, reason = "a handful of nodes")]
        let mean = files.values().sum::<f64>() / NODES as f64;
        Self {
            mean,
            longest_file: files.values().copied().fold(0.0, f64::max),
        }
    }

    fn holds(&self, seconds: &[f64]) -> bool {
        let slowest = seconds.iter().copied().fold(0.0, f64::max);
        slowest <= self.mean * 1.1 + self.longest_file
    }
}

/// Asserts that every file of the plan has an estimate from the first build, and that the nodes
/// differ by less than one file according to these estimates.
#[track_caller]
fn assert_planned_by_timings(connection: &Connection, identifier: &str, build: &build::Build) {
    for (index, node) in build.nodes.iter().enumerate() {
        assert!(
            node.stdout
                .contains("(100%) estimated from past historical durations"),
            "node {index} was planned without timings\n{node}"
        );
    }
    let path = format!("/test_plan?identifier={identifier}&job_retry_count=0");
    let plan = connection.api().get(&path).expect_status(200).json();
    let tasks = plan["tasks"].as_object().expect("a plan has tasks");
    let mut longest_file = 0;
    let nodes: Vec<i64> = tasks
        .values()
        .map(|task| {
            let cases = task["tests"].as_array().expect("a task has tests");
            let estimates = cases.iter().map(|case| {
                assert!(case["timing_sample_size"].as_i64() > Some(0), "{case}");
                let estimate = case["estimated_duration"].as_i64().expect("an estimate");
                longest_file = longest_file.max(estimate);
                estimate
            });
            estimates.sum()
        })
        .collect();
    let (slowest, fastest) = (nodes.iter().max(), nodes.iter().min());
    let difference = slowest.expect("there are nodes") - fastest.expect("there are nodes");
    assert!(
        difference <= longest_file,
        "{nodes:?} with a longest file of {longest_file}\n{plan}"
    );
}

/// Asserts that the database contains each execution of both builds once, in the right run.
#[track_caller]
fn assert_everything_stored(
    server: &ServerProgram,
    connection: &Connection,
    example: &Example,
    identity: Identity,
) {
    let stored = server.stored_results();
    let runs = stored.runs(&connection.organization, &connection.suite);
    let result_of: BTreeMap<&str, &str> = runs
        .iter()
        .map(|run| (run.key.as_str(), run.result))
        .collect();
    // A run with a failure is failed, even if a retry passed.
    assert_eq!(
        result_of,
        BTreeMap::from([("build-1", "failed"), ("build-2", "failed")]),
        "{runs:?}"
    );
    for run in &runs {
        let muted = if run.key == "build-2" {
            1 + RETRIES as u64
        } else {
            0
        };
        assert_eq!(run.failed_muted, muted, "{run:?}");
    }

    let stored = stored.outcomes(&connection.organization, &connection.suite);
    for test in example.tests() {
        let (scope, name) = identity(test);
        let counts = stored
            .get(&(scope.to_owned(), name.to_owned()))
            .unwrap_or_else(|| panic!("{} is not stored\n{stored:#?}", test.id));
        let executions = test.outcome.executions(RETRIES) as u64;
        let passed_in_a_build = match test.outcome {
            ExpectedOutcome::Passed | ExpectedOutcome::Flaky => 1,
            ExpectedOutcome::Failed | ExpectedOutcome::Skipped => 0,
        };
        let failed_in_a_build = executions - passed_in_a_build;
        assert_eq!(
            (counts.passed, counts.failed, counts.unknown),
            (2 * passed_in_a_build, 2 * failed_in_a_build, 0),
            "{} in two builds\n{counts:?}",
            test.id
        );
        // Jest also reports tests outside a retry as skipped, so only this one is certain.
        if test.outcome == ExpectedOutcome::Skipped {
            assert!(counts.skipped >= 2, "{}\n{counts:?}", test.id);
        }
    }
    assert_eq!(stored.len(), example.tests().len(), "{stored:#?}");
}
