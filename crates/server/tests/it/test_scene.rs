//! A suite with a month of history: a flaky, a broken, a muted and a sound test, and one with a
//! strange name.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use test_engine::clock::Clock;

use crate::support::{SUITE, TestServer, form, result};
use crate::waiting::wait_for;

pub(crate) const PAGES: &str = "/organizations/acme/analytics/suites/web";
/// 1 November 2026, noon in UTC.
const START: i64 = 1_793_534_400_000;
const HALF_A_DAY: i64 = 12 * 60 * 60 * 1_000;
const COMMITS: i64 = 56;

pub(crate) struct History {
    pub(crate) server: TestServer,
    pub(crate) time: Arc<AtomicI64>,
}

impl History {
    /// After 28 days, judged.
    pub(crate) fn new() -> Self {
        let time = Arc::new(AtomicI64::new(START));
        let clock = Clock::Fixed(Arc::clone(&time));
        let server = TestServer::with(|config| config.web.open = true, clock);
        for commit in 0..COMMITS {
            time.store(START + commit * HALF_A_DAY, Ordering::SeqCst);
            upload(&server, commit);
            if commit == 30 {
                let waits = id(&server, "waits");
                let reason = json!({
                    "reason": "the sandbox throttles us", "days": 30,
                    "ticket": "https://tracker.example/PAY-2210", "owner": "payments-team",
                });
                let address = format!("{SUITE}/tests/{waits}/mute");
                let muted = server.ask("PUT", &address).bearer(&server.access);
                muted.json(&reason).send().ok();
            }
        }
        time.store(START + COMMITS * HALF_A_DAY, Ordering::SeqCst);
        give_owners(&server);
        let history = Self { server, time };
        history.wait_for("polls", "flaky");
        history.wait_for("ships", "broken");
        history
    }

    /// Waits until the server has judged the test.
    fn wait_for(&self, name: &str, level: &str) {
        let address = format!("{SUITE}/tests/{}/health", id(&self.server, name));
        wait_for(name, || {
            let health = self.server.get(&address).ok();
            let is_judged = health["level"] == level && health["is_current"] == true;
            is_judged.then_some(()).ok_or(health)
        });
    }

    pub(crate) fn id(&self, name: &str) -> String {
        id(&self.server, name)
    }

    /// The path of the page of a test.
    pub(crate) fn page(&self, name: &str) -> String {
        format!("{PAGES}/tests/{}", self.id(name))
    }

    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.server.base)
    }
}

/// Longer than any window, from right to left, and with markup.
pub(crate) fn strange() -> String {
    format!("<b onmouseover=alert(1)>שלום</b> {}", "x".repeat(9_900))
}

fn id(server: &TestServer, name: &str) -> String {
    let wanted = json!({"scope": "Cart", "name": name});
    let test = server.post(&format!("{SUITE}/tests/find"), &wanted).ok();
    test["id"].as_str().unwrap().to_owned()
}

/// The tests of the scene belong to a team.
fn give_owners(server: &TestServer) {
    let (kind, body) = form(&[("file", "spec/cart_spec.rb payments-team checkout")]);
    let token = format!("Token token=\"{}\"", server.suite_token);
    let ask = server.ask("POST", "/v1/test-ownerships");
    let ask = ask.header("authorization", &token);
    let sent = ask.header("content-type", &kind).body(body).send();
    assert_eq!(sent.status, 200, "{}", sent.text());
}

fn test(name: &str, seconds: f64, outcome: &str) -> Value {
    result("Cart", name, "spec/cart_spec.rb", seconds, outcome)
}

fn failed(name: &str, reason: &str, seconds: f64) -> Value {
    let mut failed = test(name, seconds, "failed");
    failed["failure_reason"] = json!(reason);
    failed["failure_expanded"] = json!([{
        "expanded": [reason], "backtrace": ["app/cart.rb:38:in `total'"],
    }]);
    failed["history"]["children"] = json!([
        {"section": "sql", "start_at": 1.0, "end_at": 1.2, "duration": 0.2,
         "detail": {"query": "SELECT * FROM orders"}},
        {"section": "http", "start_at": 1.3, "end_at": 5.8, "duration": 4.5,
         "detail": {"method": "POST", "url": "https://api.shop.test/v1/charges"}},
    ]);
    failed
}

fn upload(server: &TestServer, commit: i64) {
    #[expect(clippy::cast_precision_loss, reason = "a few commits")]
    let noise = (commit * 7 % 5) as f64 / 20.0;
    let mut results = vec![
        test("adds up", 0.2 + noise, "passed"),
        test("ships", 1.5, if commit < 53 { "passed" } else { "failed" }),
    ];
    if commit % 4 == 1 {
        let reason = if commit == 25 {
            "expected 3 items, got 2"
        } else {
            "Timeout::Error: execution expired"
        };
        results.push(failed("polls", reason, 5.0));
    }
    results.push(test("polls", 0.5 + noise, "passed"));
    if commit % 5 == 0 {
        results.push(failed("waits", "429 Too Many Requests", 0.4));
    }
    results.push(test("waits", 0.1, "passed"));
    if commit > 50 {
        let mut odd = failed(&strange(), &strange(), 0.3);
        odd["scope"] = json!("Cart");
        results.push(odd);
    }
    let host = if commit % 4 == 1 {
        "c6i.large"
    } else {
        "c7g.large"
    };
    let body = json!({
        "format": "json",
        "run_env": {
            "CI": "buildkite", "key": format!("run {commit}"), "branch": "main",
            "number": (4_000 + commit).to_string(), "commit_sha": format!("{:040x}", commit + 1),
            "message": "Round tax per line",
        },
        "tags": {"host.type": host},
        "data": results,
    });
    let answer = server.upload_json(&body);
    assert_eq!(answer.status, 202, "{}", answer.text());
}
