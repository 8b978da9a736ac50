//! Every endpoint, every kind of token, the own and another organization.

use serde_json::json;
use test_engine::scopes::Scope;

use crate::support::{Answer, SUITE, TestServer};

/// What an endpoint needs, and what it answers when it is given that.
struct Endpoint {
    method: &'static str,
    path: String,
    scope: Scope,
    body: Option<serde_json::Value>,
    status: u16,
}

fn endpoints() -> Vec<Endpoint> {
    let id = "018f2f6e-0000-8000-8000-000000000000";
    let organization = "/v2/analytics/organizations/acme";
    let plan = json!({"runner": "rspec", "identifier": "b/s", "parallelism": 1, "branch": ""});
    let endpoint = |method, path: String, scope, body, status| Endpoint {
        method,
        path,
        scope,
        body,
        status,
    };
    vec![
        endpoint(
            "GET",
            format!("{organization}/suites"),
            Scope::ReadSuites,
            None,
            200,
        ),
        endpoint("GET", SUITE.to_owned(), Scope::ReadSuites, None, 200),
        endpoint("GET", format!("{SUITE}/runs"), Scope::ReadSuites, None, 200),
        endpoint(
            "GET",
            format!("{SUITE}/runs/{id}"),
            Scope::ReadSuites,
            None,
            404,
        ),
        endpoint(
            "GET",
            format!("{SUITE}/runs/{id}/failed_executions"),
            Scope::ReadSuites,
            None,
            404,
        ),
        endpoint(
            "GET",
            format!("{SUITE}/tests"),
            Scope::ReadSuites,
            None,
            200,
        ),
        endpoint(
            "GET",
            format!("{SUITE}/tests/muted"),
            Scope::ReadSuites,
            None,
            200,
        ),
        endpoint(
            "GET",
            format!("{SUITE}/tests/skipped"),
            Scope::ReadSuites,
            None,
            200,
        ),
        endpoint(
            "GET",
            format!("{SUITE}/tests/{id}"),
            Scope::ReadSuites,
            None,
            404,
        ),
        endpoint(
            "POST",
            format!("{SUITE}/tests/find"),
            Scope::ReadSuites,
            Some(json!({"name": "a"})),
            404,
        ),
        endpoint(
            "PUT",
            format!("{SUITE}/tests/{id}/mute"),
            Scope::WriteSuites,
            None,
            404,
        ),
        endpoint(
            "PUT",
            format!("{SUITE}/tests/{id}/skip"),
            Scope::WriteSuites,
            None,
            404,
        ),
        endpoint(
            "PUT",
            format!("{SUITE}/tests/{id}/enable"),
            Scope::WriteSuites,
            None,
            404,
        ),
        endpoint(
            "GET",
            format!("{SUITE}/commits?days=1"),
            Scope::ReadSuites,
            None,
            200,
        ),
        endpoint(
            "GET",
            format!("{SUITE}/test_plan?identifier=none"),
            Scope::ReadTestPlan,
            None,
            404,
        ),
        endpoint(
            "POST",
            format!("{SUITE}/test_plan"),
            Scope::WriteTestPlan,
            Some(plan),
            200,
        ),
        endpoint(
            "POST",
            format!("{SUITE}/test_plan/filter_tests"),
            Scope::WriteTestPlan,
            Some(json!({"files": []})),
            200,
        ),
        endpoint(
            "POST",
            format!("{SUITE}/test_files"),
            Scope::ReadTestPlan,
            Some(json!({"paths": []})),
            200,
        ),
        endpoint(
            "POST",
            format!("{SUITE}/test_plan_metadata"),
            Scope::WriteTestPlan,
            Some(json!({"env": {"BUILDKITE_TEST_ENGINE_IDENTIFIER": "none"}})),
            404,
        ),
    ]
}

fn ask(server: &TestServer, endpoint: &Endpoint, token: Option<&str>) -> Answer {
    let mut ask = server.ask(endpoint.method, &endpoint.path);
    if let Some(token) = token {
        ask = ask.bearer(token);
    }
    if let Some(body) = &endpoint.body {
        ask = ask.json(body);
    }
    ask.send()
}

