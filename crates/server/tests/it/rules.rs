//! Rules through the API: what people ask for, and what the server does with the next results.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use test_engine::clock::Clock;

use super::TestServer;
use crate::receiver::{Receiver, until};
use crate::support::{SUITE, result};

/// 2026-11-23T00:00:00Z, in milliseconds since 1970.
const NOW: i64 = 1_795_392_000_000;
const DAY: i64 = 86_400_000;
const WEBHOOKS: &str = "/v2/analytics/organizations/acme/webhooks";

struct Scene {
    server: TestServer,
    time: Arc<AtomicI64>,
}

impl Scene {
    fn new() -> Self {
        let time = Arc::new(AtomicI64::new(NOW));
        let server = TestServer::with(
            |config| {
                config.limits.rest_requests_per_minute = 0;
                config.webhooks.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()];
                config.webhooks.period = Duration::from_millis(30);
            },
            Clock::Fixed(Arc::clone(&time)),
        );
        Self { server, time }
    }

    fn rules(&self) -> Vec<Value> {
        let listed = self.server.get(&format!("{SUITE}/rules")).ok();
        listed.as_array().unwrap().clone()
    }

    /// The address of a new rule.
    fn create(&self, body: &Value) -> String {
        let created = self.server.post(&format!("{SUITE}/rules"), body);
        assert_eq!(created.status, 201, "{}", created.text());
        format!("{SUITE}/rules/{}", created.json()["id"].as_str().unwrap())
    }

    fn rejected(&self, body: &Value) -> String {
        self.server.post(&format!("{SUITE}/rules"), body).error(422)
    }

    /// Uploads one commit: each test passes after the results of the others.
    fn upload(&self, key: &str, results: &[(&str, &str)]) {
        let results: Vec<Value> = results
            .iter()
            .map(|(name, outcome)| result("Cart", name, "spec/cart_spec.rb", 0.5, outcome))
            .collect();
        self.server.upload(key, "main", &json!(results));
    }

    fn flake(&self, key: &str, name: &str) {
        self.upload(key, &[(name, "failed"), (name, "passed")]);
    }

    fn test(&self, name: &str) -> Value {
        let sought = json!({"scope": "Cart", "name": name});
        let found = self
            .server
            .post(&format!("{SUITE}/tests/find"), &sought)
            .ok();
        let id = found["id"].as_str().unwrap();
        self.server.get(&format!("{SUITE}/tests/{id}")).ok()
    }

    /// Waits until a rule has as many events of a kind, and returns them, newest first.
    fn wait_for(&self, rule: &str, kind: &str, count: usize) -> Vec<Value> {
        let events = || {
            let listed = self.server.get(&format!("{rule}/events?per_page=100")).ok();
            let events = listed.as_array().unwrap().clone().into_iter();
            events.filter(|event| event["event"] == kind).collect()
        };
        until(&format!("{count} × {kind}"), || {
            let found: Vec<Value> = events();
            assert!(found.len() <= count, "{found:?}");
            found.len() == count
        });
        events()
    }
}

#[test]
fn a_new_suite_has_one_rule_and_it_changes_no_state() {
    let scene = Scene::new();
    let rules = scene.rules();
    assert_eq!(rules.len(), 1);
    let rule = &rules[0];
    assert_eq!(rule["name"], "Label flaky tests");
    assert_eq!(rule["enabled"], true);
    assert_eq!(rule["monitor"], json!({"type": "flaky"}));
    let label = json!([{"type": "add_label", "label": "flaky"}]);
    assert_eq!(rule["alarm_actions"], label);
    let label = json!([{"type": "remove_label", "label": "flaky"}]);
    assert_eq!(rule["recover_actions"], label);
}

