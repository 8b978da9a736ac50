//! No server at all: the nodes split the tests among themselves, and the build still runs.

use test_engine_testkit::{Connection, Example, ExpectedOutcome};

use crate::build;

const NODES: usize = 3;

#[test]
fn a_build_without_a_server_runs_every_test_once() {
    let example = Example::copy("pytest");
    let nobody = Connection {
        base_url: address_where_nobody_listens(),
        organization: "acme".to_owned(),
        suite: "shop".to_owned(),
        access_token: "token".to_owned(),
        suite_token: "token".to_owned(),
    };
    let build = build::run(&example, &nobody, "build-1", NODES, |node| {
        // The real budget for a server that does not answer is minutes; this is its thousandth.
        node.env("BKTEC_TEST_BUDGET_SCALE", "0.001")
    });
    build.ran_everything_once(&example);

    let broken = example
        .tests()
        .iter()
        .find(|test| test.outcome == ExpectedOutcome::Failed)
        .expect("the project has a broken test");
    let mut codes = vec![0; NODES];
    codes[build.node_of(broken)] = 1;
    assert_eq!(build.codes(), codes, "{build}");
    for (index, node) in build.nodes.iter().enumerate() {
        assert!(
            node.stderr
                .contains("Falling back to non-intelligent splitting"),
            "node {index} does not say so\n{node}"
        );
    }
}

/// A port that was free a moment ago.
fn address_where_nobody_listens() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address");
    format!("http://{address}")
}
