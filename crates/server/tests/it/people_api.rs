//! Members, sessions and sign-in rules in the API.

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use test_engine::admin::{self, TokenRequest};
use test_engine::people;
use test_engine::scopes::Scope;
use test_engine_store::{Change, Role, Timestamp};

use crate::support::{Answer, TestServer};

const A: &str = "/v2/analytics/organizations/acme";

/// Creates a user in an organization, and a token of theirs with every scope.
pub(crate) fn user(
    server: &TestServer,
    organization: &str,
    login: &str,
    role: Role,
) -> (String, String) {
    let change = Change::by_server(Timestamp::from_millis(0));
    server.with_store(async |store| {
        let organization = admin::organization(store, organization).await.unwrap();
        let created = people::create_user(store, &organization, login, role, None, &change);
        let (user, _) = created.await.unwrap();
        let request = TokenRequest {
            scopes: Scope::ALL.to_vec(),
            user: Some(user.id),
            ..TokenRequest::default()
        };
        let made = admin::create_token(store, &organization, request, &change)
            .await
            .unwrap();
        let secret = made.secret.expose_secret().to_owned();
        (user.uuid.to_string(), secret)
    })
}

fn ask(server: &TestServer, method: &str, path: &str, token: &str, body: &Value) -> Answer {
    let ask = server.ask(method, &format!("{A}{path}")).bearer(token);
    if body.is_null() {
        ask.send()
    } else {
        ask.json(body).send()
    }
}

#[test]
fn an_admin_changes_roles_and_removes_people() {
    let server = TestServer::start();
    let (_, admin) = user(&server, "acme", "admin", Role::Admin);
    let (priya, token) = user(&server, "acme", "priya", Role::Reader);
    server.token("other", &[]);
    let (foreign, _) = user(&server, "other", "foreign", Role::Reader);
    let members = ask(&server, "GET", "/members", &admin, &Value::Null).ok();
    let names: Vec<&Value> = members
        .as_array()
        .unwrap()
        .iter()
        .map(|member| &member["name"])
        .collect();
    assert_eq!(names, ["admin", "priya"]);
    assert_eq!(members[1]["id"], priya);
    assert_eq!(members[1]["role"], "reader");
    assert_eq!(members[1]["issuer"], Value::Null);

    let path = format!("/members/{priya}");
    let writer = json!({"role": "writer"});
    let changed = ask(&server, "PATCH", &path, &admin, &writer).ok();
    assert_eq!(changed["role"], "writer");
    ask(&server, "PATCH", &path, &admin, &json!({"role": "owner"})).error(422);
    let elsewhere = format!("/members/{foreign}");
    ask(&server, "PATCH", &elsewhere, &admin, &writer).error(404);
    ask(&server, "DELETE", &elsewhere, &admin, &Value::Null).error(404);

    let removed = ask(&server, "DELETE", &path, &admin, &Value::Null);
    assert_eq!(removed.status, 204);
    ask(&server, "DELETE", &path, &admin, &Value::Null).error(404);
    ask(&server, "GET", "/suites", &token, &Value::Null).error(401);
    let audit = format!("/audit?subject={priya}");
    let events = ask(&server, "GET", &audit, &admin, &Value::Null).ok();
    let events: Vec<(&Value, &Value)> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (&event["action"], &event["actor"]["name"]))
        .collect();
    let (removed, changed) = (json!("user.removed"), json!("user.role_changed"));
    let by = json!("admin");
    assert_eq!(events[..2], [(&removed, &by), (&changed, &by)]);
}

#[test]
fn an_admin_ends_sessions_of_people_and_tokens() {
    let server = TestServer::start();
    let (_, admin) = user(&server, "acme", "admin", Role::Admin);
    let cookie = crate::forms::cookie(&server, &server.access);
    let sessions = ask(&server, "GET", "/sessions", &admin, &Value::Null).ok();
    assert_eq!(sessions.as_array().unwrap().len(), 1, "{sessions}");
    assert_eq!(sessions[0]["user"], Value::Null);
    let path = format!("/sessions/{}", sessions[0]["id"].as_str().unwrap());
    let ended = ask(&server, "DELETE", &path, &admin, &Value::Null);
    assert_eq!(ended.status, 204);
    ask(&server, "DELETE", &path, &admin, &Value::Null).error(404);
    let page = crate::forms::get(&server, "/organizations/acme/analytics", &cookie);
    assert_eq!(page.status, 303);
    // The access token itself is no session.
    let own = server.get("/v2/access-token").ok();
    let path = format!("/sessions/{}", own["uuid"].as_str().unwrap());
    ask(&server, "DELETE", &path, &admin, &Value::Null).error(404);
    server.get("/v2/access-token").ok();
}

#[test]
fn an_admin_manages_sign_in_rules() {
    let server = TestServer::start();
    let (_, admin) = user(&server, "acme", "admin", Role::Admin);
    let rule = json!({"match": "email_domain", "value": "Example.com", "role": "writer"});
    let created = ask(&server, "POST", "/sign-in-rules", &admin, &rule);
    assert_eq!(created.status, 201, "{}", created.text());
    let created = created.json();
    assert_eq!(created["value"], "example.com");
    ask(&server, "POST", "/sign-in-rules", &admin, &rule).error(422);
    for bad in [
        json!({"match": "email_domain", "value": "com", "role": "writer"}),
        json!({"match": "claim", "value": "email=a@b.c", "role": "writer"}),
        json!({"match": "email", "value": "a@b.c", "role": "writer"}),
        json!({"match": "subject", "value": "1", "role": "owner"}),
    ] {
        let answer = ask(&server, "POST", "/sign-in-rules", &admin, &bad);
        assert!(
            answer.error(422).starts_with("Validation failed: "),
            "{bad}"
        );
    }
    let listed = ask(&server, "GET", "/sign-in-rules", &admin, &Value::Null).ok();
    assert_eq!(listed, json!([created]));
    let path = format!("/sign-in-rules/{}", created["id"].as_str().unwrap());
    let deleted = ask(&server, "DELETE", &path, &admin, &Value::Null);
    assert_eq!(deleted.status, 204);
    ask(&server, "DELETE", &path, &admin, &Value::Null).error(404);
}
