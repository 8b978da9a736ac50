//! Builds on two nodes with the runners whose programs cannot be had, by the stand-ins of their
//! sample projects. They cannot tell the whole story of `two_builds`: Cypress leaves no results,
//! and Pants runs all of a node's tests again.

use std::collections::BTreeMap;

use test_engine_testkit::{Example, ExpectedOutcome, ExpectedTest, ServerProgram, Witness};

use crate::build::{self, Build, RETRIES};

const NODES: usize = 2;

#[test]
fn cypress_runs_every_spec_once_and_its_code_is_the_nodes() {
    let example = Example::copy("cypress");
    let server = ServerProgram::start();
    let connection = server.create_suite("shop");
    for id in ["build-1", "build-2"] {
        let build = build::run(&example, &connection, id, NODES, |node| node);
        // The second tries are Cypress's own.
        build.ran_everything_once(&example);
        assert!(build.ran.iter().all(|ran| !ran.is_empty()), "{build}");
        assert_eq!(build.codes(), codes(&example, &build), "{build}");
    }
    let kept = server.kept_results();
    let kept = kept.outcomes(&connection.organization, &connection.suite);
    assert!(kept.is_empty(), "{kept:#?}");
}

#[test]
fn pants_takes_its_share_and_a_mute_explains_the_failure() {
    let example = Example::copy("pytest-pants");
    Witness::install(&example);
    let server = ServerProgram::start();
    let connection = server.create_suite("shop");
    let run = |id| {
        let build = build::run(&example, &connection, id, NODES, |node| node);
        ran_every_share(&example, &build);
        build
    };
    let broken = the_broken(&example);

    let first = run("build-1");
    assert_eq!(first.codes(), codes(&example, &first), "{first}");

    connection.mute(&broken.scope, &broken.name);
    let second = run("build-2");
    assert_eq!(second.codes(), [0; NODES], "{second}");
    let said = &second.nodes[second.node_of(broken)].stdout;
    assert!(
        said.contains("Build passed. Some muted tests failed."),
        "{second}"
    );

    connection.skip(&broken.scope, &broken.name);
    let third = run("build-3");
    assert_eq!(third.codes(), [0; NODES], "{third}");
    let said = &third.nodes[third.node_of(broken)].stdout;
    let heading = "+++ Skipped by Test Engine, but run by pytest-pants, so treated as muted:";
    let list = said.split_once(heading).map(|(_, list)| list);
    assert!(
        list.is_some_and(|list| list.contains(&broken.name)),
        "{third}"
    );

    // Every execution of the three builds was kept, once.
    let mut ran: BTreeMap<&str, u64> = BTreeMap::new();
    for (id, times) in [&first, &second, &third]
        .iter()
        .flat_map(|b| &b.ran)
        .flatten()
    {
        *ran.entry(id).or_default() += *times as u64;
    }
    let kept = server.kept_results();
    let kept = kept.outcomes(&connection.organization, &connection.suite);
    assert_eq!(kept.len(), example.tests().len(), "{kept:#?}");
    for test in example.tests() {
        let counts = &kept[&(test.scope.clone(), test.name.clone())];
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

/// Each test ran on one node: once, or again with all others where one of them failed.
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

/// One failed test on the node that has it, none on the other.
#[track_caller]
fn codes(example: &Example, build: &Build) -> Vec<i32> {
    let mut codes = vec![0; NODES];
    codes[build.node_of(the_broken(example))] = 1;
    codes
}

#[track_caller]
fn the_broken(example: &Example) -> &ExpectedTest {
    example
        .tests()
        .iter()
        .find(|test| test.outcome == ExpectedOutcome::Failed)
        .expect("every project has one")
}