#[test]
fn a_rule_is_created_changed_read_and_deleted() {
    let scene = Scene::new();
    let rule = scene.create(&json!({
        "name": " Watch slow tests ",
        "monitor": {"type": "duration_p50", "high": 2},
        "alarm_actions": [{"type": "add_label", "label": "slow"}],
    }));
    let read = scene.server.get(&rule).ok();
    assert_eq!(read["name"], "Watch slow tests");
    assert_eq!(
        read["monitor"],
        json!({"type": "duration_p50", "window": 5, "high": 2.0, "low": 1.6})
    );
    let on_main = json!([{"tag": "scm.branch", "operator": "is", "value": "main"}]);
    assert_eq!(read["filters"], on_main, "by default");
    assert_eq!(read["recover_actions"], json!([]));
    assert_eq!(read["flagged_tests"], 0);
    assert_eq!(read["created_at"], "2026-11-23T00:00:00.000Z");
    let changed = scene
        .server
        .patch(&rule, &json!({"enabled": false, "filters": []}))
        .ok();
    assert_eq!(changed["enabled"], false);
    assert_eq!(changed["filters"], json!([]));
    assert_eq!(changed["monitor"], read["monitor"]);
    assert_eq!(scene.rules().len(), 2);
    assert_eq!(scene.server.delete(&rule).status, 204);
    assert_eq!(scene.server.delete(&rule).status, 404);
    let error = scene.server.get(&format!("{rule}/events")).error(404);
    assert!(error.contains("There is no rule"), "{error}");

    let audit = "/v2/analytics/organizations/acme/audit?suite_slug=web&per_page=100";
    let log = scene.server.get(audit).ok();
    let of_rule = |entry: &&Value| entry["subject"]["name"] == "Watch slow tests";
    let actions: Vec<&Value> = log
        .as_array()
        .unwrap()
        .iter()
        .filter(of_rule)
        .map(|entry| &entry["action"])
        .collect();
    assert_eq!(actions, ["rule.deleted", "rule.updated", "rule.created"]);
}

#[test]
fn all_problems_of_a_rule_are_reported_together() {
    let scene = Scene::new();
    let error = scene.rejected(&json!({
        "name": " ",
        "monitor": {"type": "transition_count", "window": 1},
        "filters": [
            {"tag": "mut.team", "operator": "is", "value": "x"},
            {"tag": "team", "operator": "like", "value": "x"},
            {"tag": "team", "operator": "is", "value": ""},
        ],
        "alarm_actions": [{"type": "explode"}, {"type": "mute", "days": 91}],
        "recover_actions": [{"type": "enable"}],
    }));
    for expected in [
        "name can't be blank",
        "window must be from 2 to 100",
        "filters[0] tag starts with mut.",
        "filters[1] operator must be one of is, is_not, starts_with",
        "filters[2] value",
        "alarm_actions[0] has the type \"explode\"",
        "alarm_actions[1] days must be from 1 to 90",
        "recover_actions can enable only if",
    ] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let error = scene.rejected(&json!({"name": "x"}));
    assert!(error.contains("monitor is required"), "{error}");
    // It would mute everything.
    let error = scene.rejected(&json!({
        "name": "x", "monitor": {"type": "duration_p50", "high": 0},
        "alarm_actions": [{"type": "mute"}],
    }));
    assert!(error.contains("high must be from 0.001"), "{error}");
    let error = scene.rejected(&json!({
        "name": "x", "monitor": {"type": "broken"}, "alarm_actions": [{"type": "mute"}],
    }));
    assert!(
        error.contains("cannot mute or skip broken tests"),
        "{error}"
    );
    let error = scene.rejected(&json!({
        "name": "x", "monitor": {"type": "transition_count"}, "filters": [],
    }));
    assert!(error.contains("needs a filter on scm.branch"), "{error}");
    let error = scene.rejected(&json!({
        "name": "x", "monitor": {"type": "flaky"},
        "filters": vec![json!({"tag": "a", "operator": "is", "value": "b"}); 5],
    }));
    assert!(error.contains("more than 4 filters"), "{error}");
    let nobody = "018f2f6e-0000-8000-8000-000000000000";
    let error = scene.rejected(&json!({
        "name": "x", "monitor": {"type": "flaky"},
        "alarm_actions": [{"type": "notify", "webhook_id": nobody}],
    }));
    assert!(error.contains("is no webhook of this suite"), "{error}");
    let wrong = json!({"name": "x", "monitor": {"type": "flaky"}, "filters": {"tag": "a"}});
    scene
        .server
        .post(&format!("{SUITE}/rules"), &wrong)
        .error(400);
    assert_eq!(scene.rules().len(), 1);
    for number in 1..20 {
        scene.create(&json!({"name": format!("r{number}"), "monitor": {"type": "flaky"}}));
    }
    let one_more = json!({"name": "x", "monitor": {"type": "flaky"}});
    let answer = scene.server.post(&format!("{SUITE}/rules"), &one_more);
    assert_eq!(answer.status, 422, "{}", answer.text());
    let limits = scene.server.get(&format!("{SUITE}/rules/limits")).ok();
    assert_eq!(
        (&limits["rules"], &limits["max_rules"]),
        (&json!(20), &json!(20))
    );
}

