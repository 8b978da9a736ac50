//! Tokens: given ones, ones the CI agent gives, and none.

use crate::bktec::Bktec;
use crate::server::{Reply, Server, nobody};

/// An agent that notes what it was asked and gives a token.
const AGENT: &str = r#"echo "$@" >> asked; echo "  minted-token  ""#;

#[test]
fn a_missing_access_token_is_asked_of_the_agent() {
    let server = Server::start(|_, _| Reply::message(401, "no"));
    let bktec = Bktec::against(&["run"], &server)
        .without("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN")
        .env("BUILDKITE_TEST_ENGINE_OIDC", "true")
        .env("BUILDKITE_TEST_ENGINE_OIDC_LIFETIME", "90s")
        .program("buildkite-agent", AGENT);
    let (ended, bktec) = bktec.run_and_keep();
    assert_eq!(ended.code, 16, "{ended}");
    assert_eq!(
        bktec.read("asked").replace(&server.base(), "SERVER"),
        "oidc request-token --audience SERVER/v2/analytics/organizations/acme/suites/web --lifetime 90\n"
    );
    assert_eq!(
        server.asked()[0].header("authorization"),
        Some("Bearer minted-token")
    );
}

#[test]
fn an_agent_that_fails_is_a_wrong_configuration() {
    let ended = Bktec::configured(&["run"], &nobody())
        .without("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN")
        .env("BUILDKITE_TEST_ENGINE_OIDC", "true")
        .program("buildkite-agent", "echo 'no job token here' >&2; exit 3")
        .run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec run: invalid configuration:
    BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN must not be blank (or give --access-token): failed to ask the agent for a token: buildkite-agent ended with exit status: 3: no job token here
    ");
}

#[test]
fn no_agent_at_all() {
    let ended = Bktec::configured(
        &[
            "run",
            "--oidc",
            "--buildkite-agent-command",
            "/no/such/agent",
        ],
        &nobody(),
    )
    .without("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN")
    .run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec run: invalid configuration:
    BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN must not be blank (or give --access-token): failed to ask the agent for a token: /no/such/agent cannot be started: No such file or directory (os error 2)
    ");
}

#[test]
fn oidc_can_be_turned_off() {
    for off in [&["run", "--no-oidc"][..], &["run", "--oidc=false"]] {
        let ended = Bktec::configured(off, &nobody())
            .without("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN")
            .without("BUILDKITE_TEST_ENGINE_OIDC")
            .program("buildkite-agent", "echo asked >&2")
            .run();
        assert_eq!(ended.code, 16);
        assert_eq!(
            ended.stderr,
            "bktec run: invalid configuration:\nBUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN must not be blank (or give --access-token), since OIDC is off\n"
        );
    }
}

#[test]
fn no_token_is_ever_printed() {
    let server = Server::start(|asked, _| match asked.method.as_str() {
        "GET" => Reply::not_found(),
        _ => Reply::message(401, "who?"),
    });
    let ended = Bktec::against(&["run", "--debug"], &server)
        .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
        .run();
    let all = ended.to_string();
    assert!(!all.contains("secret-token"), "{all}");
    assert!(!all.contains("upload-secret"), "{all}");
}
