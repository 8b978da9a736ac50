//! The life of a flaky test, through the API, with a clock of the test: found, muted, expired,
//! found again, clean, and released. Then what failures depend on, and outages that are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::Timestamp;

use super::TestServer;
use crate::support::{Answer, SUITE, result};
use crate::waiting::wait_for;

/// 2026-11-23T00:00:00Z, a Monday, in milliseconds since 1970.
const NOW: i64 = 1_795_392_000_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

struct Scene {
    server: TestServer,
    time: Arc<AtomicI64>,
    runs: std::cell::Cell<u32>,
}

impl Scene {
    fn new() -> Self {
        let time = Arc::new(AtomicI64::new(NOW));
        let clock = Clock::Fixed(Arc::clone(&time));
        let server = TestServer::with(|config| config.limits.rest_requests_per_minute = 0, clock);
        Self {
            server,
            time,
            runs: std::cell::Cell::new(0),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.time.load(Ordering::SeqCst))
    }

    /// Lets time pass, and does what the jobs do then.
    fn wait(&self, millis: i64) {
        self.time.fetch_add(millis, Ordering::SeqCst);
        let now = self.now();
        self.server.with_store(async |store| {
            while store.judge_some(now, 100).await.unwrap().tests > 0 {}
            store.advance_quarantines(now, 100).await.unwrap();
            store.propose_releases(now, 100).await.unwrap();
        });
    }

    /// Uploads a run of a new commit of the default branch; returns its id.
    fn run(&self, results: &[Value]) -> String {
        let number = self.runs.get() + 1;
        self.runs.set(number);
        let receipt = self
            .server
            .upload(&format!("run-{number}"), "main", &json!(results));
        receipt.json()["run_id"].as_str().unwrap().to_owned()
    }

    fn id(&self, name: &str) -> String {
        let sought = json!({"scope": "Cart", "name": name});
        let found = self.server.post(&format!("{SUITE}/tests/find"), &sought);
        found.ok()["id"].as_str().unwrap().to_owned()
    }

    /// After the job has judged the test.
    fn health(&self, name: &str, query: &str) -> Value {
        let path = format!("{SUITE}/tests/{}/health{query}", self.id(name));
        wait_for("the judgement", || {
            let health = self.server.get(&path).ok();
            let is_current = health["is_current"] == true;
            if is_current { Ok(health) } else { Err(health) }
        })
    }

    fn put(&self, name: &str, action: &str, body: &Value) -> Answer {
        let path = format!("{SUITE}/tests/{}/{action}", self.id(name));
        let ask = self.server.ask("PUT", &path).bearer(&self.server.access);
        ask.json(body).send()
    }

    fn muted(&self) -> Value {
        self.server.get(&format!("{SUITE}/tests/muted")).ok()
    }

    /// Oldest first, those of quarantines only.
    fn events(&self) -> Vec<String> {
        let listed = self.server.get(&format!("{SUITE}/events?per_page=100"));
        let listed = listed.ok();
        let kinds = listed.as_array().unwrap().iter().rev();
        let kinds = kinds.map(|event| event["event"].as_str().unwrap().to_owned());
        kinds.filter(|kind| kind.starts_with("mute.")).collect()
    }

    /// Of a run.
    fn count_outage(&self, run: &str, body: &Value) -> Answer {
        let path = format!("{SUITE}/runs/{run}/outage");
        let ask = self.server.ask("PUT", &path).bearer(&self.server.access);
        ask.json(body).send()
    }
}

fn passed(name: &str) -> Value {
    result("Cart", name, "spec/cart_spec.rb", 0.25, "passed")
}

fn failed(name: &str) -> Value {
    let mut failed = result("Cart", name, "spec/cart_spec.rb", 0.5, "failed");
    failed["failure_reason"] = json!("expected 1, got 2");
    failed
}

fn times(count: u64, one: &Value) -> Vec<Value> {
    (0..count).map(|_| one.clone()).collect()
}

