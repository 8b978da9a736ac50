//! Three real servers on one Postgres follow the same rules: each acts once for all.

use serde_json::{Value, json};
use test_engine::clock::Clock;

use crate::receiver::until;
use crate::several_servers::{SUITE, Servers, concurrently};
use crate::support::result;

const TESTS: usize = 12;

fn one(name: usize, seconds: f64, outcome: &str) -> Value {
    result("Cart", &format!("test {name}"), "cart.py", seconds, outcome)
}

fn upload(servers: &Servers, server: usize, key: &str, results: &[Value]) {
    let run_env = json!({"CI": "buildkite", "key": key, "branch": "main", "commit_sha": key});
    let body = json!({"format": "json", "run_env": run_env, "data": results});
    servers.upload(server, &body);
}

#[test]
fn several_servers_follow_a_rule_once() {
    let servers = Servers::with_limit(0);
    let rule = json!({
        "name": "Mute", "monitor": {"type": "passed_on_retry"},
        "alarm_actions": [
            {"type": "add_label", "label": "retried"}, {"type": "mute", "scope": "everywhere"},
        ],
    });
    let path = format!("{SUITE}/rules");
    let created = servers.ask(0, "POST", &path).json(&rule).send();
    assert_eq!(created.status, 201, "{}", created.text());
    let rule = format!("{path}/{}", created.json()["id"].as_str().unwrap());
    let passed: Vec<Value> = (0..TESTS).map(|test| one(test, 0.1, "passed")).collect();
    upload(&servers, 0, "first", &passed);
    // Each test fails and passes on three commits, which three servers receive.
    concurrently(3 * TESTS, |number| {
        let test = number % TESTS;
        let both = [one(test, 0.1, "failed"), one(test, 0.2, "passed")];
        upload(&servers, number, &format!("commit-{number}"), &both);
    });
    until("no server has anything left to do", || {
        servers.with_store(async |store| {
            let due = store.due_rules(Clock::System.now()).await.unwrap();
            due.is_empty()
        })
    });
    let events = servers.ask(1, "GET", &format!("{rule}/events?per_page=100"));
    let events = events.send().ok();
    let of_kind = |kind: &str| -> Vec<&Value> {
        let events = events.as_array().unwrap().iter();
        events.filter(|event| event["event"] == kind).collect()
    };
    let mut alarms: Vec<&str> = of_kind("rule.alarm")
        .iter()
        .map(|event| event["test"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(alarms.len(), TESTS, "{alarms:?}");
    alarms.sort_unstable();
    alarms.dedup();
    assert_eq!(alarms.len(), TESTS, "each test once");
    assert_eq!(of_kind("mute.created").len(), 1, "5% of 12 tests");
    assert_eq!(of_kind("rule.brake").len(), 1);
    let muted = servers.ask(2, "GET", &format!("{SUITE}/tests/muted"));
    assert_eq!(muted.send().ok().as_array().unwrap().len(), 1);
}