#[test]
fn every_endpoint_wants_its_scope_and_nothing_of_others() {
    let server = TestServer::with(
        |config| config.limits.rest_requests_per_minute = 0,
        test_engine::clock::Clock::System,
    );
    let all = Scope::ALL.to_vec();
    let other = server.token("other", &all);
    for endpoint in endpoints() {
        let name = format!("{} {}", endpoint.method, endpoint.path);
        ask(&server, &endpoint, None).error(401);
        ask(&server, &endpoint, Some("tea_unknown")).error(401);
        ask(&server, &endpoint, Some(&server.suite_token)).error(401);
        let foreign = ask(&server, &endpoint, Some(&other));
        assert_eq!(foreign.status, 404, "{name}");
        let lacking: Vec<Scope> = all
            .iter()
            .copied()
            .filter(|scope| {
                *scope != endpoint.scope
                    && !(endpoint.scope == Scope::ReadTestPlan && *scope == Scope::WriteTestPlan)
            })
            .collect();
        let message = ask(&server, &endpoint, Some(&server.token("acme", &lacking))).error(403);
        assert!(message.contains(endpoint.scope.name()), "{name}: {message}");
        let exact = server.token("acme", &[endpoint.scope]);
        let answer = ask(&server, &endpoint, Some(&exact));
        assert_eq!(answer.status, endpoint.status, "{name}: {}", answer.text());
    }
}

#[test]
fn a_suite_of_another_organization_is_not_there_even_with_an_equal_slug() {
    let server = TestServer::start();
    let other = server.token("other", &Scope::ALL);
    let path = "/v2/analytics/organizations/other/suites/web";
    server.ask("GET", path).bearer(&other).send().error(404);
    server
        .ask("GET", path)
        .bearer(&server.access)
        .send()
        .error(404);
}

#[test]
fn a_token_tells_what_it_may_do() {
    let server = TestServer::start();
    let token = server.token("acme", &[Scope::ReadSuites, Scope::WriteTestPlan]);
    let told = server
        .ask("GET", "/v2/access-token")
        .bearer(&token)
        .send()
        .ok();
    assert_eq!(told["scopes"], json!(["read_suites", "write_test_plan"]));
    assert_eq!(told["uuid"].as_str().unwrap().len(), 36);
    server.ask("GET", "/v2/access-token").send().error(401);
}

#[test]
fn uploads_take_every_spelling_of_a_suite_token_and_no_access_token() {
    let server = TestServer::start();
    let metadata = |authorization: &str| {
        server
            .ask("GET", "/v1/uploads/metadata")
            .header("authorization", authorization)
            .send()
    };
    let token = &server.suite_token;
    for spelling in [
        format!("Token token=\"{token}\""),
        format!("Token token={token}"),
        format!("Token {token}"),
        format!("Bearer {token}"),
    ] {
        let told = metadata(&spelling).ok();
        assert_eq!(
            told["suite_url"],
            format!("{}/organizations/acme/analytics/suites/web", server.base)
        );
    }
    metadata(&format!("Bearer {}", server.access)).error(401);
    metadata("Token token=\"tes_unknown\"").error(401);
    server.ask("GET", "/v1/uploads/metadata").send().error(401);
}

#[test]
fn revoked_and_expired_tokens_are_refused_at_once() {
    use secrecy::ExposeSecret as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use test_engine::admin::{self, TokenRequest};
    use test_engine_store::Timestamp;

    let time = Arc::new(AtomicI64::new(1_000));
    let server = TestServer::with(|_| {}, test_engine::clock::Clock::Fixed(Arc::clone(&time)));
    let (secret, uuid) = server.with_store(async |store| {
        let organization = store.organization("acme").await.unwrap().unwrap();
        let request = TokenRequest {
            scopes: vec![Scope::ReadSuites],
            expires_at: Some(Timestamp::from_millis(5_000)),
            ..TokenRequest::default()
        };
        let made = admin::create_token(store, &organization, request, Timestamp::from_millis(0))
            .await
            .unwrap();
        (made.secret.expose_secret().to_owned(), made.token.uuid)
    });
    let ask = |token: &str| server.ask("GET", SUITE).bearer(token).send();
    assert_eq!(ask(&secret).status, 200);
    time.store(5_000, Ordering::SeqCst);
    ask(&secret).error(401);
    time.store(1_000, Ordering::SeqCst);
    assert_eq!(ask(&secret).status, 200);
    server.with_store(async |store| {
        let organization = store.organization("acme").await.unwrap().unwrap();
        assert!(
            store
                .revoke_token(organization.id, uuid, Timestamp::from_millis(1))
                .await
                .unwrap()
        );
    });
    ask(&secret).error(401);
}
