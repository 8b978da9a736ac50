//! Builds on two nodes with runners that are not installed, replaced by the stand-ins of their
//! sample projects. They differ from those in `two_builds`: Cypress writes no results, and Pants
//! reruns all tests of a node.

use std::collections::BTreeMap;

use test_engine_testkit::{Example, ExpectedOutcome, ExpectedTest, ServerProgram, Witness};

use crate::build::{self, Build, RETRIES};

const NODES: usize = 2;

#[test]
fn cypress_runs_every_spec_once_and_determines_the_exit_code() {
    let example = Example::copy("cypress");
    let server = ServerProgram::start();
    let connection = server.create_suite("shop");
    for id in ["build-1", "build-2"] {
        let build = build::run(&example, &connection, id, NODES, |node| node);
        // Cypress retries by itself.
        build.ran_everything_once(&example);
        assert!(build.ran.iter().all(|ran| !ran.is_empty()), "{build}");
        assert_eq!(build.codes(), codes(&example, &build), "{build}");
    }
    let stored = server.stored_results();
    let stored = stored.outcomes(&connection.organization, &connection.suite);
    assert!(stored.is_empty(), "{stored:#?}");
}

#[test]
fn pants_runs_its_share_and_muting_accepts_the_failure() {
    let example = Example::copy("pytest-pants");
    Witness::install(&example);
    let server = ServerProgram::start();
    let connection = server.create_suite("shop");
    let run = |id| {
        let build = build::run(&example, &connection, id, NODES, |node| node);
        ran_every_share(&example, &build);
        build
    };
    let failing = failing_test(&example);

    let first = run("build-1");
    assert_eq!(first.codes(), codes(&example, &first), "{first}");

    connection.mute(&failing.scope, &failing.name);
    let second = run("build-2");
    assert_eq!(second.codes(), [0; NODES], "{second}");
    let stdout = &second.nodes[second.node_of(failing)].stdout;
    assert!(
        stdout.contains("Build passed. Some muted tests failed."),
        "{second}"
    );

    connection.skip(&failing.scope, &failing.name);
    let third = run("build-3");
    assert_eq!(third.codes(), [0; NODES], "{third}");
    let stdout = &third.nodes[third.node_of(failing)].stdout;
    let heading = "+++ Skipped by Test Engine, but run by pytest-pants, so treated as muted:";
    let list = stdout.split_once(heading).map(|(_, list)| list);
    assert!(
        list.is_some_and(|list| list.contains(&failing.name)),
        "{third}"
    );

    // Every execution of the three builds was stored once.
    let mut ran: BTreeMap<&str, u64> = BTreeMap::new();
    for (id, times) in [&first, &second, &third]
        .iter()
        .flat_map(|b| &b.ran)
        .flatten()
    {
        *ran.entry(id).or_default() += *times as u64;
    }
    let stored = server.stored_results();
    let stored = stored.outcomes(&connection.organization, &connection.suite);
    assert_eq!(stored.len(), example.tests().len(), "{stored:#?}");
    for test in example.tests() {
        let counts = &stored[&(test.scope.clone(), test.name.clone())];
        let times = ran.get(test.id.as_str()).copied().unwrap_or(0);
        let failed = match test.outcome {
            ExpectedOutcome::Failed => times,
            ExpectedOutcome::Flaky => 3,
            ExpectedOutcome::Passed | ExpectedOutcome::Skipped => 0,
        };
        assert_eq!(
            (counts.passed, counts.failed, counts.unknown),
            (times - failed, failed, 0),
            "{}",
            test.id
        );
    }
}

/// Asserts that each test ran on one node: once, or twice where a test of the node failed.
#[track_caller]
fn ran_every_share(example: &Example, build: &Build) {
    let mut expected: Vec<BTreeMap<String, usize>> = Vec::new();
    for ran in &build.ran {
        assert!(!ran.is_empty(), "{build}");
        let failed = ran.keys().any(|id| {
            let outcome = example.test(id).outcome;
            matches!(outcome, ExpectedOutcome::Failed | ExpectedOutcome::Flaky)
        });
        let times = if failed { 1 + RETRIES } else { 1 };
        expected.push(ran.keys().map(|id| (id.clone(), times)).collect());
    }
    assert_eq!(build.ran, expected, "{build}");

    let mut ran: Vec<&String> = build.ran.iter().flat_map(BTreeMap::keys).collect();
    ran.sort();
    let mut all: Vec<&String> = example
        .tests()
        .iter()
        .filter(|test| test.outcome != ExpectedOutcome::Skipped)
        .map(|test| &test.id)
        .collect();
    all.sort();
    assert_eq!(ran, all, "{build}");
}

/// The node with the failing test exits with 1, the other one with 0.
#[track_caller]
fn codes(example: &Example, build: &Build) -> Vec<i32> {
    let mut codes = vec![0; NODES];
    codes[build.node_of(failing_test(example))] = 1;
    codes
}

#[track_caller]
fn failing_test(example: &Example) -> &ExpectedTest {
    example
        .tests()
        .iter()
        .find(|test| test.outcome == ExpectedOutcome::Failed)
        .expect("every project has a failing test")
}
