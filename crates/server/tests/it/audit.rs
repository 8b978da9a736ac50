//! The audit log: changes by the API, by pages and by uploads, with their actor and address.

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine::scopes::Scope;
use test_engine_store::Timestamp;

use super::TestServer;
use crate::forms::{cookie, form_token, get, post};
use crate::support::{SUITE, form, result};

const AUDIT: &str = "/v2/analytics/organizations/acme/audit";
/// 2026-11-23, in milliseconds since 1970.
const NOW: i64 = 1_795_392_000_000;

fn seeded(trusted_proxies: u32) -> TestServer {
    let server = TestServer::with(
        |config| config.network.trusted_proxies = trusted_proxies,
        Clock::fixed_at(Timestamp::from_millis(NOW)),
    );
    let results = json!([result("A", "fast", "spec/a_spec.rb", 0.5, "passed")]);
    server.upload("b1", "main", &results);
    server
}

fn test_id(server: &TestServer) -> String {
    let found = server.post(
        &format!("{SUITE}/tests/find"),
        &json!({"scope": "A", "name": "fast"}),
    );
    found.ok()["id"].as_str().unwrap().to_owned()
}

/// Oldest first.
fn entries(server: &TestServer, query: &str) -> Vec<Value> {
    let listed = server.get(&format!("{AUDIT}?per_page=100&{query}")).ok();
    let mut entries = listed.as_array().unwrap().clone();
    entries.reverse();
    entries
}

fn actions(entries: &[Value]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect()
}

#[test]
fn an_api_request_is_recorded_with_its_token_and_address() {
    let server = seeded(0);
    let id = test_id(&server);
    server.put(&format!("{SUITE}/tests/{id}/mute")).ok();
    let labels = json!({"operator": "add", "labels": ["slow"]});
    server
        .patch(&format!("{SUITE}/tests/{id}/labels"), &labels)
        .ok();
    let entries = entries(&server, &format!("subject={id}"));
    assert_eq!(actions(&entries), ["mute.created", "labels.added"]);
    let muted = &entries[0];
    assert_eq!(muted["actor"]["kind"], "token");
    assert_eq!(muted["actor"]["name"], "first admin token");
    let own = server.get("/v2/access-token").ok();
    assert_eq!(muted["actor"]["id"], own["uuid"]);
    assert_eq!(muted["client_address"], "127.0.0.1");
    assert_eq!(muted["at"], "2026-11-23T00:00:00.000Z");
    assert_eq!(muted["suite"], "web");
    let subject = json!({"kind": "test", "id": id, "name": "A fast"});
    assert_eq!(muted["subject"], subject);
    assert_eq!(muted["before"]["state"], "enabled");
    assert_eq!(muted["after"]["state"], "muted");
    assert_eq!(entries[1]["after"], json!({"labels": ["slow"]}));
}

#[test]
fn the_address_comes_from_trusted_proxies_only() {
    for (proxies, expected) in [(0, "127.0.0.1"), (1, "203.0.113.7")] {
        let server = seeded(proxies);
        let id = test_id(&server);
        server
            .ask("PUT", &format!("{SUITE}/tests/{id}/mute"))
            .bearer(&server.access)
            .header("x-forwarded-for", "10.0.0.1, 203.0.113.7")
            .send()
            .ok();
        let entries = entries(&server, &format!("subject={id}"));
        assert_eq!(entries[0]["client_address"], expected);
    }
}

#[test]
fn a_suite_and_its_tokens_are_recorded_beyond_their_deletion() {
    let server = seeded(0);
    let suites = "/v2/analytics/organizations/acme/suites";
    let new = json!({"name": "Api", "default_branch": "main"});
    assert_eq!(server.post(suites, &new).status, 201);
    let api = format!("{suites}/api");
    server
        .patch(&api, &json!({"color": "#fff", "show_api_token": true}))
        .ok();
    assert_eq!(server.delete(&api).status, 204);
    let entries = entries(&server, "suite_slug=api");
    assert_eq!(
        actions(&entries),
        [
            "suite.created",
            "rule.created",
            "token.created",
            "suite.updated",
            "token.created",
            "token.deleted",
            "token.deleted",
            "suite.deleted"
        ]
    );
    assert_eq!(entries[3]["before"], json!({"color": null}));
    assert_eq!(entries[3]["after"], json!({"color": "#fff"}));
    assert_eq!(entries[7]["before"]["name"], "Api");
    assert_eq!(entries[7]["after"], Value::Null);
}

#[test]
fn test_owners_are_recorded_with_the_suite_token() {
    let server = seeded(0);
    let (content_type, body) = form(&[("file", "* web\n")]);
    let sent = server
        .ask("POST", "/v1/test-ownerships")
        .header("authorization", &format!("Token {}", server.suite_token))
        .header("content-type", &content_type)
        .body(body)
        .send();
    sent.ok();
    let entries = entries(&server, "suite_slug=web");
    let owners = entries.last().unwrap();
    assert_eq!(owners["action"], "owners.updated");
    assert_eq!(owners["actor"]["kind"], "token");
    assert_eq!(owners["actor"]["name"], "uploads to web");
}

#[test]
fn a_form_is_recorded_with_the_person_who_is_signed_in() {
    let server = seeded(0);
    let id = test_id(&server);
    let cookie = cookie(&server, &server.access);
    let address = format!("/organizations/acme/analytics/suites/web/tests/{id}");
    let token = form_token(&get(&server, &address, &cookie));
    let fields = format!("form_token={token}&state=skipped&reason=hangs");
    let skip = post(&server, &format!("{address}/state"), &cookie, &fields);
    assert_eq!(skip.status, 303);
    let fields = format!("form_token={token}");
    assert_eq!(post(&server, "/sign-out", &cookie, &fields).status, 303);

    let entries = entries(&server, "");
    let last = &entries[entries.len() - 3..];
    assert_eq!(
        actions(last),
        ["session.created", "skip.created", "session.ended"]
    );
    let own = server.get("/v2/access-token").ok();
    for entry in last {
        assert_eq!(entry["actor"]["kind"], "session");
        assert_eq!(entry["actor"]["id"], own["uuid"]);
        assert_eq!(entry["actor"]["name"], "first admin token");
        assert_eq!(entry["client_address"], "127.0.0.1");
    }
}

#[test]
fn only_tokens_of_the_organization_that_may_write_read_it() {
    let server = seeded(0);
    let reader = server.token("acme", &[Scope::ReadSuites]);
    let ask = |token: &str| server.ask("GET", AUDIT).bearer(token).send();
    ask(&reader).error(403);
    let other_token = server.token("other", &Scope::ALL);
    ask(&other_token).error(404);
    let theirs = server
        .ask("GET", "/v2/analytics/organizations/other/audit")
        .bearer(&other_token)
        .send()
        .ok();
    assert!(!theirs.to_string().contains("web"), "{theirs}");
    let page = server.get(&format!("{AUDIT}?per_page=2"));
    assert_eq!(page.ok().as_array().unwrap().len(), 2);
    assert!(page.header("link").unwrap().contains("rel=\"next\""));
    server.get(&format!("{AUDIT}?subject=x")).error(400);
}
