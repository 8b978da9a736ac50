//! A server that is down, slow or broken, or refuses: how the client reacts, and how fast.
//!
//! A build continues without a plan, or stops; it never passes without having run its tests.

use std::time::Duration;

use rstest::rstest;
use test_engine_testkit::NO_SERVER;

use crate::bktec::{Bktec, Ended};
use crate::server::{Reply, Server};

/// The scaled budget of plan requests.
const OVERALL: Duration = Duration::from_millis(2600);
/// For the process itself on a busy machine; still much shorter than a budget that is not scaled.
const SLACK: Duration = Duration::from_secs(20);

const FALLBACK: &str = "Falling back to non-intelligent splitting";

fn assert_fell_back(ended: &Ended) {
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stderr.contains(FALLBACK), "{ended}");
    assert!(
        ended
            .stdout
            .contains("ran a.test.js c.test.js into result.json\n"),
        "{ended}"
    );
    assert!(ended.took < OVERALL + SLACK, "{:?}", ended.took);
}

fn assert_stopped(ended: &Ended) {
    assert_eq!(ended.code, 16, "{ended}");
    assert!(ended.stderr.contains("❌ failed to "), "{ended}");
    assert!(!ended.stdout.contains("ran "), "{ended}");
    assert!(ended.took < SLACK, "{:?}", ended.took);
}

#[test]
fn falls_back_if_the_server_is_down() {
    let ended = Bktec::configured(&["run"], NO_SERVER).run();
    assert_fell_back(&ended);
    let url = "SERVER/v2/analytics/organizations/acme/suites/web/test_plan";
    let failed = format!("bktec: API request failed: GET {url}: connection refused\n");
    let tries = ended.stderr.matches(&failed).count();
    assert!((4..=8).contains(&tries), "{ended}");
    assert!(
        ended
            .stderr
            .contains("bktec: Retrying API request (attempt 2)\n"),
        "{ended}"
    );
    assert!(
        ended.stderr.contains(&format!("({tries} tries in ")),
        "{ended}"
    );
    let explanation = "bktec: No server is listening at this address";
    assert_eq!(ended.stderr.matches(explanation).count(), 1, "{ended}");
}

#[rstest]
#[case::silence(Reply::Silence)]
#[case::truncated(Reply::Truncated)]
#[case::http_500(Reply::message(500, "oops"))]
#[case::http_502_html(Reply::Body(502, "<html>Bad Gateway</html>".into()))]
#[case::http_503_empty(Reply::Body(503, String::new()))]
#[case::http_409(Reply::message(409, "being created"))]
#[case::http_429(Reply::message(429, "slow down"))]
#[case::http_429_far(Reply::WithHeader(429, "RateLimit-Reset", "3600".into(), "{}".into()))]
fn retries_temporary_failures_until_the_budget_is_spent(#[case] reply: Reply) {
    let server = Server::start(move |_, _| reply.clone());
    let ended = Bktec::against(&["run"], &server).run();
    assert_fell_back(&ended);
    assert!(
        ended.stderr.contains("tests may run twice or not at all"),
        "{ended}"
    );
}

#[rstest]
#[case::billing(Reply::message(403, "Billing Error: unpaid"))]
#[case::not_planned(Reply::message(422, "not for you"))]
#[case::not_found(Reply::not_found())]
#[case::not_found_html(Reply::Body(404, "<html>".into()))]
fn falls_back_immediately_if_a_retry_will_not_help(#[case] reply: Reply) {
    let server = Server::start(move |_, _| reply.clone());
    let ended = Bktec::against(&["run"], &server).run();
    assert_fell_back(&ended);
    assert!(ended.took < SLACK, "{:?}", ended.took);
    assert!(!ended.stderr.contains("Retrying"), "{ended}");
}

#[rstest]
#[case::http_401(Reply::message(401, "Who are you?"))]
#[case::http_403(Reply::message(403, "missing required scope: write_test_plan"))]
#[case::http_403_html(Reply::Body(403, "<html>".into()))]
#[case::http_400(Reply::message(400, "runner is required"))]
#[case::http_418(Reply::Body(418, String::new()))]
#[case::http_204(Reply::Body(204, String::new()))]
#[case::garbage(Reply::ok("<html>Welcome to the hotel's network</html>"))]
#[case::empty(Reply::ok(""))]
#[case::a_list(Reply::ok("[]"))]
#[case::wrong_types(Reply::ok(r#"{"tasks":{"0":{"tests":[{"path":7}]}}}"#))]
#[case::a_list_for_a_task(Reply::ok(r#"{"tasks":{"0":[],"1":[]}}"#))]
#[case::a_task_without_tests(Reply::ok(r#"{"tasks":{"0":{"node_number":0}}}"#))]
#[case::unknown_format(Reply::ok(r#"{"tasks":{"0":{"tests":[{"path":"a","format":"x"}]}}}"#))]
#[case::redirects_in_circles(Reply::WithHeader(302, "Location", "/v2/again".into(), String::new()))]
fn stops_if_a_person_must_fix_something(#[case] reply: Reply) {
    let server = Server::start(move |_, _| reply.clone());
    let ended = Bktec::against(&["run"], &server).run();
    assert_stopped(&ended);
}