#[test]
fn a_test_that_passes_on_retry_is_muted_labelled_and_announced_until_it_is_quiet() {
    let scene = Scene::new();
    let receiver = Receiver::start([]);
    let hook = json!({"url": receiver.url(), "format": "slack", "events": ["rule.brake"]});
    let hook = scene.server.post(WEBHOOKS, &hook).json();
    let rule = scene.create(&json!({
        "name": "Mute what passes on retry",
        "monitor": {"type": "passed_on_retry"},
        "alarm_actions": [
            {"type": "mute", "scope": "everywhere"},
            {"type": "add_label", "label": "retried"},
            {"type": "notify", "webhook_id": hook["id"]},
        ],
        "recover_actions": [{"type": "enable"}, {"type": "remove_label", "label": "retried"}],
    }));
    scene.upload("b1", &[("adds", "passed"), ("pays", "passed")]);
    scene.flake("b2", "adds");
    let alarm = scene.wait_for(&rule, "rule.alarm", 1).remove(0);
    assert_eq!(alarm["test"]["name"], "Cart adds");
    assert_eq!(alarm["actor"]["kind"], "rule");
    assert_eq!(alarm["actor"]["name"], "Mute what passes on retry");
    assert_eq!(
        alarm["reason"],
        "the test failed and passed on the same commit"
    );
    let actions = alarm["after"]["actions"].as_array().unwrap();
    assert!(actions.iter().all(|it| it["outcome"] == "done"), "{alarm}");
    let test = scene.test("adds");
    assert_eq!(test["quarantine"]["by"]["kind"], "rule");
    assert_eq!(test["quarantine"]["ends_at"], "2026-12-07T00:00:00.000Z");
    let muted = scene.server.get(&format!("{SUITE}/tests/muted")).ok();
    assert_eq!(muted.as_array().unwrap().len(), 1);
    let text = receiver.wait_for(1).remove(0).json()["text"].clone();
    let text = text.as_str().unwrap();
    assert!(text.starts_with("*Rule raised its alarm:* <"), "{text}");
    assert!(text.contains("by Mute what passes on retry"), "{text}");
    assert_eq!(scene.server.get(&rule).ok()["flagged_tests"], 1);
    let limits = scene.server.get(&format!("{SUITE}/rules/limits")).ok();
    assert_eq!(
        (&limits["quarantined"], &limits["remaining_today"]),
        (&json!(1), &json!(0))
    );

    // The deleted webhook is in the event, and the alarm is raised all the same.
    let hook = format!("{WEBHOOKS}/{}", hook["id"].as_str().unwrap());
    assert_eq!(scene.server.delete(&hook).status, 204);
    scene.flake("b3", "pays");
    let alarm = scene.wait_for(&rule, "rule.alarm", 2).remove(0);
    let outcomes: Vec<&Value> = alarm["after"]["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| &action["outcome"])
        .collect();
    assert_eq!(
        outcomes,
        ["held", "done", "failed"],
        "one of two tests is 5%"
    );
    let brake = scene.wait_for(&rule, "rule.brake", 1).remove(0);
    assert_eq!(brake["test"], Value::Null);
    assert_eq!(brake["after"]["max_tests"], 1);

    scene.time.store(NOW + 9 * DAY, Ordering::SeqCst);
    scene.upload("b4", &[("adds", "passed"), ("pays", "passed")]);
    scene.wait_for(&rule, "rule.recover", 2);
    let muted = scene.server.get(&format!("{SUITE}/tests/muted")).ok();
    assert_eq!(muted, json!([]));
    assert_eq!(scene.test("adds")["labels"], json!([]));
}

#[test]
fn a_rule_mutes_no_test_that_is_broken() {
    let scene = Scene::new();
    let rule = scene.create(&json!({
        "name": "Mute",
        "monitor": {"type": "passed_on_retry"},
        "alarm_actions": [{"type": "mute"}],
    }));
    scene.upload("b1", &[("adds", "passed")]);
    scene.upload("b2", &[("adds", "failed")]);
    // Two commits fail before a branch sees both results.
    scene.upload("b3", &[("adds", "failed")]);
    let both = [
        result("Cart", "adds", "spec/cart_spec.rb", 0.5, "failed"),
        result("Cart", "adds", "spec/cart_spec.rb", 0.6, "passed"),
    ];
    scene.server.upload("b4", "topic", &json!(both));
    let alarm = scene.wait_for(&rule, "rule.alarm", 1).remove(0);
    let action = &alarm["after"]["actions"][0];
    assert_eq!(action["outcome"], "refused", "{alarm}");
    let detail = action["detail"].as_str().unwrap();
    assert!(detail.contains("broken on the default branch"), "{detail}");
    let muted = scene.server.get(&format!("{SUITE}/tests/muted")).ok();
    assert_eq!(muted, json!([]));
    let events = format!("{SUITE}/events?event=test.alarm");
    let events = scene.server.get(&events).ok();
    assert_eq!(events[0]["after"], json!({"level": "broken"}));
}

#[test]
fn a_preview_shows_what_a_rule_would_have_done() {
    let scene = Scene::new();
    for (day, seconds, outcome) in [
        (0, 1.0, "passed"),
        (1, 9.0, "passed"),
        (2, 9.0, "failed"),
        (3, 9.0, "passed"),
        (4, 1.0, "passed"),
        (5, 1.0, "passed"),
    ] {
        scene.time.store(NOW + day * DAY, Ordering::SeqCst);
        let results = json!([result("Cart", "adds", "cart_spec.rb", seconds, outcome)]);
        scene.server.upload(&format!("b{day}"), "main", &results);
    }
    let preview = |body: &Value| {
        let path = format!("{SUITE}/rules/preview");
        scene.server.post(&path, body).ok()
    };
    let slow = json!({"rule": "duration_p50", "high": 5, "window": 3});
    let found = preview(&slow);
    assert_eq!(
        (&found["tests_count"], &found["flagged_tests"]),
        (&json!(1), &json!(0))
    );
    let alarm = &found["tests"][0]["alarms"][0];
    assert_eq!(alarm["began_at"], "2026-11-25T23:59:59.999Z");
    assert_eq!(alarm["ended_at"], "2026-11-28T23:59:59.999Z");
    assert_eq!(found["since"], Value::Null);
    let changes = json!({"rule": "transition_count", "window": 4, "high": 0.5});
    assert_eq!(preview(&changes)["tests_count"], 1);
    let elsewhere = json!([{"tag": "scm.branch", "operator": "is_not", "value": "main"}]);
    let mut of_branches = slow.clone();
    of_branches["filters"] = elsewhere;
    assert_eq!(preview(&of_branches)["tests_count"], 0);
    let new = preview(&json!({"rule": "new_test"}));
    assert_eq!(
        (&new["tests_count"], &new["flagged_tests"]),
        (&json!(1), &json!(1))
    );
    let path = format!("{SUITE}/rules/preview");
    let error = scene.server.post(&path, &json!({"rule": "duration_p50"}));
    assert!(error.error(422).contains("high is required"));
    let error = scene
        .server
        .post(&path, &json!({"rule": "flaky", "days": 89}));
    assert!(error.error(422).contains("days must be from 1 to 88"));
}
