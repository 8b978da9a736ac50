//! The queries of pages do not grow with the data.

use serde_json::{Value, json};
use test_engine::clock::Clock;

use super::TestServer;
use crate::support::result;
use crate::weights::queries;

const ORGANIZATION: &str = "/organizations/acme/analytics";
const PAGES: &str = "/organizations/acme/analytics/suites/web";

fn open(server: &TestServer, path: &str) -> u64 {
    let answer = server.ask("GET", path).send();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    queries(&answer)
}

fn failed(name: &str, reason: &str) -> Value {
    let mut failed = result("Cart", name, "spec/cart_spec.rb", 0.25, "failed");
    failed["failure_reason"] = json!(reason);
    failed
}

fn upload(server: &TestServer, key: &str, branch: &str, mut results: Vec<Value>) -> String {
    let passed = |name: String| result("Cart", &name, "spec/cart_spec.rb", 0.25, "passed");
    results.extend((0..60).map(|number| passed(format!("case {number}"))));
    let receipt = server.upload(key, branch, &json!(results)).json();
    receipt["run_id"].as_str().unwrap().to_owned()
}

/// Letters, because numbers are no part of a cause.
fn letters(number: u8) -> String {
    let letter = |number: u8| char::from(b'a' + number);
    format!("{}{}", letter(number / 16), letter(number % 16))
}

/// One suite with two runs, and then many of everything.
#[test]
fn queries_do_not_grow_with_the_data() {
    let server = TestServer::with(|config| config.web.open = true, Clock::System);
    let first = upload(&server, "first", "main", vec![failed("adds", "wrong")]);
    let second = upload(&server, "second", "topic", vec![failed("adds", "wrong")]);
    let paths = |run: &str| {
        [
            ORGANIZATION.to_owned(),
            PAGES.to_owned(),
            format!("{PAGES}/runs"),
            format!("{PAGES}/runs?group=branch"),
            format!("{PAGES}/runs/{run}"),
            format!("{PAGES}/runs/{run}/against/{first}"),
            format!("{PAGES}/failures"),
            format!("{PAGES}/flaky"),
            format!("{PAGES}/quarantine"),
            format!("{PAGES}/tests"),
            format!("{PAGES}/plans"),
            format!("{PAGES}/uploads"),
            format!("{PAGES}/rules"),
            format!("{PAGES}/settings/labels"),
        ]
    };
    let before = paths(&second).map(|path| open(&server, &path));
    for suite in ["A", "B", "C", "D"] {
        let (_, token) = server.create_suite(suite);
        let body = json!({
            "format": "json", "run_env": {"CI": "buildkite", "key": "second", "branch": "main"},
            "data": [result("Cart", "adds", "a_spec.rb", 0.25, "passed")],
        });
        assert_eq!(server.upload_with(&token, &body).status, 202);
    }
    for number in 0..30 {
        let branch = format!("branch {number}");
        let reason = format!("{} is wrong", letters(number));
        upload(
            &server,
            &format!("{number}"),
            &branch,
            vec![failed("pays", &reason)],
        );
    }
    let many = (0..40).map(|number| {
        let reason = format!("{} is wrong", letters(number));
        failed(&format!("fails {number}"), &reason)
    });
    let many = upload(&server, "many", "topic", many.collect());
    for (path, before) in paths(&many).into_iter().zip(before) {
        let after = open(&server, &path);
        // What there is nothing of needs no query at first.
        let allowed = before + 3;
        assert!(after <= allowed, "{path}: {after} queries, before {before}");
    }
}
