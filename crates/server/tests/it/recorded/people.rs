//! Operations about people, which need the token of an admin.

use serde_json::json;
use test_engine::{admin, people};
use test_engine_store::{Change, NewUserSession, Role, Timestamp};
use uuid::Uuid;

use super::operation::{Body, Operation, Token, operation};
use super::recorder::Recorder;
use super::{NOW, ORGANIZATION};
use crate::people_api;

/// Creates a person with a session, and a rule.
fn seed(recorder: &Recorder) -> [String; 3] {
    let server = &recorder.server;
    let (id, _token) = people_api::user(server, "acme", "priya", Role::Reader);
    let now = Timestamp::from_millis(NOW);
    let change = Change::by_server(now);
    let session = NewUserSession {
        uuid: Uuid::now_v7(),
        secret_hash: [7; 32],
        client_address: Some("203.0.113.7".to_owned()),
        user_agent: Some("Firefox".to_owned()),
        expires_at: now.plus_days(7),
    };
    let session_id = session.uuid.to_string();
    let rule = server.with_store(async |store| {
        let acme = admin::organization(store, "acme").await.unwrap();
        let user = people::find_user(store, "priya").await.unwrap();
        let started = store.start_session(&user, session, &change);
        started.await.unwrap();
        let matches = people::rule_match("claim", "groups=engineering").unwrap();
        let role = Some(Role::Writer);
        people::create_rule(store, acme.id, matches, role, &change)
            .await
            .unwrap()
    });
    [id, session_id, rule.uuid.to_string()]
}

pub(super) fn people(recorder: &Recorder) -> Vec<Operation> {
    let [member, session, rule] = seed(recorder);
    let admin = |id, method, path: &str, body, status| {
        let path = format!("{ORGANIZATION}/{path}");
        operation(id, method, path, Token::Admin, body, status)
    };
    let rules = "sign-in-rules";
    let member = format!("members/{member}");
    let new_rule = json!({"match": "email_domain", "value": "example.com", "role": "reader"});
    let bad_rule = json!({"match": "email_domain", "value": "com", "role": "reader"});
    vec![
        admin("listMembers", "GET", "members", Body::None, 200).list(),
        admin(
            "updateMember",
            "PATCH",
            &member,
            Body::Json(json!({"role": "writer"})),
            200,
        )
        .bad("a wrong type", 400, "", Body::Json(json!({"role": 7})))
        .bad("no role", 422, "", Body::Json(json!({"role": "owner"}))),
        admin("listSessions", "GET", "sessions", Body::None, 200).list(),
        admin(
            "endSession",
            "DELETE",
            &format!("sessions/{session}"),
            Body::None,
            204,
        ),
        admin("createSignInRule", "POST", rules, Body::Json(new_rule), 201)
            .bad("a wrong type", 400, "", Body::Json(json!({"match": 7})))
            .bad("no domain", 422, "", Body::Json(bad_rule)),
        admin("listSignInRules", "GET", rules, Body::None, 200).list(),
        admin(
            "deleteSignInRule",
            "DELETE",
            &format!("{rules}/{rule}"),
            Body::None,
            204,
        ),
        admin("removeMember", "DELETE", &member, Body::None, 204),
    ]
}
