//! The settings: every form does what the API or the command line does, and leaves an entry in the
//! audit log.

use std::time::Duration;

use serde_json::json;
use test_engine::clock::Clock;
use test_engine::scopes::Scope;
use uuid::Uuid;

use super::TestServer;
use crate::forms::{cookie, form_token, get, post};
use crate::receiver::{Receiver, Reply, until};
use crate::settings_forms::{ORGANIZATION, SETTINGS, audit, secret, send, shows};
use crate::support::{SUITE, result};

#[test]
fn general_settings_are_those_of_the_api() {
    let server = TestServer::start();
    let cookie = cookie(&server, &server.access);
    let fields =
        "name=Web+%26+more&default_branch=trunk&application_name=&color=&emoji=%F0%9F%9A%80";
    let saved = send(&server, &cookie, SETTINGS, SETTINGS, fields);
    assert_eq!(saved.status, 303, "{}", saved.text());
    let next = saved.header("location").unwrap();
    shows(
        &get(&server, next, &cookie),
        &["Saved.", "Web &#38; more", "trunk"],
    );
    let suite = server.get(SUITE).ok();
    assert_eq!(suite["name"], "Web & more");
    assert_eq!(suite["default_branch"], "trunk");
    let bad = send(
        &server,
        &cookie,
        SETTINGS,
        SETTINGS,
        "name=+&default_branch=typed",
    );
    assert_eq!(bad.status, 422);
    shows(&bad, &["Name can&#39;t be blank", "value=\"typed\""]);
    let states = format!("{SETTINGS}/states");
    let fields = "days=7&max_days=40&api_days=";
    assert_eq!(send(&server, &cookie, &states, &states, fields).status, 303);
    let suite = server.get(SUITE).ok();
    assert_eq!(suite["quarantine"]["days"], 7);
    assert_eq!(suite["quarantine"]["max_days"], 40);
    let bad = send(&server, &cookie, &states, &states, "days=many&max_days=40");
    assert_eq!(bad.status, 422);
    shows(&bad, &["must be a number of days", "value=\"many\""]);
    let changes: Vec<_> = audit(&server)
        .into_iter()
        .filter(|(action, _)| action == "suite.updated")
        .collect();
    assert_eq!(changes.len(), 2);
    assert!(
        changes.iter().all(|(_, kind)| kind == "session"),
        "{changes:?}"
    );
}

#[test]
fn readers_see_settings_without_controls_and_no_secrets() {
    let server = TestServer::start();
    let reader = server.token("acme", &[Scope::ReadSuites]);
    let cookie = cookie(&server, &reader);
    let token = form_token(&get(&server, SETTINGS, &cookie));
    for section in ["", "/states", "/labels", "/owners", "/retention"] {
        let page = get(&server, &format!("{SETTINGS}{section}"), &cookie);
        assert_eq!(page.status, 200, "{section}");
        let main = page.text();
        let (_, main) = main.split_once("<main").unwrap();
        assert!(!main.contains("<form"), "{section}: {main}");
        assert!(!main.contains("/settings/tokens"), "{section}: {main}");
    }
    for section in ["/tokens", "/oidc", "/webhooks", "/audit"] {
        let page = get(&server, &format!("{SETTINGS}{section}"), &cookie);
        assert_eq!(page.status, 403, "{section}");
    }
    for section in ["/tokens", "/people", "/webhooks", "/audit"] {
        let page = get(&server, &format!("{ORGANIZATION}{section}"), &cookie);
        assert_eq!(page.status, 403, "{section}");
    }
    for form in [
        "",
        "/states",
        "/owners",
        "/tokens",
        "/oidc",
        "/webhooks",
        "/tokens/revoke",
        "/webhooks/change",
    ] {
        let fields = format!(
            "form_token={token}&name=x&default_branch=x&id={}",
            Uuid::nil()
        );
        let answer = post(&server, &format!("{SETTINGS}{form}"), &cookie, &fields);
        assert_eq!(answer.status, 403, "{form}: {}", answer.text());
    }
    // Without a session, the way leads to the sign-in page.
    for page in [
        format!("{SETTINGS}/tokens"),
        format!("{ORGANIZATION}/people"),
    ] {
        let answer = get(&server, &page, "a=b");
        assert_eq!(answer.status, 303, "{page}");
    }
}

#[test]
fn forms_of_other_sessions_change_nothing() {
    let server = TestServer::start();
    let cookie = cookie(&server, &server.access);
    let forged = format!(
        "form_token={}&name=x&default_branch=x&file=x",
        "0".repeat(64)
    );
    for form in ["", "/states", "/owners", "/tokens", "/oidc", "/webhooks"] {
        let answer = post(&server, &format!("{SETTINGS}{form}"), &cookie, &forged);
        assert_eq!(answer.status, 403, "{form}");
    }
    assert_eq!(server.get(SUITE).ok()["name"], "Web");
}

#[test]
fn owners_and_labels_are_listed() {
    let server = TestServer::start();
    let cookie = cookie(&server, &server.access);
    let owners = format!("{SETTINGS}/owners");
    let file = "file=spec/pay/+payments-team%0D%0A!x+other%0D%0A";
    assert_eq!(send(&server, &cookie, &owners, &owners, file).status, 303);
    shows(
        &get(&server, &owners, &cookie),
        &[
            "1 rule",
            "payments-team",
            "line 2: patterns cannot start with !",
        ],
    );
    let labels = format!("{SETTINGS}/labels");
    shows(&get(&server, &labels, &cookie), &["No test has a label."]);
    let test = json!([result("Cart", "adds", "a_spec.rb", 9.0, "passed")]);
    server.upload("b1", "main", &test);
    let wanted = json!({"scope": "Cart", "name": "adds"});
    let test = server.post(&format!("{SUITE}/tests/find"), &wanted).ok();
    let address = format!("{SUITE}/tests/{}/labels", test["id"].as_str().unwrap());
    server
        .patch(&address, &json!({"operator": "add", "labels": ["<b>slow"]}))
        .ok();
    shows(
        &get(&server, &labels, &cookie),
        &["&#60;b&#62;slow", "<td class=\"number\">1</td>"],
    );
    assert_eq!(audit(&server)[1].0, "owners.updated");
}

