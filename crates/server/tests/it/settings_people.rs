//! Tokens and people on the settings pages: shown once, ended at once, and for admins only.

use serde_json::json;
use sha2::{Digest as _, Sha256};
use test_engine::scopes::Scope;
use test_engine::{admin, people};
use test_engine_store::Role;
use uuid::Uuid;

use super::TestServer;
use crate::forms::{cookie, get, post};
use crate::settings_forms::{ORGANIZATION, SETTINGS, audit, person, secret, send, shows};
use crate::support::SUITE;

#[test]
fn a_token_is_shown_once_and_revoked() {
    let server = TestServer::start();
    let cookie = cookie(&server, &server.access);
    let page = format!("{SETTINGS}/tokens");
    let bad = send(&server, &cookie, &page, &page, "purpose=+");
    assert_eq!(bad.status, 422);
    let created = send(&server, &cookie, &page, &page, "purpose=nightly");
    assert_eq!(created.status, 200);
    let token = secret(&created);
    assert!(token.starts_with("tes_"), "{token}");
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let after = get(&server, &page, &cookie);
    shows(&after, &["nightly", "never"]);
    assert!(!after.text().contains(&token));
    let body = json!({"format": "json", "run_env": {"key": "k"}, "data": []});
    let upload = || {
        let header = format!("Token token=\"{token}\"");
        let request = server.ask("POST", "/v1/uploads");
        request
            .header("authorization", &header)
            .json(&body)
            .send()
            .status
    };
    assert_eq!(upload(), 202);
    let text = after.text();
    let (_, rest) = text
        .split_once("aria-label=\"Revoke nightly\"")
        .unwrap_or_else(|| {
            panic!("{text}");
        });
    let before = &text[..text.len() - rest.len()];
    let (_, id) = before.rsplit_once("name=\"id\" value=\"").unwrap();
    let id = &id[..36];
    let revoke = format!("{page}/revoke");
    assert_eq!(
        send(&server, &cookie, &page, &revoke, &format!("id={id}")).status,
        303
    );
    assert_eq!(upload(), 401);
    // Tokens of other kinds are not on this page.
    let other = server.token("acme", &[Scope::ReadSuites]);
    let other = server.with_store(async |store| {
        let acme = admin::organization(store, "acme").await.unwrap();
        let tokens = store.tokens(acme.id).await.unwrap();
        let hash: [u8; 32] = Sha256::digest(&other).into();
        tokens
            .iter()
            .find(|token| token.secret_hash == hash)
            .unwrap()
            .uuid
    });
    let answer = send(&server, &cookie, &page, &revoke, &format!("id={other}"));
    assert_eq!(answer.status, 404);
    let kinds: Vec<String> = audit(&server)
        .into_iter()
        .map(|(action, _)| action)
        .collect();
    assert!(kinds.contains(&"token.revoked".to_owned()), "{kinds:?}");
}

#[test]
fn only_admins_create_access_tokens() {
    let server = TestServer::start();
    let with_token = cookie(&server, &server.access);
    let page = format!("{ORGANIZATION}/tokens");
    let seen = get(&server, &page, &with_token);
    shows(
        &seen,
        &["Only people with the role admin", "first admin token"],
    );
    let fields = "purpose=x&read_suites=yes";
    let answer = send(&server, &with_token, &page, &page, fields);
    assert_eq!(answer.status, 403);
    let writer = person(&server, "wil", Role::Writer);
    assert_eq!(send(&server, &writer, &page, &page, fields).status, 403);
    let admin = person(&server, "ada", Role::Admin);
    let bad = send(&server, &admin, &page, &page, "purpose=typed");
    assert_eq!(bad.status, 422);
    shows(&bad, &["Choose at least one scope.", "value=\"typed\""]);
    let created = send(
        &server,
        &admin,
        &page,
        &page,
        "purpose=api&read_suites=yes&days=30",
    );
    assert_eq!(created.status, 200, "{}", created.text());
    let token = secret(&created);
    let read = server.ask("GET", SUITE).bearer(&token).send();
    assert_eq!(read.status, 200, "{}", read.text());
    let write = server.ask("DELETE", SUITE).bearer(&token).send();
    assert_eq!(write.status, 403);
    assert_eq!(
        audit(&server)[0],
        ("token.created".to_owned(), "user".to_owned())
    );
}

