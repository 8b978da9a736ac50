//! Tokens: their scopes, formats and expiry. `access` tests which endpoints accept them.

use serde_json::json;
use test_engine::scopes::Scope;

use crate::support::{SUITE, TestServer};

#[test]
fn suites_of_other_organizations_are_not_found_even_with_the_same_slug() {
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
fn a_token_lists_its_scopes() {
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
fn uploads_accept_every_suite_token_format_and_no_access_token() {
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
fn revoked_and_expired_tokens_are_rejected_immediately() {
    use secrecy::ExposeSecret as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use test_engine::admin::{self, TokenRequest};
    use test_engine_store::{Change, Timestamp};

    let time = Arc::new(AtomicI64::new(1_000));
    let server = TestServer::with(|_| {}, test_engine::clock::Clock::Fixed(Arc::clone(&time)));
    let (secret, uuid) = server.with_store(async |store| {
        let organization = store.organization("acme").await.unwrap().unwrap();
        let request = TokenRequest {
            scopes: vec![Scope::ReadSuites],
            expires_at: Some(Timestamp::from_millis(5_000)),
            ..TokenRequest::default()
        };
        let made = admin::create_token(
            store,
            &organization,
            request,
            &Change::by_server(Timestamp::from_millis(0)),
        )
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
                .revoke_token(
                    organization.id,
                    uuid,
                    &Change::by_server(Timestamp::from_millis(1))
                )
                .await
                .unwrap()
        );
    });
    ask(&secret).error(401);
}
