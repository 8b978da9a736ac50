//! Muting and skipping through the API and on the page: details, limits, ends and plans.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::Timestamp;

use super::TestServer;
use crate::forms::{cookie, form_token, get, post};
use crate::support::{Answer, SUITE, result};
use crate::waiting::until;

/// 2026-11-23T00:00:00Z, in milliseconds since 1970.
const NOW: i64 = 1_795_392_000_000;
const DAY: i64 = 86_400_000;

struct Scene {
    server: TestServer,
    time: Arc<AtomicI64>,
    id: String,
}

impl Scene {
    fn new() -> Self {
        let time = Arc::new(AtomicI64::new(NOW));
        let server = TestServer::with(|_config| {}, Clock::Fixed(Arc::clone(&time)));
        let results = json!([
            result("Cart", "adds", "spec/cart_spec.rb", 0.5, "passed"),
            result("Cart", "removes", "spec/cart_spec.rb", 0.5, "passed"),
        ]);
        server.upload("b1", "main", &results);
        let found = server.post(
            &format!("{SUITE}/tests/find"),
            &json!({"scope": "Cart", "name": "adds"}),
        );
        let id = found.ok()["id"].as_str().unwrap().to_owned();
        Self { server, time, id }
    }

    fn put(&self, action: &str, body: &Value) -> Answer {
        self.server
            .ask("PUT", &format!("{SUITE}/tests/{}/{action}", self.id))
            .bearer(&self.server.access)
            .json(body)
            .send()
    }

    fn plan(&self, identifier: &str, branch: &str, files_changed: Option<&str>) -> Value {
        let mut request = json!({
            "runner": "rspec", "identifier": identifier, "parallelism": 1, "branch": branch,
            "tests": {"examples": [
                {"path": "spec/cart_spec.rb[1:1]", "scope": "Cart", "name": "adds",
                 "identifier": "spec/cart_spec.rb[1:1]", "format": "example"},
                {"path": "spec/cart_spec.rb[1:2]", "scope": "Cart", "name": "removes",
                 "identifier": "spec/cart_spec.rb[1:2]", "format": "example"},
            ]},
        });
        if let Some(files) = files_changed {
            request["metadata"] = json!({"files_changed": files});
        }
        self.server
            .post(&format!("{SUITE}/test_plan"), &request)
            .ok()
    }

