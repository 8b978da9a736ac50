//! Events by e-mail, through a real mail server on this machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use test_engine::clock::Clock;

use crate::cli::{failure, run};
use crate::mail_receiver::MailReceiver;
use crate::receiver::until;
use crate::support::{SUITE, TestServer, result};

const WEBHOOKS: &str = "/v2/analytics/organizations/acme/webhooks";
/// 2026-11-23, in milliseconds since 1970.
const NOW: i64 = 1_795_392_000_000;

fn server(url: Option<String>) -> (TestServer, Arc<AtomicI64>) {
    let time = Arc::new(AtomicI64::new(NOW));
    let change = |config: &mut test_engine::config::Config| {
        config.limits.rest_requests_per_minute = 0;
        config.webhooks.period = Duration::from_millis(30);
        config.mail.from = url.as_ref().map(|_| "Tests <tests@example.com>".to_owned());
        config.mail.url = url.map(Into::into);
    };
    let server = TestServer::with(change, Clock::Fixed(Arc::clone(&time)));
    let results = json!([result("Körbe", "adds", "cart_spec.rb", 0.5, "passed")]);
    server.upload("b1", "main", &results);
    (server, time)
}

fn mute(server: &TestServer) {
    let test = json!({"scope": "Körbe", "name": "adds"});
    let found = server.post(&format!("{SUITE}/tests/find"), &test).ok();
    let id = found["id"].as_str().unwrap();
    let mute = server.ask("PUT", &format!("{SUITE}/tests/{id}/mute"));
    let body = json!({"reason": "too slow", "days": 3});
    mute.bearer(&server.access).json(&body).send().ok();
}

/// The only delivery of a webhook, once it has had this many attempts and is in this state.
fn delivery(server: &TestServer, webhook: &str, attempts: u64, state: &str) -> Value {
    let list = || {
        let path = format!("{WEBHOOKS}/{webhook}/deliveries");
        server.get(&path).ok()[0].clone()
    };
    until(state, || {
        let now = list();
        let is_over = !now["last_error"].is_null() || !now["finished_at"].is_null();
        now["attempts"] == attempts && now["state"] == state && is_over
    });
    list()
}

#[test]
fn an_event_arrives_as_an_e_mail() {
    let receiver = MailReceiver::start(["450 4.2.1 come back later"]);
    let (server, time) = server(Some(receiver.url()));
    let created = server.post(WEBHOOKS, &json!({"url": "mailto:team@example.com"}));
    assert_eq!(created.status, 201, "{}", created.text());
    let webhook = created.json();
    assert_eq!(webhook["format"], "email");
    assert_eq!(webhook["address"], "mailto:team@example.com");
    let id = webhook["id"].as_str().unwrap();
    mute(&server);
    let failed = delivery(&server, id, 1, "pending");
    let error = failed["last_error"].as_str().unwrap();
    assert!(error.contains("come back later"), "{error}");
    time.fetch_add(60_000, Ordering::SeqCst);
    let delivered = delivery(&server, id, 2, "delivered");
    assert_eq!(delivered["last_status"], Value::Null);
    let received = receiver.wait_for(1);
    assert_eq!(received.len(), 1, "{received:?}");
    let email = &received[0];
    let message_id = format!(
        "Message-ID: <{}@test-engine>",
        delivered["id"].as_str().unwrap()
    );
    for part in [
        "MAIL FROM:<tests@example.com>",
        "RCPT TO:<team@example.com>",
        "From: Tests <tests@example.com>",
        "To: team@example.com",
        "Subject: [acme/web] Muted: ",
        "Auto-Submitted: auto-generated",
        &message_id,
        "Reason: too slow",
        "Ends: 2026-11-26",
        &format!("{}/organizations/acme", server.base),
    ] {
        assert!(email.contains(part), "{part} in {email}");
    }
}