#[test]
fn a_policy_is_checked_before_it_is_stored() {
    let server = TestServer::start();
    let cookie = cookie(&server, &server.access);
    let page = format!("{SETTINGS}/oidc");
    let bad = send(&server, &cookie, &page, &page, "policy=not+a+list");
    assert_eq!(bad.status, 422);
    shows(
        &bad,
        &["is not a YAML or JSON list", "not a list</textarea>"],
    );
    let policy = "policy=-+iss:+https://ci.example%0D%0A++claims:+%7Bb:+c%7D%0D%0A\
        ++scopes:+%5Bread_suites%5D%0D%0A";
    let saved = send(&server, &cookie, &page, &page, policy);
    assert_eq!(saved.status, 303, "{}", saved.text());
    shows(
        &get(&server, &page, &cookie),
        &["- iss: https://ci.example\n"],
    );
    assert_eq!(send(&server, &cookie, &page, &page, "policy=").status, 303);
    let entries = audit(&server);
    assert_eq!(
        entries[0],
        ("suite.updated".to_owned(), "session".to_owned())
    );
    // Nobody can grant a scope that they lack.
    let writer = server.token("acme", &[Scope::ReadSuites, Scope::WriteSuites]);
    let writer = crate::forms::cookie(&server, &writer);
    let more = policy.replace("read_suites", "write_test_plan");
    let refused = send(&server, &writer, &page, &page, &more);
    assert_eq!(refused.status, 422);
    shows(&refused, &["grants the scope write_test_plan"]);
}

#[test]
fn dead_deliveries_are_listed_and_sent_again() {
    let server = TestServer::with(
        |config| {
            config.webhooks.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()];
            config.webhooks.period = Duration::from_millis(30);
        },
        Clock::System,
    );
    let cookie = cookie(&server, &server.access);
    let receiver = Receiver::start([Reply::Status(410), Reply::Status(200)]);
    let page = format!("{SETTINGS}/webhooks");
    let bad = send(
        &server,
        &cookie,
        &page,
        &page,
        "url=ftp://x&description=typed",
    );
    assert_eq!(bad.status, 422);
    shows(&bad, &["value=\"typed\""]);
    let fields = format!("url={}&event=mute.created&description=chat", receiver.url());
    let created = send(&server, &cookie, &page, &page, &fields);
    assert_eq!(created.status, 200, "{}", created.text());
    let secret = secret(&created);
    let test = json!([result("Cart", "adds", "a_spec.rb", 9.0, "passed")]);
    server.upload("b1", "main", &test);
    let wanted = json!({"scope": "Cart", "name": "adds"});
    let test = server.post(&format!("{SUITE}/tests/find"), &wanted).ok();
    let mute = format!("{SUITE}/tests/{}/mute", test["id"].as_str().unwrap());
    server.put(&mute).ok();
    until("a dead delivery", || {
        get(&server, &page, &cookie).text().contains("1 given up")
    });
    let seen = get(&server, &page, &cookie);
    shows(&seen, &["mute.created", "Cart adds", "410", "Send again"]);
    assert!(!seen.text().contains(&secret));
    let text = seen.text();
    let (_, id) = text.split_once("name=\"id\" value=\"").unwrap();
    let id = id[..36].to_owned();
    let change = format!("{page}/change");
    let act = |action: &str| {
        let fields = format!("id={id}&action={action}");
        send(&server, &cookie, &page, &change, &fields).status
    };
    assert_eq!(act("resend"), 303);
    until("the delivery", || receiver.received().len() == 2);
    assert!(receiver.received()[1].is_signed_with(&secret));
    assert_eq!(act("off"), 303);
    shows(&get(&server, &page, &cookie), &["Switch on"]);
    assert_eq!(act("on"), 303);
    assert_eq!(act("else"), 404);
    // That of a suite is not on the page of another suite.
    assert_eq!(act("delete"), 303);
    assert_eq!(act("delete"), 404);
    shows(&get(&server, &page, &cookie), &["There is none."]);
    let organization = format!("{ORGANIZATION}/webhooks");
    let fields = format!("url={}", receiver.url());
    let created = send(&server, &cookie, &organization, &organization, &fields);
    shows(&created, &["of every suite", "every event"]);
}

#[test]
fn retention_and_the_audit_log_are_shown() {
    let server = TestServer::start();
    let cookie = cookie(&server, &server.access);
    for page in [SETTINGS, ORGANIZATION] {
        shows(
            &get(&server, &format!("{page}/retention"), &cookie),
            &["120 days", "14 days", "--aggregate-retention-days"],
        );
    }
    let states = format!("{SETTINGS}/states");
    send(
        &server,
        &cookie,
        &states,
        &states,
        "days=7&max_days=40&api_days=",
    );
    shows(
        &get(&server, &format!("{SETTINGS}/audit"), &cookie),
        &["suite updated", "first admin token", "127.0.0.1"],
    );
    let all = get(&server, &format!("{ORGANIZATION}/audit"), &cookie);
    shows(
        &all,
        &[
            "token created",
            "organization created",
            "entries; never deleted",
        ],
    );
    let second = get(&server, &format!("{ORGANIZATION}/audit?page=2"), &cookie);
    assert_eq!(second.status, 200);
}
