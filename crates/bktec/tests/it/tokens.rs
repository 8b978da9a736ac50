//! Tokens: given, fetched from the CI agent, or missing.

use rstest::rstest;
use test_engine_testkit::NO_SERVER;

use crate::bktec::Bktec;
use crate::server::{Reply, Server};

/// A CI agent that records its arguments and prints a token.
const AGENT: &str = r#"echo "$@" >> calls; echo "  fetched-token  ""#;

#[test]
fn fetches_missing_access_token_from_the_agent() {
    let server = Server::start(|_, _| Reply::message(401, "no"));
    let bktec = Bktec::against(&["run"], &server)
        .without("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN")
        .env("BUILDKITE_TEST_ENGINE_OIDC", "true")
        .env("BUILDKITE_TEST_ENGINE_OIDC_LIFETIME", "90s")
        .program("buildkite-agent", AGENT);
    let (ended, bktec) = bktec.run_and_keep();
    assert_eq!(ended.code, 16, "{ended}");
    assert_eq!(
        bktec.read("calls").replace(&server.base(), "SERVER"),
        "oidc request-token --audience SERVER/v2/analytics/organizations/acme/suites/web \
         --lifetime 90\n"
    );
    assert_eq!(
        server.requests()[0].header("authorization"),
        Some("Bearer fetched-token")
    );
}

/// A fetched access token is also valid for uploads; a given one is not.
#[rstest]
#[case::given_access_token("secret-token", "Bearer secret-token")]
#[case::no_access_token("", "Bearer fetched-token")]
fn fetches_at_most_one_token_per_run(#[case] access_token: &str, #[case] authorization: &str) {
    let server = Server::start(|_, _| Reply::not_found());
    let bktec = Bktec::against(
        &[
            "run",
            "--oidc",
            "--test-command",
            "sh -c 'echo token=$BUILDKITE_ANALYTICS_TOKEN' {{testExamples}} {{resultPath}}",
        ],
        &server,
    )
    .env("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN", access_token)
    .program("buildkite-agent", AGENT);
    let (ended, bktec) = bktec.run_and_keep();
    assert!(ended.stdout.contains("\ntoken=fetched-token\n"), "{ended}");
    assert_eq!(
        server.requests()[0].header("authorization"),
        Some(authorization)
    );
    assert_eq!(bktec.read("calls").lines().count(), 1);
}

#[test]
fn failing_agent_is_a_configuration_error() {
    let ended = Bktec::configured(&["run"], NO_SERVER)
        .without("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN")
        .env("BUILDKITE_TEST_ENGINE_OIDC", "true")
        .program("buildkite-agent", "echo 'no job token here' >&2; exit 3")
        .run();
    insta::assert_snapshot!(ended.wrapped(), @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec run: invalid configuration:
    BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN must not be blank (or give --access-token):
      failed to fetch a token: buildkite-agent failed (exit status: 3): no job token here
    hint: set BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN (tokens are fetched automatically only
      on Buildkite)
    ");
}

#[test]
fn missing_agent_is_a_configuration_error() {
    let ended = Bktec::configured(
        &[
            "run",
            "--oidc",
            "--buildkite-agent-command",
            "/no/such/agent",
        ],
        NO_SERVER,
    )
    .without("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN")
    .run();
    insta::assert_snapshot!(ended.wrapped(), @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec run: invalid configuration:
    BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN must not be blank (or give --access-token):
      failed to fetch a token: cannot start /no/such/agent: No such file or directory (os
      error 2)
    hint: set BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN (tokens are fetched automatically only
      on Buildkite)
    ");
}

#[test]
fn upload_without_a_token_says_which_variable_to_set() {
    let ended = Bktec::uploading(&["a.xml"], NO_SERVER)
        .without("BUILDKITE_ANALYTICS_TOKEN")
        .env("BUILDKITE_ORGANIZATION_SLUG", "acme")
        .env("BUILDKITE_TEST_ENGINE_SUITE_SLUG", "web")
        .run();
    insta::assert_snapshot!(ended.wrapped(), @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    bktec upload: invalid configuration:
    BUILDKITE_ANALYTICS_TOKEN must not be blank (or give --suite-token): failed to fetch a
      token: cannot start buildkite-agent: No such file or directory (os error 2)
    hint: set BUILDKITE_ANALYTICS_TOKEN (tokens are fetched automatically only on Buildkite)
    ");
}

#[test]
fn does_not_call_the_agent_when_oidc_is_off() {
    for off in [&["run", "--no-oidc"][..], &["run", "--oidc=false"]] {
        let ended = Bktec::configured(off, NO_SERVER)
            .without("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN")
            .without("BUILDKITE_TEST_ENGINE_OIDC")
            .program("buildkite-agent", "echo called >&2")
            .run();
        assert_eq!(ended.code, 16);
        assert_eq!(
            ended.stderr,
            "bktec run: invalid configuration:\nBUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN must not \
             be blank (or give --access-token), since OIDC is off\n"
        );
    }
}

#[test]
fn never_prints_tokens() {
    let server = Server::start(|request, _| match request.method.as_str() {
        "GET" => Reply::not_found(),
        _ => Reply::message(401, "invalid token"),
    });
    let ended = Bktec::against(&["run", "--debug"], &server)
        .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
        .run();
    let all = ended.to_string();
    assert!(!all.contains("secret-token"), "{all}");
    assert!(!all.contains("upload-secret"), "{all}");
}