#[test]
fn a_rule_sends_an_e_mail_when_its_alarm_begins() {
    let receiver = MailReceiver::start([]);
    let (server, _time) = server(Some(receiver.url()));
    // It wants none of these events by itself: only the rule sends it one.
    let webhook = json!({"url": "mailto:team@example.com", "events": ["rule.brake"]});
    let webhook = server.post(WEBHOOKS, &webhook).json();
    let rule = server.post(
        &format!("{SUITE}/rules"),
        &json!({
            "name": "Write to the team",
            "monitor": {"type": "passed_on_retry"},
            "filters": [],
            "alarm_actions": [{"type": "notify", "webhook_id": webhook["id"]}],
        }),
    );
    assert_eq!(rule.status, 201, "{}", rule.text());
    let outcomes = ["failed", "passed"];
    let results = outcomes.map(|outcome| result("Körbe", "adds", "cart_spec.rb", 0.5, outcome));
    server.upload("b2", "main", &json!(results));
    let received = receiver.wait_for(1);
    assert_eq!(received.len(), 1, "{received:?}");
    for part in [
        "MAIL FROM:<tests@example.com>",
        "RCPT TO:<team@example.com>",
        "To: team@example.com",
        "Subject: [acme/web] Rule raised its alarm: ",
        "By: Write to the team",
        "Reason: the test failed and passed on the same commit",
        &format!("{}/organizations/acme", server.base),
    ] {
        assert!(received[0].contains(part), "{part} in {}", received[0]);
    }
    let id = webhook["id"].as_str().unwrap();
    let delivered = delivery(&server, id, 1, "delivered");
    assert_eq!(delivered["event"], "rule.alarm", "{delivered}");
}

#[test]
fn an_address_that_is_rejected_for_good_is_not_tried_again() {
    let receiver = MailReceiver::start(["550 5.1.1 no such mailbox"]);
    let (server, _time) = server(Some(receiver.url()));
    let created = server.post(WEBHOOKS, &json!({"url": "mailto:gone@example.com"}));
    let id = created.json()["id"].as_str().unwrap().to_owned();
    mute(&server);
    let dead = delivery(&server, &id, 1, "dead");
    let error = dead["last_error"].as_str().unwrap();
    assert!(error.contains("no such mailbox"), "{error}");
}

#[test]
fn e_mail_needs_a_mail_server_and_an_address() {
    let (server, _time) = server(None);
    let refused = server.post(WEBHOOKS, &json!({"url": "mailto:team@example.com"}));
    let message = refused.error(422);
    assert!(message.contains("--smtp-url"), "{message}");
    for (url, format) in [
        ("https://hooks.example.com/", "email"),
        ("mailto:team@example.com", "slack"),
    ] {
        let refused = server.post(WEBHOOKS, &json!({"url": url, "format": format}));
        let message = refused.error(422);
        assert!(
            message.contains("the format email is for mailto:"),
            "{message}"
        );
    }
    let created = server.post(WEBHOOKS, &json!({"url": "https://hooks.example.com/"}));
    let path = format!("{WEBHOOKS}/{}", created.json()["id"].as_str().unwrap());
    for change in [
        json!({"url": "mailto:team@example.com"}),
        json!({"format": "email"}),
    ] {
        let message = server.patch(&path, &change).error(422);
        assert!(
            message.contains("cannot change to or from e-mail"),
            "{message}"
        );
    }
}

#[test]
fn settings_of_the_mail_server_are_checked_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (
            vec!["--smtp-url", "smtps://me:hidden@mail.example"],
            "belong together",
        ),
        (
            vec![
                "--smtp-url",
                "mail.example:hidden",
                "--smtp-from",
                "a@b.example",
            ],
            "--smtp-url is not a URL",
        ),
        (
            vec![
                "--smtp-url",
                "smtps://mail.example",
                "--smtp-from",
                "nobody",
            ],
            "--smtp-from \"nobody\" is not an address",
        ),
    ] {
        let all = [&["serve", "--listen", "127.0.0.1:0"], &arguments[..]].concat();
        let message = failure(&run(directory.path(), &all));
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("hidden"), "{message}");
    }
}
