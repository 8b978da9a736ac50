//! A pipeline without any token of its own: the CI's agent asks the CI for one, and the suite's
//! OIDC policy says that it is trusted.

use serde_json::json;
use test_engine_testkit::{Example, ExpectedOutcome, LocalIssuer, ServerProgram};

use crate::build::{self, Build, RETRIES};

fn policy(issuer: &LocalIssuer, pipeline: &str) -> String {
    format!(
        "- iss: {}\n  claims:\n    organization_slug: acme\n    pipeline_slug:\n      in: [{pipeline}]\n  \
         scopes: [read_suites, write_test_plan, write_uploads]\n",
        issuer.url()
    )
}

/// A build on two nodes, of a pipeline that the suite trusts or does not.
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
    // Not even by mistake.
    connection.access_token.clear();
    connection.suite_token.clear();
    let build = build::run(&example, &connection, "build-1", 2, |node| {
        node.with_agent_of(&issuer, &example)
    });
    (example, server, issuer, build)
}

#[test]
fn a_build_of_a_trusted_pipeline_needs_no_token_of_its_own() {
    let (example, server, issuer, build) = run("shop, other");
    build.ran_everything_once(&example);
    let kept = server.kept_results();
    assert_eq!(kept.plans("acme", "shop"), 1, "one plan for both\n{build}");
    let run = kept.run("acme", "shop", "build-1");
    let run = run.unwrap_or_else(|| panic!("nothing was kept\n{build}"));
    // A skipped test runs nowhere, and is told of all the same.
    let told: usize = example
        .tests()
        .iter()
        .map(|test| match test.outcome {
            ExpectedOutcome::Skipped => 1,
            outcome => outcome.executions(RETRIES),
        })
        .sum();
    assert_eq!(run.executions, told as u64, "{run:?}\n{build}");
    // Two nodes asked the agent, and the server looked at the issuer's keys once.
    assert_eq!(issuer.requests(), 4, "{build}");
}

#[test]
fn a_build_of_another_pipeline_is_told_why_not() {
    let (_example, server, _issuer, build) = run("other");
    let kept = server.kept_results();
    assert_eq!(kept.plans("acme", "shop"), 0, "{build}");
    assert_eq!(kept.run("acme", "shop", "build-1"), None, "{build}");
    for node in &build.nodes {
        assert_ne!(node.code(), 0, "{build}");
        assert!(node.stderr.contains("OIDC policy"), "{build}");
    }
}