#[test]
fn people_rules_and_sessions_are_managed_by_admins() {
    let server = TestServer::start();
    let page = format!("{ORGANIZATION}/people");
    let with_token = cookie(&server, &server.access);
    assert_eq!(get(&server, &page, &with_token).status, 403);
    let reader = person(&server, "rea", Role::Reader);
    let admin = person(&server, "ada", Role::Admin);
    assert_eq!(get(&server, &page, &reader).status, 403);
    let seen = get(&server, &page, &admin);
    shows(&seen, &["rea", "ada", "you", "No rule admits anybody."]);
    let act =
        |form: &str, fields: &str| send(&server, &admin, &page, &format!("{page}{form}"), fields);
    let created = act("", "login=new&role=writer");
    assert_eq!(created.status, 200, "{}", created.text());
    let password = secret(&created);
    let fields = format!("login=new&password={password}");
    let signed_in = post(&server, "/sign-in/password", "", &fields);
    assert_eq!(signed_in.status, 303, "{}", signed_in.text());
    let twice = act("", "login=new&role=writer");
    assert_eq!(twice.status, 422);
    shows(&twice, &["there is already a user"]);
    let id = server.with_store(async |store| people::find_user(store, "rea").await.unwrap().uuid);
    assert_eq!(
        act("/change", &format!("action=role&role=admin&id={id}")).status,
        303
    );
    assert_eq!(get(&server, &page, &reader).status, 200, "an admin now");
    assert_eq!(
        act("/change", &format!("action=role&role=x&id={id}")).status,
        422
    );
    assert_eq!(
        act("/change", &format!("action=remove&id={id}")).status,
        303
    );
    assert_eq!(get(&server, &page, &reader).status, 303, "signed out");
    assert_eq!(
        act("/change", &format!("action=remove&id={id}")).status,
        404
    );
    let bad = act(
        "/rules",
        "action=create&match=email_domain&value=com&role=reader",
    );
    assert_eq!(bad.status, 422);
    shows(&bad, &["is not a domain", "value=\"com\""]);
    let rule = "action=create&match=email_domain&value=example.com&role=reader";
    assert_eq!(act("/rules", rule).status, 303);
    let text = get(&server, &page, &admin).text();
    shows(
        &get(&server, &page, &admin),
        &["e-mail domain", "example.com"],
    );
    let (_, rule) = text.split_once("/people/rules").unwrap();
    let (_, rule) = rule.split_once("name=\"id\" value=\"").unwrap();
    let rule = &rule[..36];
    assert_eq!(
        act("/rules", &format!("action=delete&id={rule}")).status,
        303
    );
    let text = get(&server, &page, &admin).text();
    let (_, session) = text
        .split_once("aria-label=\"End the session of new\"")
        .map_or_else(
            || panic!("{text}"),
            |(before, _)| before.rsplit_once("name=\"id\" value=\"").unwrap(),
        );
    assert_eq!(
        act("/sessions", &format!("id={}", &session[..36])).status,
        303
    );
    assert_eq!(act("/sessions", &format!("id={}", Uuid::nil())).status, 404);
    let actions: Vec<String> = audit(&server)
        .into_iter()
        .map(|(action, _)| action)
        .collect();
    for expected in ["user.added", "sign_in_rule.created", "sign_in_rule.deleted"] {
        assert!(
            actions.iter().any(|action| action == expected),
            "{expected}: {actions:?}"
        );
    }
}

#[test]
fn forged_forms_of_an_admin_change_nothing() {
    let server = TestServer::start();
    let admin = person(&server, "ada", Role::Admin);
    let before = audit(&server);
    let forged = format!(
        "form_token={}&login=x&role=admin&purpose=x&read_suites=yes&action=role&match=subject&\
         value=x&id={}",
        "0".repeat(64),
        Uuid::nil()
    );
    let forms = [
        "/tokens",
        "/tokens/revoke",
        "/people",
        "/people/change",
        "/people/rules",
        "/people/sessions",
        "/webhooks",
        "/webhooks/change",
    ];
    let of_organization = forms.map(|form| format!("{ORGANIZATION}{form}"));
    let of_suite = [format!("{SETTINGS}/tokens/revoke")];
    for form in of_organization.iter().chain(&of_suite) {
        let sent = post(&server, form, &admin, &forged);
        assert_eq!(sent.status, 403, "{form}");
        assert!(sent.text().contains("form has expired"), "{form}");
    }
    assert_eq!(audit(&server), before);
}
