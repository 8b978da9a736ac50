//! A suite whose tests have teams, states, labels and failures, for the pages that list them.

use std::fmt::Write as _;

use serde_json::{Value, json};
use test_engine::clock::Clock;

use super::TestServer;
use crate::forms::{cookie, form_token, get, post};
use crate::support::{Answer, SUITE, form, result};
use crate::waiting::wait_for;

pub(crate) const ANALYTICS: &str = "/organizations/acme/analytics";
pub(crate) const PAGES: &str = "/organizations/acme/analytics/suites/web";
const OWNERS: &str = "spec/pay/ payments ops\nspec/shop/ shop\n";

/// Tests of two teams and of nobody: slow, flaky, failed, muted, labelled.
pub(crate) struct Scene {
    pub(crate) server: TestServer,
    cookie: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let server = TestServer::with(|config| config.web.open = true, Clock::System);
        for commit in 0..12 {
            upload(&server, commit);
        }
        let (kind, body) = form(&[("file", OWNERS)]);
        let token = format!("Token token=\"{}\"", server.suite_token);
        let sent = server
            .ask("POST", "/v1/test-ownerships")
            .header("authorization", &token)
            .header("content-type", &kind)
            .body(body)
            .send();
        assert_eq!(sent.status, 200, "{}", sent.text());
        let cookie = cookie(&server, &server.access);
        let scene = Self { server, cookie };
        scene.put("charges", "mute", &json!({"reason": "sandbox", "days": 5}));
        scene.put(
            "searches",
            "labels",
            &json!({"operator": "add", "labels": ["very slow"]}),
        );
        scene.wait_for("polls", "flaky");
        scene
    }

    pub(crate) fn id(&self, name: &str) -> String {
        let wanted = json!({"scope": "Cart", "name": name});
        let address = format!("{SUITE}/tests/find");
        let test = self.server.post(&address, &wanted).ok();
        test["id"].as_str().unwrap().to_owned()
    }

    fn put(&self, name: &str, what: &str, body: &Value) {
        let address = format!("{SUITE}/tests/{}/{what}", self.id(name));
        let method = if what == "labels" { "PATCH" } else { "PUT" };
        let ask = self
            .server
            .ask(method, &address)
            .bearer(&self.server.access);
        ask.json(body).send().ok();
    }

    /// Waits until the server has judged the test.
    fn wait_for(&self, name: &str, level: &str) {
        let address = format!("{SUITE}/tests/{}/health", self.id(name));
        wait_for(name, || {
            let health = self.server.get(&address).ok();
            let is_judged = health["level"] == level;
            is_judged.then_some(()).ok_or(health)
        });
    }

    /// A page, signed in.
    pub(crate) fn open(&self, path: &str) -> Answer {
        get(&self.server, path, &self.cookie)
    }

    /// The names that a query finds, in the order of the list.
    pub(crate) fn found(&self, query: &str) -> Vec<String> {
        let query = query_string(&[("q", query), ("format", "json")]);
        let answer = self.open(&format!("{PAGES}/tests?{query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let rows = answer.json();
        let names = rows.as_array().unwrap().iter().map(|row| &row["name"]);
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    }

    /// Sends a form of the list of tests.
    pub(crate) fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = form_token(&self.open(&format!("{PAGES}/tests?q=")));
        let fields = query_string(fields);
        let fields = format!("form_token={token}&{fields}");
        post(
            &self.server,
            &format!("{PAGES}{path}"),
            &self.cookie,
            &fields,
        )
    }
}

pub(crate) fn query_string(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        let separator = if text.is_empty() { "" } else { "&" };
        write!(text, "{separator}{name}=").unwrap();
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() {
                text.push(char::from(byte));
            } else {
                write!(text, "%{byte:02X}").unwrap();
            }
        }
    }
    text
}

fn upload(server: &TestServer, commit: i32) {
    let test = |name: &str, file: &str, seconds: f64, outcome: &str| {
        result(
            "Cart",
            name,
            &format!("spec/{file}_spec.rb"),
            seconds,
            outcome,
        )
    };
    let mut results = vec![
        test("charges", "pay/a", 0.5, "passed"),
        test("searches", "shop/a", 3.0, "passed"),
        test("greets, \"politely\"", "a", 0.1, "passed"),
    ];
    if commit % 2 == 1 {
        let mut polls = test("polls", "pay/b", 1.0, "failed");
        polls["failure_reason"] = json!("Timeout::Error: execution expired\nmore");
        results.push(polls);
    }
    results.push(test("polls", "pay/b", 1.0, "passed"));
    let branch = if commit == 3 { "feature/x" } else { "main" };
    let host = if commit == 11 {
        "c7g.large"
    } else {
        "c6i.large"
    };
    let body = json!({
        "format": "json",
        "run_env": {
            "key": format!("run {commit}"), "number": (400 + commit).to_string(),
            "branch": branch, "commit_sha": format!("{:040x}", 0xabc_0000 + commit),
            "message": "Round tax per line",
        },
        "tags": {"host.type": host},
        "data": results,
    });
    let answer = server.upload_json(&body);
    assert_eq!(answer.status, 202, "{}", answer.text());
}

#[track_caller]
pub(crate) fn shows(page: &Answer, parts: &[&str]) {
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    for part in parts {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}