#[test]
fn stderr_of_a_refusal() {
    let server = Server::start(|_, _| Reply::message(401, "Authentication required."));
    let ended = Bktec::against(&["run"], &server).run();
    insta::assert_snapshot!(ended.stderr, @"
    ❌ failed to fetch the test plan: Authentication required. (status 401)
    hint: check the access token: BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN or --access-token
    ");
}

#[test]
fn stderr_of_a_billing_error() {
    let server = Server::start(|_, _| Reply::message(403, "Billing Error: unpaid"));
    let ended = Bktec::against(&["run"], &server).run();
    assert_eq!(
        ended.stderr,
        "⚠️ failed to fetch the test plan: Billing Error: unpaid (status 403). Falling back to \
         non-intelligent splitting: each node runs every Nth file of the sorted list. The build \
         may take longer.\n"
    );
}

#[test]
fn waits_for_the_rate_limit_to_reset() {
    let server = Server::start(|request, before| match (before, request.method.as_str()) {
        (0, _) => Reply::WithHeader(429, "RateLimit-Reset", "1".into(), "{}".into()),
        _ => Reply::message(422, "enough"),
    });
    let ended = Bktec::against(&["run"], &server).run();
    assert!(ended.took >= Duration::from_secs(1), "{:?}", ended.took);
    assert_eq!(
        server.lines(),
        "GET /test_plan\nGET /test_plan\nPOST /test_plan/node_reports"
    );
}

#[test]
fn uses_a_server_that_recovers() {
    let server = Server::start(|request, before| match (before, request.method.as_str()) {
        (0, _) => Reply::message(500, "starting"),
        (1, _) => Reply::Silence,
        (_, "GET") => Reply::not_found(),
        (3, _) => Reply::message(409, "being created"),
        (4, _) => Reply::ok(
            r#"{"identifier":"build-1/step-1","parallelism":2,"tasks":{
                "0":{"node_number":0,"tests":[{"value":"b.test.js","format":"selector"}]},
                "1":{"node_number":1,"tests":[]}}}"#,
        ),
        _ => Reply::ok("{}"),
    });
    let ended = Bktec::against(&["run"], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(
        ended.stdout.contains("ran b.test.js into result.json\n"),
        "{ended}"
    );
    assert!(!ended.stderr.contains(FALLBACK), "{ended}");
    assert_eq!(
        server.lines(),
        "GET /test_plan\nGET /test_plan\nGET /test_plan\nPOST /test_plan\nPOST /test_plan\n\
         POST /test_plan_metadata"
    );
}

#[rstest]
#[case::refused(Reply::message(401, "no"), 16)]
#[case::unavailable(Reply::message(422, "no"), 0)]
fn treats_failures_of_the_second_call_like_the_first(#[case] reply: Reply, #[case] code: i32) {
    let server = Server::start(move |request, _| match request.method.as_str() {
        "GET" => Reply::not_found(),
        _ => reply.clone(),
    });
    let ended = Bktec::against(&["run"], &server).run();
    assert_eq!(ended.code, code, "{ended}");
    assert_eq!(ended.stdout.contains("ran "), code == 0, "{ended}");
}

#[test]
fn does_not_follow_redirects_of_a_post() {
    let server = Server::start(|request, _| match request.method.as_str() {
        "GET" => Reply::not_found(),
        _ => Reply::WithHeader(301, "Location", "/elsewhere".into(), String::new()),
    });
    let ended = Bktec::against(&["run"], &server).run();
    assert_stopped(&ended);
    assert!(ended.stderr.contains("redirects to /elsewhere"), "{ended}");
    assert_eq!(server.lines(), "GET /test_plan\nPOST /test_plan");
}

/// What a TLS server sends if the first bytes are not TLS: an alert.
const TLS_ALERT: Reply = Reply::Raw("\x15\x03\x01\x00\x02\x02\x46");

