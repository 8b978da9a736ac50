//! Creating, changing and deleting suites.

use serde_json::{Value, json};
use test_engine::scopes::Scope;

use super::TestServer;
use crate::support::{SUITE, result};

/// The YAML format of the hosted product.
const POLICY: &str = "- iss: https://a\n  claims: {b: c}\n  scopes: [read_suites]\n";
const SUITES: &str = "/v2/analytics/organizations/acme/suites";

fn validation(server: &TestServer, body: &Value) -> String {
    let message = server.post(SUITES, body).error(422);
    message
        .strip_prefix("Validation failed: ")
        .expect("the words of a validation")
        .to_owned()
}

#[test]
fn a_suite_is_created_with_all_fields() {
    let server = TestServer::start();
    let made = server.post(
        SUITES,
        &json!({
            "name": "Mobile App", "default_branch": "trunk", "application_name": "Shop",
            "color": "#f07a5b", "emoji": ":iphone:",
            "oidc_policy": [{
                "iss": "https://agent.buildkite.com",
                "claims": {"organization_slug": "acme"},
                "scopes": ["write_uploads"],
            }],
            "team_ids": ["x"],
        }),
    );
    assert_eq!(made.status, 201, "{}", made.text());
    let suite = made.json();
    assert_eq!(suite["slug"], "mobile-app");
    assert_eq!(suite["default_branch"], "trunk");
    assert_eq!(suite["application_name"], "Shop");
    assert_eq!(suite["color"], "#f07a5b");
    assert_eq!(suite["emoji"], ":iphone:");
    assert_eq!(
        suite["oidc_policy"],
        json!([{
            "iss": "https://agent.buildkite.com",
            "claims": {"organization_slug": "acme"},
            "scopes": ["write_uploads"],
        }])
    );
    assert_eq!(suite.get("api_token"), None);
    assert_eq!(made.header("location"), suite["url"].as_str());
    assert_eq!(server.get(&format!("{SUITES}/mobile-app")).ok(), suite);
}

#[test]
fn the_suite_token_is_shown_on_request() {
    let server = TestServer::start();
    let made = server.post(
        SUITES,
        &json!({"name": "Api", "default_branch": "main", "show_api_token": true}),
    );
    let token = made.json()["api_token"].as_str().unwrap().to_owned();
    let metadata = |token: &str| {
        server
            .ask("GET", "/v1/uploads/metadata")
            .header("authorization", &format!("Token token=\"{token}\""))
            .send()
    };
    assert_eq!(metadata(&token).status, 200);
    // A second token on request; the first stays valid.
    let path = format!("{SUITES}/api");
    let changed = server.patch(&path, &json!({"show_api_token": true})).ok();
    let second = changed["api_token"].as_str().unwrap();
    assert_ne!(second, token);
    assert_eq!(metadata(second).status, 200);
    assert_eq!(metadata(&token).status, 200);
    // GET never has the token, because only hashes are stored, and requires `write_suites`.
    let read = server.get(&format!("{path}?show_api_token=true")).ok();
    assert_eq!(read.get("api_token"), None);
    let reader = server.token("acme", &[Scope::ReadSuites]);
    let message = server
        .ask("GET", &format!("{path}?show_api_token=true"))
        .bearer(&reader)
        .send()
        .error(403);
    assert!(message.contains("write_suites"), "{message}");
}

#[test]
fn invalid_suites_are_rejected_with_every_problem() {
    let server = TestServer::start();
    assert_eq!(
        validation(&server, &json!({})),
        "Name can't be blank, Default branch can't be blank"
    );
    assert_eq!(
        validation(&server, &json!({"name": 7, "default_branch": ["main"]})),
        "Name must be a string, Default branch must be a string"
    );
    let long = json!({"name": "n".repeat(10_240), "default_branch": "main"});
    assert_eq!(
        validation(&server, &long),
        "Name is too long (maximum is 255 characters)"
    );
    let unicode = json!({"name": "日本語", "default_branch": "main"});
    assert!(validation(&server, &unicode).starts_with("Slug can't be blank"));
    let slugged = json!({"name": "日本語 🧪", "default_branch": "本", "slug": "nihongo"});
    assert_eq!(server.post(SUITES, &slugged).status, 201);
    assert_eq!(
        server.get(&format!("{SUITES}/nihongo")).ok()["name"],
        "日本語 🧪"
    );
    assert_eq!(validation(&server, &slugged), "Slug has already been taken");
    let bad = json!({"name": "x", "default_branch": "main", "slug": "A/b"});
    assert!(validation(&server, &bad).starts_with("Slug is invalid"));
    server.post(SUITES, &json!(["name"])).error(400);
}