    fn actions(&self) -> Vec<String> {
        let path = format!(
            "/v2/analytics/organizations/acme/audit?subject={}&per_page=100",
            self.id
        );
        let listed = self.server.get(&path).ok();
        let actions = listed.as_array().unwrap().iter().rev();
        actions
            .map(|entry| entry["action"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What the background job does at this time.
    fn advance_to(&self, time: i64) {
        self.time.store(time, Ordering::SeqCst);
        self.server.with_store(async |store| {
            let now = Timestamp::from_millis(time);
            store.advance_quarantines(now, 100).await.unwrap();
        });
    }
}

/// The names of tests in a list of a plan.
fn names(list: &Value) -> Vec<&str> {
    let tests = list.as_array().into_iter().flatten();
    tests.map(|test| test["name"].as_str().unwrap()).collect()
}

#[test]
fn a_plain_request_is_never_refused_and_has_no_end() {
    let scene = Scene::new();
    for body in ["", "{}", "null", "state=muted"] {
        let muted = scene
            .server
            .ask("PUT", &format!("{SUITE}/tests/{}/mute", scene.id))
            .bearer(&scene.server.access)
            .body(body)
            .send()
            .ok();
        let quarantine = &muted["quarantine"];
        assert_eq!(quarantine["reason"], "by API");
        assert_eq!(quarantine["scope"], "everywhere");
        assert_eq!(quarantine["ends_at"], Value::Null);
        assert_eq!(quarantine["by"]["kind"], "token");
    }
    assert_eq!(scene.actions(), ["mute.created"]);
    let listed = scene.server.get(&format!("{SUITE}/tests/muted")).ok();
    assert_eq!(listed[0]["quarantine"]["reason"], "by API");
    let test = scene
        .server
        .get(&format!("{SUITE}/tests/{}", scene.id))
        .ok();
    assert_eq!(test["quarantine"]["reason"], "by API");
    let enabled = scene.put("enable", &json!({})).ok();
    assert_eq!(enabled.get("quarantine"), None);
}

#[test]
fn a_request_with_details_is_checked_and_ends() {
    let scene = Scene::new();
    let details = json!({
        "reason": "sandbox throttles", "owner": "payments", "ticket": "PAY-2210", "days": 21,
    });
    let muted = scene.put("mute", &details).ok();
    let quarantine = &muted["quarantine"];
    for (field, expected) in [
        ("reason", json!("sandbox throttles")),
        ("owner", json!("payments")),
        ("ticket", json!("PAY-2210")),
        ("scope", json!("not_touched")),
        ("since", json!("2026-11-23T00:00:00.000Z")),
        ("ends_at", json!("2026-12-14T00:00:00.000Z")),
        ("extensions", json!(0)),
    ] {
        assert_eq!(quarantine[field], expected, "{field}");
    }
    let extended = json!({"reason": "still", "ends_at": "2026-12-20T00:00:00Z"});
    let extended = scene.put("mute", &extended).ok();
    assert_eq!(extended["quarantine"]["extensions"], 1);

    for (body, problem) in [
        (json!({"days": 3}), "reason can't be blank"),
        (json!({"reason": "x", "days": 91}), "within 90 days"),
        (json!({"reason": "x", "days": 0}), "in the future"),
        (
            json!({"reason": "x", "scope": "nowhere"}),
            "scope must be one of",
        ),
        (json!({"reason": "x".repeat(1001)}), "reason is too long"),
    ] {
        let message = scene.put("mute", &body).error(422);
        assert!(message.contains(problem), "{message}");
    }
    let message = scene.put("mute", &json!({"reason": 7})).error(400);
    assert!(message.contains("at reason: "), "{message}");

    scene.advance_to(NOW + 27 * DAY);
    let listed = scene.server.get(&format!("{SUITE}/tests/muted")).ok();
    assert_eq!(listed, json!([]));
    assert_eq!(
        scene.actions(),
        ["mute.created", "mute.extended", "mute.expired"]
    );
}

#[test]
fn settings_of_the_suite_limit_and_default_the_end() {
    let scene = Scene::new();
    let suite = scene.server.get(SUITE).ok();
    let defaults = json!({"days": 14, "max_days": 90, "api_days": null});
    assert_eq!(suite["quarantine"], defaults);
    let settings = json!({"quarantine": {"days": 5, "max_days": 10, "api_days": 7}});
    let suite = scene.server.patch(SUITE, &settings).ok();
    assert_eq!(suite["quarantine"], settings["quarantine"]);
    let ends_at = |answer: Answer| answer.ok()["quarantine"]["ends_at"].clone();
    let plain = scene
        .server
        .put(&format!("{SUITE}/tests/{}/mute", scene.id));
    assert_eq!(ends_at(plain), "2026-11-30T00:00:00.000Z");
    let default = scene.put("mute", &json!({"reason": "x"}));
    assert_eq!(ends_at(default), "2026-11-28T00:00:00.000Z");
    scene
        .put("mute", &json!({"reason": "x", "days": 11}))
        .error(422);
    let bad = json!({"quarantine": {"days": 0}});
    scene.server.patch(SUITE, &bad).error(422);
}

#[test]
fn plans_respect_the_scope_of_a_mute() {
    let scene = Scene::new();
    let touching = Some("lib/cart.rb\nspec/cart_spec.rb");
    for (scope, branch, files, is_muted) in [
        ("everywhere", "topic", touching, true),
        ("default_branch", "refs/heads/main", touching, true),
        ("default_branch", "topic", None, false),
        ("not_touched", "main", touching, true),
        ("not_touched", "topic", touching, false),
        ("not_touched", "topic", Some("lib/cart.rb"), true),
        ("not_touched", "topic", None, true),
    ] {
        scene
            .put("mute", &json!({"reason": "x", "scope": scope}))
            .ok();
        let identifier = format!("{scope}/{branch}/{}", files.unwrap_or("?"));
        let plan = scene.plan(&identifier, branch, files);
        let expected: &[&str] = if is_muted { &["adds"] } else { &[] };
        assert_eq!(names(&plan["muted_tests"]), expected, "{identifier}");
    }
    // A retried job gets the current mutes, for the branch of its plan.
    scene
        .put("mute", &json!({"reason": "x", "scope": "default_branch"}))
        .ok();
    for (branch, expected) in [("main", &["adds"][..]), ("topic", &[])] {
        let identifier = format!("retry/{branch}");
        scene.put("enable", &json!({})).ok();
        scene.plan(&identifier, branch, None);
        scene
            .put("mute", &json!({"reason": "x", "scope": "default_branch"}))
            .ok();
        let path = format!("{SUITE}/test_plan?identifier={identifier}&job_retry_count=1");
        let plan = scene.server.get(&path).ok();
        assert_eq!(names(&plan["muted_tests"]), expected, "{branch}");
    }
}

#[test]
fn a_skipped_test_is_planned_where_the_skip_does_not_apply() {
    let scene = Scene::new();
    scene
        .put(
            "skip",
            &json!({"reason": "hangs", "scope": "default_branch"}),
        )
        .ok();
    for (branch, skipped, planned) in [
        ("main", &["adds"][..], &["removes"][..]),
        ("topic", &[], &["adds", "removes"]),
    ] {
        let plan = scene.plan(&format!("b/{branch}"), branch, None);
        assert_eq!(names(&plan["skipped_tests"]), skipped, "{branch}");
        assert_eq!(names(&plan["tasks"]["0"]["tests"]), planned, "{branch}");
    }
}

#[test]
fn the_page_takes_and_shows_the_details() {
    let scene = Scene::new();
    let server = &scene.server;
    let session = cookie(server, &server.access);
    let address = format!(
        "/organizations/acme/analytics/suites/web/tests/{}",
        scene.id
    );
    // Signs in each time: the clock passes the end of sessions.
    let page = || get(server, &address, &cookie(server, &server.access));
    let first = get(server, &address, &session);
    let text = first.text();
    let choice = r#"title="7 December 2026"><input type="radio" name="days" value="14" checked>"#;
    assert!(text.contains(choice), "{text}");
    let token = form_token(&first);
    let state = format!("{address}/state");
    let submit = |fields: &str| {
        post(
            server,
            &state,
            &session,
            &format!("form_token={token}&{fields}"),
        )
    };

    assert_eq!(submit("state=muted&reason=+&days=14").status, 422);
    assert_eq!(
        submit("state=muted&reason=x&days=date&until=soon").status,
        422
    );
    assert_eq!(submit("state=muted&reason=x&days=91").status, 422);
    let fields = "state=muted&reason=sandbox+%3Cthrottles%3E&owner=payments&days=date\
                  &until=2026-12-14&ticket=https%3A%2F%2Ftickets.example%2F7&scope=default_branch";
    let answer = submit(fields);
    assert_eq!(answer.status, 303, "{}", answer.text());
    let text = page().text();
    for part in [
        "“<bdi>sandbox &#60;throttles&#62;</bdi>”",
        "<dd><bdi>payments</bdi></dd>",
        "<a href=\"https://tickets.example/7\"",
        "14 December 2026</time></strong>, 21 days left",
        "<dd>main only</dd>",
        "by first admin token",
        "<strong>first admin token</strong> muted it until 14 December 2026",
        "Change the mute",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Who changes something else keeps the end.
    assert!(text.contains("value=\"2026-12-14T23:59:59.999Z\" checked>14 December 2026"));
    let kept = "state=muted&reason=still+throttled&days=2026-12-14T23%3A59%3A59.999Z";
    assert_eq!(submit(kept).status, 303);
    let text = page().text();
    assert!(
        text.contains("14 December 2026</time></strong>, 21 days left</dd>"),
        "{text}"
    );
    assert!(
        text.contains("changed the mute until 14 December 2026"),
        "{text}"
    );
    scene.advance_to(NOW + 17 * DAY);
    let text = page().text();
    assert!(text.contains("The mute ends on 14 December 2026"), "{text}");
    scene.advance_to(NOW + 23 * DAY);
    let text = page().text();
    assert!(
        text.contains("The mute ended: its failures fail the build again"),
        "{text}"
    );
    assert!(text.contains("Mute or skip…"), "{text}");
}

#[test]
fn the_background_job_ends_mutes() {
    let scene = Scene::new();
    scene.put("mute", &json!({"reason": "x", "days": 1})).ok();
    // Restarted on the same data, after the end: the job runs at the start.
    let mut server = scene.server;
    server.restart(Clock::fixed_at(Timestamp::from_millis(NOW + 2 * DAY)));
    until("the end of the mute", || {
        server.get(&format!("{SUITE}/tests/muted")).ok() == json!([])
    });
}