#[rstest]
#[case::https_to_plain_http(
    Reply::ok("{}"),
    "https://",
    "the server does not use TLS at this port"
)]
#[case::http_to_tls(
    TLS_ALERT,
    "http://",
    "if the server uses TLS, its URL starts with https://"
)]
fn a_wrong_scheme_is_named_after_one_try(
    #[case] reply: Reply,
    #[case] scheme: &str,
    #[case] text: &str,
) {
    let server = Server::start(move |_, _| reply.clone());
    let base = server.base().replace("http://", scheme);
    let ended = Bktec::configured(&["run"], &base).run();
    assert_fell_back(&ended);
    assert!(ended.took < SLACK, "{:?}", ended.took);
    assert!(!ended.stderr.contains("Retrying"), "{ended}");
    let hint = "hint: check BUILDKITE_TEST_ENGINE_BASE_URL (--base-url), now ";
    for part in [text, hint] {
        // At the start, and after the tests.
        assert_eq!(ended.stderr.matches(part).count(), 1, "{ended}");
        assert_eq!(ended.stdout.matches(part).count(), 1, "{ended}");
    }
}

#[rstest]
#[case::suite(
    Reply::message(
        404,
        "There is no suite \"web\" in this organization. Check the suite slug."
    ),
    "hint: check BUILDKITE_TEST_ENGINE_SUITE_SLUG (--suite-slug), now \"web\""
)]
#[case::organization(
    Reply::message(404, "There is no organization \"acme\" for this access token."),
    "hint: check BUILDKITE_ORGANIZATION_SLUG (--organization-slug), now \"acme\""
)]
#[case::base_path(
    Reply::Body(404, "<html>404</html>".into()),
    "hint: there is no Test Engine API at SERVER: check BUILDKITE_TEST_ENGINE_BASE_URL"
)]
fn what_was_not_found_is_repeated_after_the_report(#[case] reply: Reply, #[case] hint: &str) {
    let server = Server::start(move |_, _| reply.clone());
    let ended = Bktec::against(&["run"], &server).run();
    assert_fell_back(&ended);
    assert_eq!(ended.stderr.matches(hint).count(), 1, "{ended}");
    let (_, after_tests) = ended.stdout.split_once("ran a.test.js").unwrap();
    let repeated = "⚠️ There was no test plan: failed to create the test plan: ";
    assert!(after_tests.contains(repeated), "{ended}");
    assert!(after_tests.contains(hint), "{ended}");
    let stopped = Bktec::against(&["run", "--fallback", "fail"], &server).run();
    assert_stopped(&stopped);
    assert!(stopped.stderr.contains(hint), "{stopped}");
    let planned = Bktec::against(&["plan", "--json"], &server).run();
    assert!(planned.stderr.contains(hint), "{planned}");
}

/// `run` continues without the server, and these commands cannot.
#[rstest]
fn commands_that_need_the_server_name_the_wrong_setting(
    #[values("verify", "explain", "summary", "tools backfill-commit-metadata")] command: &str,
) {
    let token = r#"{"uuid":"u","scopes":["read_suites","write_suites"]}"#;
    let no_api = Reply::Body(404, "<html>404</html>".into());
    for (reply, hint) in [
        (
            Reply::message(404, "There is no suite \"web\" in this organization."),
            "hint: check BUILDKITE_TEST_ENGINE_SUITE_SLUG (--suite-slug), now \"web\"",
        ),
        (
            Reply::message(404, "There is no organization \"acme\" for this token."),
            "hint: check BUILDKITE_ORGANIZATION_SLUG (--organization-slug), now \"acme\"",
        ),
        (
            no_api,
            "hint: there is no Test Engine API at SERVER: check ",
        ),
        (
            Reply::message(
                404,
                "There is no /v2/analytics/organizations/acme/new. Check the address.",
            ),
            "hint: the server at SERVER is older than this client and does not support this",
        ),
    ] {
        let server = Server::start(move |request, _| match request.target.as_str() {
            "/v2/access-token" => Reply::ok(token),
            _ => reply.clone(),
        });
        let arguments: Vec<&str> = command.split(' ').collect();
        let ended = Bktec::against(&arguments, &server).run();
        assert_ne!(ended.code, 0, "{ended}");
        assert_eq!(ended.stderr.matches(hint).count(), 1, "{ended}");
        assert!(ended.took < SLACK, "{:?}", ended.took);
    }
}

#[test]
fn uses_the_proxy_of_the_environment() {
    let proxy = Server::start(|_, _| Reply::message(401, "from the proxy"));
    let ended = Bktec::configured(&["run"], "https://engine.invalid")
        .env("HTTPS_PROXY", proxy.base())
        .run();
    assert_fell_back(&ended);
    assert_eq!(proxy.requests()[0].line(), "CONNECT engine.invalid:443");
    let before = proxy.requests().len();
    let ended = Bktec::configured(&["run"], NO_SERVER)
        .env("HTTP_PROXY", proxy.base())
        .env("NO_PROXY", "127.0.0.1")
        .run();
    assert_fell_back(&ended);
    assert_eq!(proxy.requests().len(), before);
}
