//! Three builds on two nodes, with one test muted after the first and skipped after the second, for
//! each runner.

use std::collections::BTreeMap;

use rstest::rstest;
use test_engine_testkit::{
    Connection, Example, ExpectedOutcome, ExpectedTest, Node, ServerProgram, Witness,
};

use crate::build::{self, RETRIES};

const NODES: usize = 2;

/// Scope and name of a test as the server knows it.
type Identity = fn(&ExpectedTest) -> (&str, &str);

fn by_runner(test: &ExpectedTest) -> (&str, &str) {
    (&test.scope, &test.name)
}

fn by_collector(test: &ExpectedTest) -> (&str, &str) {
    let other = test
        .collector
        .as_ref()
        .expect("pytest's tests have a name for the collector");
    (&other.scope, &other.name)
}

#[test]
fn pytest_with_junit_results() {
    tell("pytest", by_runner, |node, _| node);
}

#[test]
fn pytest_with_the_collector() {
    tell("pytest", by_collector, Node::with_collector);
}

#[test]
fn rspec() {
    tell("rspec", by_runner, |node, _| node);
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
    tell(example, by_runner, |node, _| node);
}

/// The runners whose results say which file or package each test is in, so that the server can plan
/// by it.
fn is_planned_by_history(example: &Example) -> bool {
    !matches!(example.name(), "custom-bats" | "playwright")
}

/// The runners that can leave a single test out.
fn can_skip(example: &Example) -> bool {
    matches!(example.runner(), "pytest" | "rspec" | "cucumber")
}

fn tell(project: &str, identity: Identity, arrange: fn(Node, &Connection) -> Node) {
    let example = Example::copy(project);
    Witness::install(&example);
    let server = ServerProgram::start();
    let connection = server.create_suite("shop");
    let run = |id| {
        build::run(&example, &connection, id, NODES, |node| {
            arrange(node, &connection)
        })
    };
    let broken = the_one(&example, ExpectedOutcome::Failed);
    let flaky = the_one(&example, ExpectedOutcome::Flaky);

    // Nothing is known yet. The broken test fails its node, the flaky one is saved by its retry.
    let first = run("build-1");
    first.ran_everything_once(&example);
    let mut codes = vec![0; NODES];
    codes[first.node_of(broken)] = 1;
    assert_eq!(first.codes(), codes, "{first}");
    let said = &first.nodes[first.node_of(flaky)].stdout;
    assert!(
        said.contains("Attempt 1 of 1 to retry failing tests"),
        "{first}"
    );

    let (scope, name) = identity(broken);
    connection.mute(scope, name);

    // The same failures again, and the build passes, because the one that stays is muted.
    let second = run("build-2");
    second.ran_everything_once(&example);
    assert_eq!(second.codes(), [0; NODES], "{second}");
    let said = &second.nodes[second.node_of(broken)].stdout;
    assert!(
        said.contains("Build passed. Some muted tests failed."),
        "{second}"
    );

    let bar = Bar::of(&example);
    if is_planned_by_history(&example) {
        assert!(bar.holds(&second.seconds(&example)), "{bar:?}\n{second}");
        was_planned_by_what_was_learnt(&connection, "build-2/tests", &second);
    }
    if example.runner() == "pytest" {
        // The project is made so that ignorance shows.
        assert!(!bar.holds(&first.seconds(&example)), "{bar:?}\n{first}");
    }
    everything_was_kept(&server, &connection, &example, identity);

    // Left out where the runner can; else it runs, is treated as muted, and the report says so.
    connection.skip(scope, name);
    let third = run("build-3");
    third.ran_everything_once_but(&example, can_skip(&example).then_some(broken));
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
        .filter(|(_, list)| list.contains(&broken.name));
    assert_ne!(lists.count(), 0, "{third}");
}

fn the_one(example: &Example, outcome: ExpectedOutcome) -> &ExpectedTest {
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

/// What counts as a balanced build: no node is more than a tenth and one file above the mean.
///
/// Measured in what the tests take by design, not in what a busy machine made of it.
#[derive(Debug)]
struct Bar {
    mean: f64,
    longest_file: f64,
}

impl Bar {
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

/// Every file of the plan had an estimate from the first build, and by these estimates the nodes
/// differ by less than one file: the planner could not have done much better.
#[track_caller]
fn was_planned_by_what_was_learnt(connection: &Connection, identifier: &str, build: &build::Build) {
    for (index, node) in build.nodes.iter().enumerate() {
        assert!(
            node.stdout
                .contains("(100%) estimated from past historical durations"),
            "node {index} was planned without what had been learnt\n{node}"
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

/// Each execution of both builds is in the database once, under the build it belongs to.
#[track_caller]
fn everything_was_kept(
    server: &ServerProgram,
    connection: &Connection,
    example: &Example,
    identity: Identity,
) {
    let kept = server.kept_results();
    let runs = kept.runs(&connection.organization, &connection.suite);
    let result_of: BTreeMap<&str, &str> = runs
        .iter()
        .map(|run| (run.key.as_str(), run.result))
        .collect();
    // A run that saw a failure is a failed one, even where a retry passed.
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

    let kept = kept.outcomes(&connection.organization, &connection.suite);
    for test in example.tests() {
        let (scope, name) = identity(test);
        let counts = kept
            .get(&(scope.to_owned(), name.to_owned()))
            .unwrap_or_else(|| panic!("nothing was kept of {}\n{kept:#?}", test.id));
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
        // Jest reports what a retry was not asked for as skipped: only the one is sure.
        if test.outcome == ExpectedOutcome::Skipped {
            assert!(counts.skipped >= 2, "{}\n{counts:?}", test.id);
        }
    }
    assert_eq!(kept.len(), example.tests().len(), "{kept:#?}");
}