#[test]
fn absent_fields_keep_their_values() {
    let server = TestServer::start();
    let changed = server
        .patch(
            SUITE,
            &json!({"name": "Web 2", "emoji": "🕸", "slug": "other"}),
        )
        .ok();
    assert_eq!(
        (&changed["name"], &changed["emoji"], &changed["slug"]),
        (&json!("Web 2"), &json!("🕸"), &json!("web"))
    );
    let cleared = server
        .patch(SUITE, &json!({"emoji": null, "oidc_policy": POLICY}))
        .ok();
    assert_eq!(
        (&cleared["name"], &cleared["emoji"], &cleared["oidc_policy"]),
        (&json!("Web 2"), &Value::Null, &json!(POLICY))
    );
    let message = server.patch(SUITE, &json!({"name": ""})).error(422);
    assert_eq!(message, "Validation failed: Name can't be blank");
    assert_eq!(server.get(SUITE).ok(), cleared);
}

#[test]
fn deleting_a_suite_removes_its_tokens_and_frees_its_slug() {
    let server = TestServer::start();
    server.upload("b1", "main", &json!([result("", "a", "a", 1.0, "passed")]));
    let deleted = server.delete(SUITE);
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    server.get(SUITE).error(404);
    server.delete(SUITE).error(404);
    server.get(&format!("{SUITE}/runs")).error(404);
    assert_eq!(server.get(SUITES).ok(), json!([]));
    let upload = server.upload_json(&json!({
        "format": "json",
        "run_env": {"key": "b2"},
        "data": [result("", "a", "a", 1.0, "passed")],
    }));
    upload.error(401);
    let again = json!({"name": "Web", "default_branch": "main"});
    assert_eq!(server.post(SUITES, &again).status, 201);
    assert_eq!(server.get(&format!("{SUITE}/runs")).ok(), json!([]));
}

#[test]
fn suites_with_the_same_slug_in_two_organizations_are_separate() {
    let server = TestServer::start();
    let other = server.token("other", &Scope::ALL);
    let theirs = "/v2/analytics/organizations/other/suites";
    let made = server
        .ask("POST", theirs)
        .bearer(&other)
        .json(&json!({"name": "Web", "default_branch": "main"}))
        .send();
    assert_eq!(made.status, 201, "{}", made.text());
    assert_ne!(made.json()["id"], server.get(SUITE).ok()["id"]);
    server.upload("b1", "main", &json!([result("", "a", "a", 1.0, "passed")]));
    let their_runs = server
        .ask("GET", &format!("{theirs}/web/runs"))
        .bearer(&other)
        .send();
    assert_eq!(their_runs.ok(), json!([]));
    let gone = server
        .ask("DELETE", &format!("{theirs}/web"))
        .bearer(&other)
        .send();
    assert_eq!(gone.status, 204);
    assert_eq!(
        server
            .get(&format!("{SUITE}/runs"))
            .ok()
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_policy_cannot_grant_scopes_its_author_lacks() {
    let server = TestServer::start();
    let writer = server.token("acme", &[Scope::WriteSuites]);
    let set = |scope: &str| {
        let policy = json!([{"iss": "https://a", "claims": {"b": "c"}, "scopes": [scope]}]);
        server
            .ask("PATCH", SUITE)
            .bearer(&writer)
            .json(&json!({ "oidc_policy": policy }))
            .send()
    };
    let message = set("write_test_plan").error(403);
    assert!(message.contains("write_test_plan"), "{message}");
    assert_eq!(server.get(SUITE).ok()["oidc_policy"], Value::Null);
    assert_eq!(set("write_suites").status, 200);
    // Anyone who may change the suite can create a suite token for uploads.
    assert_eq!(set("write_uploads").status, 200);
    let message = set("admin").error(422);
    assert!(
        message.contains("statement 1 of the OIDC policy"),
        "{message}"
    );
}
