//! A pipeline without configured tokens: the agent provides one, and the OIDC policy of the suite
//! accepts it.

use serde_json::json;
use test_engine_testkit::{Example, ExpectedOutcome, LocalIssuer, ServerProgram};

use crate::build::{self, Build, RETRIES};

fn policy(issuer: &LocalIssuer, pipeline: &str) -> String {
    format!(
        "- iss: {}\n  claims:\n    organization_slug: acme\n    pipeline_slug:\n      \
         in: [{pipeline}]\n  scopes: [read_suites, write_test_plan, write_uploads]\n",
        issuer.url()
    )
}

/// Runs a build of the pipeline `shop` on two nodes; the suite accepts the pipelines in `trusted`.
fn run(trusted: &str) -> (Example, ServerProgram, LocalIssuer, Build) {
    let example = Example::copy("rspec");
    let server = ServerProgram::start_with(vec![(
        "TEST_ENGINE_OIDC_ALLOW_LOOPBACK_HTTP",
        "true".to_owned(),
    )]);
    let mut connection = server.create_suite("shop");
    let issuer = LocalIssuer::start();
    issuer.set_claims(json!({"organization_slug": "acme", "pipeline_slug": "shop"}));
    server.set_oidc_policy("shop", &policy(&issuer, trusted));
    connection.access_token.clear();
    connection.suite_token.clear();
    let build = build::run(&example, &connection, "build-1", 2, |node| {
        node.with_agent(&issuer, &example)
    });
    (example, server, issuer, build)
}

#[test]
fn trusted_pipeline_needs_no_configured_token() {
    let (example, server, issuer, build) = run("shop, other");
    build.ran_everything_once(&example);
    let stored = server.stored_results();
    assert_eq!(
        stored.plans("acme", "shop"),
        1,
        "one plan for both nodes\n{build}"
    );
    let run = stored.run("acme", "shop", "build-1");
    let run = run.unwrap_or_else(|| panic!("nothing was stored\n{build}"));
    // A skipped test does not run, but is reported.
    let reported: usize = example
        .tests()
        .iter()
        .map(|test| match test.outcome {
            ExpectedOutcome::Skipped => 1,
            outcome => outcome.executions(RETRIES),
        })
        .sum();
    assert_eq!(run.executions, reported as u64, "{run:?}\n{build}");
    // One token per node, and the issuer's metadata and keys once for the server.
    assert_eq!(issuer.requests(), 4, "{build}");
}

#[test]
fn untrusted_pipeline_fails_with_the_reason() {
    let (_example, server, _issuer, build) = run("other");
    let stored = server.stored_results();
    assert_eq!(stored.plans("acme", "shop"), 0, "{build}");
    assert_eq!(stored.run("acme", "shop", "build-1"), None, "{build}");
    for node in &build.nodes {
        assert_ne!(node.code(), 0, "{build}");
        assert!(node.stderr.contains("OIDC policy"), "{build}");
    }
}
