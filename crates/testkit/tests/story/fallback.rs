//! Without a server, each node computes the fallback plan and the build still runs.

use test_engine_testkit::{Connection, Example, ExpectedOutcome, NO_SERVER};

use crate::build;

const NODES: usize = 3;

#[test]
fn build_without_a_server_runs_every_test_once() {
    let example = Example::copy("pytest");
    let connection = Connection {
        base_url: NO_SERVER.to_owned(),
        organization: "acme".to_owned(),
        suite: "shop".to_owned(),
        access_token: "token".to_owned(),
        suite_token: "token".to_owned(),
    };
    let build = build::run(&example, &connection, "build-1", NODES, |node| {
        // The real timeout for an unavailable server is minutes.
        node.env("BKTEC_TEST_BUDGET_SCALE", "0.001")
    });
    build.ran_everything_once(&example);

    let failing = example
        .tests()
        .iter()
        .find(|test| test.outcome == ExpectedOutcome::Failed)
        .expect("the project has a failing test");
    let mut codes = vec![0; NODES];
    codes[build.node_of(failing)] = 1;
    assert_eq!(build.codes(), codes, "{build}");
    for (index, node) in build.nodes.iter().enumerate() {
        assert!(
            node.stderr
                .contains("Falling back to non-intelligent splitting"),
            "node {index} does not report the fallback\n{node}"
        );
    }
}
