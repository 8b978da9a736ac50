//! The pages of runs: what they list, and how they group what failed.

use serde_json::{Value, json};
use test_engine::clock::Clock;

use super::TestServer;
use crate::support::{SUITE, result};

const PAGES: &str = "/organizations/acme/analytics/suites/web";

fn open() -> TestServer {
    TestServer::with(|config| config.web.open = true, Clock::System)
}

fn page(server: &TestServer, path: &str) -> String {
    let answer = server.ask("GET", &format!("{PAGES}{path}")).send();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

fn test(name: &str, outcome: &str) -> Value {
    result("Cart", name, "spec/cart_spec.rb", 0.25, outcome)
}

fn failed(name: &str, reason: &str) -> Value {
    let mut failed = test(name, "failed");
    failed["failure_reason"] = json!(reason);
    failed
}

/// The builds that a list shows, in its order.
fn listed(text: &str) -> Vec<&str> {
    let keys = ["green", "retried", "red", "red-again", "other"];
    let mut found: Vec<(usize, &str)> = keys
        .into_iter()
        .filter_map(|key| Some((text.find(&format!("<bdi>{key}</bdi>"))?, key)))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, key)| key).collect()
}

#[test]
fn runs_are_filtered_by_outcome_branch_and_commit() {
    let server = open();
    server.upload("green", "main", &json!([test("adds", "passed")]));
    let retried = json!([failed("adds", "timeout"), test("adds", "passed")]);
    server.upload("retried", "main", &retried);
    server.upload("red", "topic", &json!([failed("adds", "broken")]));
    server.upload("red-again", "topic", &json!([failed("adds", "broken")]));
    server.upload("other", "feature/a&b", &json!([test("adds", "passed")]));
    for (query, expected) in [
        ("", &["other", "red-again", "red", "retried", "green"][..]),
        ("?result=passed", &["other", "green"]),
        ("?result=retried", &["retried"]),
        ("?result=failed", &["red-again", "red"]),
        ("?branch=topic", &["red-again", "red"]),
        ("?branch=feature%2Fa%26b", &["other"]),
        ("?branch=main&result=failed", &[]),
        ("?commit=SHA-RE", &["red-again", "red", "retried"]),
        ("?commit=sha-green", &["green"]),
        ("?commit=%25", &[]),
        ("?group=branch", &["other", "red-again", "retried"]),
        ("?group=branch&result=failed", &["red-again"]),
        ("?page=2", &[]),
    ] {
        let text = page(&server, &format!("/runs{query}"));
        assert_eq!(listed(&text), expected, "{query}");
    }
    let text = page(&server, "/runs");
    assert!(text.contains("1 of 3 branches is red."), "{text}");
    for part in ["Passed on retry", "1 broken", "1 flaky"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let none = page(&server, "/runs?branch=none");
    assert!(none.contains("No run matches."), "{none}");
    // The list was at the address of the suite.
    let old = server.ask("GET", &format!("{PAGES}?page=2")).send();
    let new = format!("{PAGES}/runs?page=2");
    assert_eq!(
        (old.status, old.header("location")),
        (303, Some(new.as_str()))
    );
}

#[test]
fn the_overview_tells_whether_main_works() {
    let server = open();
    let upload = |key: &str, branch: &str, results: Value| {
        server.upload(key, branch, &results);
        page(&server, "")
    };
    assert!(page(&server, "").contains("There are no results yet."));
    let text = upload("t", "topic", json!([test("adds", "passed")]));
    assert!(text.contains("main has no runs."), "{text}");
    let text = upload("1", "main", json!([test("adds", "passed")]));
    assert!(text.contains("main works."), "{text}");
    let text = upload(
        "2",
        "main",
        json!([failed("adds", "timeout"), test("adds", "passed")]),
    );
    assert!(text.contains("needed a retry for 1 flaky test."), "{text}");
    upload("3", "main", json!([failed("adds", "broken")]));
    let text = upload("4", "main", json!([failed("adds", "broken")]));
    assert!(text.contains("main is broken: 1 test fails."), "{text}");
    assert!(text.contains("Its last 2 runs failed"), "{text}");
    // What fails on main, as a picture and as a table.
    assert!(
        text.contains("What fails on main") && text.contains("broken now"),
        "{text}"
    );
    let table = page(&server, "?as=table");
    assert!(table.contains("Failures by test and run"), "{table}");
    assert!(table.contains("passed on retry"), "{table}");
    // Another branch, and a period.
    let topic = page(&server, "?branch=topic&period=7");
    assert!(topic.contains("topic works."), "{topic}");
    assert!(!topic.contains("What fails on"), "{topic}");
}

#[test]
fn failures_are_grouped_by_cause_and_verdict() {
    let server = open();
    for build in 0..2 {
        let on_main = json!([failed("ships", "no weight"), test("adds", "passed")]);
        server.upload(&format!("main-{build}"), "main", &on_main);
    }
    let mut results: Vec<Value> = (0..200)
        .map(|number| test(&format!("case {number}"), "passed"))
        .collect();
    results.extend([
        failed("adds", "total is wrong"),
        failed("pays", "total is wrong"),
        failed("ships", "no weight"),
        failed("polls", "timeout"),
        test("polls", "passed"),
    ]);
    let receipt = server.upload("topic", "topic", &json!(results)).json();
    let run = receipt["run_id"].as_str().unwrap();
    let text = page(&server, &format!("/runs/{run}"));
    for part in [
        "2 tests fail because of this change. The other failure does not count.",
        "1 more test fails on main too.",
        "2 tests with the same message and first frame",
        "New here",
        "Also on main",
        "Failures (3)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let places = ["New here", "Also on main", "Flaky here"].map(|label| text.find(label).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    // The text for a chat is that of the API.
    let summary = server.get(&format!("{SUITE}/runs/{run}/summary.md")).text();
    let first = summary.lines().next().unwrap().replace('❌', "");
    assert!(text.contains("id=\"as-text\""), "{text}");
    assert!(first.contains("3 tests failed"), "{first}");
    assert!(text.contains("#### New (2)"), "{text}");
}

/// Of behave, if a hook stops it.
#[test]
fn a_run_of_skipped_tests_is_pending_and_its_pages_do_not_say_that_it_works() {
    let server = open();
    let report = r#"<testsuite name="basket" tests="2" errors="0" failures="0" skipped="2">
        <testcase classname="basket.Basket" name="buys a hat" status="skipped"><skipped/></testcase>
        <testcase classname="basket.Basket" name="buys shoes" status="untested" time="0"/>
        </testsuite>"#;
    let upload = json!({
        "format": "junit", "run_env": {"key": "b1", "branch": "main"}, "data": report,
    });
    let receipt = server.upload_json(&upload).json();
    assert_eq!(receipt["queued"], 2, "{receipt}");
    let run = server.get(&format!("{SUITE}/runs")).ok()[0].clone();
    assert_eq!(run["result"], "pending");
    let id = run["id"].as_str().unwrap();
    for (path, sentence) in [
        (
            &*format!("/runs/{id}"),
            "Nothing is known: every test was skipped.",
        ),
        ("", "The last run of main skipped every test."),
    ] {
        let text = page(&server, path);
        assert!(text.contains(sentence), "{path}: {text}");
        assert!(!text.contains("works."), "{path}: {text}");
    }
    let list = page(&server, "/runs");
    assert!(
        list.contains("Skipped") && !list.contains("No results"),
        "{list}"
    );
}