#[test]
fn a_flaky_test_is_muted_until_it_has_proven_to_be_fixed() {
    let scene = Scene::new();
    let flaky = [failed("adds"), passed("adds")];
    for number in 0..12 {
        scene.wait(HOUR);
        scene.run(if number % 4 == 3 { &flaky } else { &flaky[1..] });
    }
    scene.wait(HOUR);
    let health = scene.health("adds", "");
    assert_eq!(health["level"], "flaky", "{health}");
    let first_alarm = health["flaky_since"].clone();

    // Muted: the failure does not fail the run.
    let details = json!({"reason": "waits for the clock", "owner": "cart", "days": 14});
    let muted = scene.put("adds", "mute", &details).ok();
    let needed = muted["quarantine"]["passes_needed"].as_u64().unwrap();
    assert!((29..299).contains(&needed), "{muted}");
    let run = scene.run(&[failed("adds")]);
    let run = scene.server.get(&format!("{SUITE}/runs/{run}")).ok();
    assert_eq!(
        (&run["result"], &run["failed_tests"]["muted_failed"]),
        (&json!("passed"), &json!(1))
    );

    // The mute expires, so its next failure fails the run again.
    scene.wait(7 * DAY);
    scene.wait(6 * DAY + HOUR);
    scene.wait(DAY);
    assert_eq!(scene.muted(), json!([]));
    let expected = ["mute.created", "mute.ending", "mute.ending", "mute.expired"];
    assert_eq!(scene.events(), expected);
    let run = scene.run(&[failed("adds")]);
    let run = scene.server.get(&format!("{SUITE}/runs/{run}")).ok();
    assert_eq!(run["result"], "failed");

    // It is quiet for long enough that the alarm ends, and then it is not.
    for _ in 0..25 {
        scene.wait(DAY);
        scene.run(&times(5, &passed("adds")));
    }
    scene.wait(DAY);
    let health = scene.health("adds", "");
    assert_eq!(health["flaky_since"], Value::Null, "{health}");
    for _ in 0..6 {
        scene.wait(HOUR);
        scene.run(&flaky);
    }
    scene.wait(HOUR);
    let health = scene.health("adds", "");
    assert_eq!(health["level"], "flaky", "{health}");
    assert_ne!(health["flaky_since"], first_alarm);

    // Muted again. Passes count until it fails, and then from the start.
    let muted = scene.put("adds", "mute", &json!({"reason": "again", "days": 60}));
    assert_eq!(muted.ok()["quarantine"]["clean_passes"], 0);
    scene.run(&times(20, &passed("adds")));
    let known = &scene.muted()[0]["quarantine"];
    assert_eq!(known["clean_passes"], 20);
    scene.run(&[failed("adds")]);
    let known = &scene.muted()[0]["quarantine"];
    assert_eq!(known["clean_passes"], 0);
    let needed = known["passes_needed"].as_u64().unwrap();
    scene.run(&times(needed - 1, &passed("adds")));
    scene.wait(DAY);
    let known = &scene.muted()[0]["quarantine"];
    assert_eq!(
        (&known["clean_passes"], &known["release_proposed_at"]),
        (&json!(needed - 1), &Value::Null)
    );
    scene.run(&[passed("adds")]);
    scene.wait(DAY);
    let known = &scene.muted()[0]["quarantine"];
    assert_eq!(known["clean_passes"], needed);
    assert_ne!(known["release_proposed_at"], Value::Null, "{known}");
    let proposed = format!("{SUITE}/events?event=mute.release_proposed");
    let event = &scene.server.get(&proposed).ok()[0];
    assert_eq!(event["actor"]["kind"], "time");
    let figures = json!({"clean_passes": needed, "passes_needed": needed});
    assert_eq!(event["after"], figures);

    // Released, as any other test is enabled.
    let released = scene.put("adds", "enable", &json!({"reason": "it is fixed"}));
    assert_eq!(released.ok().get("quarantine"), None);
    assert_eq!(scene.muted(), json!([]));
    let expected = ["mute.created", "mute.release_proposed", "mute.removed"];
    assert_eq!(scene.events()[4..], expected);
    scene.run(&times(100, &passed("adds")));
    scene.wait(29 * DAY);
    let health = scene.health("adds", "");
    assert_eq!(health["flaky_since"], Value::Null, "{health}");
}

