//! Creating, changing and listing webhooks, by API and command line; their secrets stay secret.

use std::time::Duration;

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine::scopes::Scope;

use crate::cli::{failure, run, stdout};
use crate::receiver::Receiver;
use crate::several_servers::Servers;
use crate::support::{SUITE, TestServer, result};

const WEBHOOKS: &str = "/v2/analytics/organizations/acme/webhooks";

fn server() -> TestServer {
    let change = |config: &mut test_engine::config::Config| {
        config.webhooks.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()];
        config.webhooks.period = Duration::from_millis(30);
    };
    TestServer::with(change, Clock::System)
}

#[test]
fn a_webhook_is_created_changed_and_deleted() {
    let server = server();
    let body = json!({
        "url": "https://hooks.example.com/services/T0/B0/XYZ", "description": " the team ",
        "format": "slack", "events": ["mute.expired", "mute.expired"], "suite_slug": "web",
    });
    let created = server.post(WEBHOOKS, &body);
    assert_eq!(created.status, 201, "{}", created.text());
    let mut created = created.json();
    let secret = created["secret"].take();
    assert!(secret.as_str().unwrap().starts_with("teh_"));
    assert_eq!(created["address"], "https://hooks.example.com/…");
    assert_eq!(created["description"], "the team");
    assert_eq!(created["events"], json!(["mute.expired"]));
    assert_eq!(created["suite"], "web");
    created.as_object_mut().unwrap().remove("secret");
    assert_eq!(server.get(WEBHOOKS).ok(), json!([created]));
    assert_eq!(
        server.get(&format!("{WEBHOOKS}?suite_slug=web")).ok(),
        json!([created])
    );
    let path = format!("{WEBHOOKS}/{}", created["id"].as_str().unwrap());
    assert_eq!(server.get(&path).ok(), created);

    let changes = json!({"enabled": false, "events": [], "description": ""});
    let changed = server.patch(&path, &changes).ok();
    assert_eq!(changed["enabled"], false);
    assert_eq!(changed["events"], json!([]));
    assert_eq!(changed["description"], Value::Null);
    assert_eq!(changed["address"], created["address"]);
    assert_eq!(changed.get("secret"), None);
    let replaced = server.patch(&path, &json!({"new_secret": true})).ok();
    assert_ne!(replaced["secret"], secret);
    assert_eq!(replaced["address"], created["address"]);
    let message = server
        .patch(&path, &json!({"suite_slug": "web"}))
        .error(422);
    assert!(message.contains("suite_slug"), "{message}");

    assert_eq!(server.delete(&path).status, 204);
    server.get(&path).error(404);
    server.delete(&path).error(404);
    let audit = server.get("/v2/analytics/organizations/acme/audit").ok();
    assert_eq!(audit[0]["action"], "webhook.deleted");
    assert_eq!(audit[0]["subject"]["kind"], "webhook");
    let text = audit.to_string();
    assert!(
        !text.contains("XYZ") && !text.contains(secret.as_str().unwrap()),
        "{text}"
    );
}

#[test]
fn all_problems_are_reported_together() {
    let server = server();
    let body = json!({
        "url": "ftp://x", "description": "a\tb", "format": "xml", "events": ["nothing"],
    });
    let message = server.post(WEBHOOKS, &body).error(422);
    for part in [
        "url must be an http:// or https:// URL",
        "description has a control character",
        "format must be one of json, slack, email",
        "\"nothing\" is not an event; use mute.created,",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let message = server.post(WEBHOOKS, &json!({})).error(422);
    assert!(message.contains("url"), "{message}");
    let body = json!({"url": "https://a.example", "suite_slug": "none"});
    let message = server.post(WEBHOOKS, &body).error(404);
    assert!(message.contains("\"none\""), "{message}");
    server.post(WEBHOOKS, &json!({"url": 7})).error(400);
    assert_eq!(server.get(WEBHOOKS).ok(), json!([]));
}

#[test]
fn webhooks_belong_to_their_organization() {
    let server = server();
    let created = server.post(WEBHOOKS, &json!({"url": "https://a.example/"}));
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let theirs = server.token("other", &Scope::ALL);
    let other = "/v2/analytics/organizations/other/webhooks";
    for (method, path) in [
        ("GET", format!("{other}/{id}")),
        ("PATCH", format!("{other}/{id}")),
        ("DELETE", format!("{other}/{id}")),
        ("GET", format!("{other}/{id}/deliveries")),
        ("POST", format!("{other}/{id}/resend")),
        ("GET", WEBHOOKS.to_owned()),
    ] {
        let ask = server.ask(method, &path).bearer(&theirs);
        ask.json(&json!({})).send().error(404);
    }
    assert_eq!(
        server.ask("GET", other).bearer(&theirs).send().ok(),
        json!([])
    );
}

#[test]
fn urls_and_secrets_are_not_in_the_database() {
    let server = server();
    let receiver = Receiver::start([]);
    let created = server
        .post(WEBHOOKS, &json!({"url": receiver.url()}))
        .json();
    let secret = created["secret"].as_str().unwrap();
    let results = json!([result("Cart", "adds", "a_spec.rb", 0.5, "passed")]);
    server.upload("b1", "main", &results);
    let found = server.post(
        &format!("{SUITE}/tests/find"),
        &json!({"scope": "Cart", "name": "adds"}),
    );
    let id = found.ok()["id"].as_str().unwrap().to_owned();
    server.put(&format!("{SUITE}/tests/{id}/mute")).ok();
    assert!(receiver.wait_for(1)[0].is_signed_with(secret));
    let directory = server.directory();
    let key = fs_err::read_to_string(directory.join("secret.key")).unwrap();
    let mut searched = 0;
    for file in fs_err::read_dir(directory).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().to_string_lossy().into_owned();
        if !name.starts_with("test-engine.db") {
            continue;
        }
        let bytes = fs_err::read(file.path()).unwrap();
        searched += bytes.len();
        for text in [secret, "secret-path", key.trim()] {
            let is_in = bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes());
            assert!(!is_in, "{text} is in {name}");
        }
    }
    assert!(searched > 0);
}