#[test]
fn health_says_what_the_failures_of_a_test_depend_on() {
    let scene = Scene::new();
    // Every three hours for nine days. Fails between 3 and 6 at night, and then passes.
    let mut failures = 0;
    for number in 0..72 {
        scene.time.store(NOW + number * 3 * HOUR, Ordering::SeqCst);
        let mut results = vec![passed("ships"), passed("pays")];
        if number % 8 == 1 {
            results.push(failed("adds"));
            failures += 1;
        }
        results.push(passed("adds"));
        scene.run(&results);
        if failures == 7 {
            assert_eq!(scene.health("adds", "")["causes"], Value::Null);
            failures += 1;
        }
    }
    let causes = &scene.health("adds", "")["causes"];
    assert_eq!(
        (&causes["executions"], &causes["failed"]),
        (&json!(72), &json!(9)),
        "{causes}"
    );
    assert_eq!(causes["since"], "2026-11-23T00:00:00.000Z");
    assert_eq!(causes["utc_offset"], "+00:00");
    assert_eq!(
        (&causes["is_complete"], &causes["passes_on_retry"]),
        (&json!(true), &json!(true))
    );
    let strongest = &causes["conditions"][0];
    assert_eq!(strongest["kind"], "hours", "{causes}");
    assert_eq!(strongest["inside"], json!({"passed": 0, "failed": 9}));
    assert_eq!(strongest["outside"], json!({"passed": 63, "failed": 0}));
    assert!(strongest["p_value"].as_f64().unwrap() < 0.001);
    let texts = |causes: &Value| -> Vec<String> {
        let conditions = causes["conditions"].as_array().unwrap().iter();
        let texts = conditions.map(|one| one["text"].as_str().unwrap().to_owned());
        texts.collect()
    };
    assert!(texts(causes).contains(&"between 03:00 and 04:00".to_owned()));
    // The failures have another time in Tokyo.
    let causes = &scene.health("adds", "?utc_offset=%2B09:00")["causes"];
    assert!(texts(causes).contains(&"between 12:00 and 13:00".to_owned()));
    assert!(!texts(causes).contains(&"between 03:00 and 04:00".to_owned()));
    assert_eq!(scene.health("ships", "")["causes"], Value::Null);
    let path = format!("{SUITE}/tests/{}/health?utc_offset=Tokyo", scene.id("adds"));
    let error = scene.server.get(&path).error(400);
    assert!(error.contains("+02:00"), "{error}");
}

#[test]
fn an_outage_can_be_counted_and_no_longer() {
    let scene = Scene::new();
    let names = ["adds", "pays", "ships", "sails", "stows", "sinks"];
    let all: Vec<Value> = names.map(passed).into();
    for _ in 0..10 {
        scene.run(&all);
    }
    let mut outage: Vec<Value> = names.map(failed).into();
    outage.extend(all);
    let runs = [scene.run(&outage), scene.run(&outage), scene.run(&outage)];
    let judged = scene.health("adds", "");
    assert_eq!(
        (&judged["level"], &judged["mixed_commits"]),
        (&json!("sound"), &json!(0))
    );
    let body = json!({"counted": true, "reason": "the cart was the cause"});
    for run in &runs {
        let counted = scene.count_outage(run, &body).ok();
        assert_eq!(
            (&counted["outage"], &counted["outage_counted"]),
            (&json!(true), &json!(true))
        );
    }
    let counted = scene.health("adds", "");
    assert_eq!(
        (&counted["level"], &counted["mixed_commits"]),
        (&json!("flaky"), &json!(3)),
        "{counted}"
    );
    let path = format!("/v2/analytics/organizations/acme/audit?subject={}", runs[0]);
    let entry = &scene.server.get(&path).ok()[0];
    assert_eq!(
        (&entry["action"], &entry["reason"]),
        (&json!("run.outage_changed"), &body["reason"])
    );
    for run in &runs {
        let body = json!({"counted": false});
        assert_eq!(scene.count_outage(run, &body).ok()["outage_counted"], false);
    }
    let again = scene.health("adds", "");
    for figure in ["score", "failure_rate", "mixed_commits", "short_breaks"] {
        assert_eq!(again[figure], judged[figure], "{figure}");
    }
    let nobody = "00000000-0000-0000-0000-000000000000";
    scene.count_outage(nobody, &body).error(404);
    let long = json!({"counted": true, "reason": "x".repeat(1001)});
    scene.count_outage(&runs[0], &long).error(422);
    scene
        .count_outage(&runs[0], &json!({"counted": 7}))
        .error(400);
}