#[test]
fn commands_create_list_and_delete_webhooks() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let init = run(data, &["init", "acme/web"]);
    assert!(
        init.status.success(),
        "{}",
        String::from_utf8_lossy(&init.stderr)
    );
    let url = data.join("url");
    fs_err::write(&url, "https://hooks.example.com/T0/XYZ\n").unwrap();
    let url = url.to_str().unwrap();
    let created = run(
        data,
        &[
            "webhook",
            "create",
            "acme",
            "--url-file",
            url,
            "--suite",
            "web",
            "--event",
            "mute.expired",
            "--event",
            "skip.due",
            "--json",
        ],
    );
    let created: Value = serde_json::from_str(&stdout(&created)).unwrap();
    assert!(created["secret"].as_str().unwrap().starts_with("teh_"));
    let id = created["id"].as_str().unwrap();
    let listed = stdout(&run(data, &["webhook", "list", "acme"]));
    for part in [
        id,
        "web",
        "https://hooks.example.com/…",
        "mute.expired,skip.due",
    ] {
        assert!(listed.contains(part), "{listed}");
    }
    assert!(!listed.contains("XYZ"));
    let none = stdout(&run(data, &["webhook", "deliveries", "acme", id, "--json"]));
    assert_eq!(none.trim(), "[]");
    let resent = stdout(&run(data, &["webhook", "resend", "acme", id]));
    assert_eq!(resent.trim(), "0 deliveries are due again");
    let deleted = stdout(&run(data, &["webhook", "delete", "acme", id]));
    assert!(deleted.contains(id), "{deleted}");
    let message = failure(&run(data, &["webhook", "delete", "acme", id]));
    assert!(message.contains("there is no webhook"), "{message}");
    fs_err::write(data.join("url"), "nonsense").unwrap();
    let message = failure(&run(
        data,
        &["webhook", "create", "acme", "--url-file", url],
    ));
    assert!(
        message.contains("url must be an http:// or https:// URL"),
        "{message}"
    );
    let refused = run(
        data,
        &["webhook", "deliveries", "acme", id, "--state", "lost"],
    );
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        message.contains("use pending, delivered or dead"),
        "{message}"
    );
}

#[test]
fn several_servers_deliver_each_event_once() {
    let servers = Servers::with_limit(0);
    let receiver = Receiver::start([]);
    let created = servers
        .ask(0, "POST", "/v2/analytics/organizations/default/webhooks")
        .json(&json!({"url": receiver.url()}))
        .send();
    assert_eq!(created.status, 201, "{}", created.text());
    let suite = crate::several_servers::SUITE;
    let results: Vec<Value> = (0..20)
        .map(|n| result("Cart", &format!("{n}"), "cart.py", 0.1, "passed"))
        .collect();
    let body = json!({"format": "json", "run_env": {"CI": "x", "key": "k"}, "data": results});
    servers.upload(0, &body);
    let tests = servers.ask(1, "GET", &format!("{suite}/tests?per_page=100"));
    let tests = tests.send().ok();
    let tests = tests.as_array().unwrap();
    assert_eq!(tests.len(), 20);
    for (server, test) in tests.iter().enumerate() {
        let id = test["id"].as_str().unwrap();
        let mute = servers.ask(server, "PUT", &format!("{suite}/tests/{id}/mute"));
        mute.send().ok();
    }
    receiver.wait_for(20);
    // Would be long enough for another server to look for what is due.
    std::thread::sleep(Duration::from_secs(6));
    let received = receiver.received();
    let ids: std::collections::BTreeSet<String> = received
        .iter()
        .map(|it| it.header("x-test-engine-delivery").to_owned())
        .collect();
    assert_eq!((received.len(), ids.len()), (20, 20));
}
