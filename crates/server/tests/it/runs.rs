//! Suites, runs, failed executions and commits in the REST API.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;
use test_engine::clock::Clock;

use super::TestServer;
use crate::support::{SUITE, result};

#[test]
fn a_suite_has_the_fields_that_clients_read() {
    let server = TestServer::start();
    let suite = server.get(SUITE).ok();
    assert_eq!(
        (
            suite["slug"].as_str(),
            suite["name"].as_str(),
            suite["default_branch"].as_str()
        ),
        (Some("web"), Some("Web"), Some("main"))
    );
    assert_eq!(suite["id"].as_str().unwrap().len(), 36);
    assert_eq!(suite["organization_id"].as_str().unwrap().len(), 36);
    assert!(!suite["graphql_id"].as_str().unwrap().is_empty());
    assert_eq!(suite.get("api_token"), None);
    let all = server.get("/v2/analytics/organizations/acme/suites").ok();
    assert_eq!(all, json!([suite]));
}

#[test]
fn runs_are_listed_newest_first_and_by_build() {
    let server = TestServer::start();
    for build in ["b1", "b2"] {
        server.upload(build, "main", &json!([result("", "a", "a", 1.0, "passed")]));
    }
    let ids = |query: &str| -> Vec<String> {
        let runs = server.get(&format!("{SUITE}/runs{query}")).ok();
        runs.as_array()
            .unwrap()
            .iter()
            .map(|run| run["build_id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(""), ["b2", "b1"]);
    assert_eq!(ids("?build_id=b1"), ["b1"]);
    assert_eq!(ids("?per_page=1&page=2"), ["b1"]);
    assert!(ids("?build_id=b3").is_empty());
}

#[test]
fn failures_include_their_texts_on_request() {
    let server = TestServer::start();
    let data = json!([{
        "scope": "Cart", "name": "adds", "location": "cart.rb:7", "file_name": "cart.rb",
        "result": "failed", "failure_reason": "expected 1, got 2",
        "failure_expanded": [{"expanded": ["line one"], "backtrace": ["cart.rb:7"]}],
        "history": {"duration": 0.25}, "tags": {"team": "shop"},
    }]);
    let receipt = server.upload("b1", "main", &data).json();
    let path = format!(
        "{SUITE}/runs/{}/failed_executions",
        receipt["run_id"].as_str().unwrap()
    );
    let failed = server.get(&path).ok()[0].clone();
    assert_eq!(failed["test_name"], "Cart adds");
    assert_eq!(
        (
            failed["failure_reason"].as_str(),
            failed["duration"].as_f64()
        ),
        (Some("expected 1, got 2"), Some(0.25))
    );
    assert_eq!(
        (failed["branch"].as_str(), failed["commit_sha"].as_str()),
        (Some("main"), Some("sha-b1"))
    );
    assert_eq!(
        failed["tags"],
        json!({"team": "shop", "build.id": "b1", "code.file.path": "cart.rb"})
    );
    assert_eq!(failed.get("failure_expanded"), None);
    let expanded = server
        .get(&format!("{path}?include_failure_expanded=true"))
        .ok()[0]["failure_expanded"]
        .clone();
    assert_eq!(
        expanded,
        json!([{"expanded": ["line one"], "backtrace": ["cart.rb:7"]}])
    );
}

#[test]
fn commits_are_listed_one_per_line() {
    let day = 24 * 60 * 60 * 1_000;
    let time = Arc::new(AtomicI64::new(100 * day));
    let server = TestServer::with(|_| {}, Clock::Fixed(Arc::clone(&time)));
    server.upload("old", "main", &json!([result("", "a", "a", 1.0, "passed")]));
    time.store(110 * day, Ordering::SeqCst);
    server.upload("new", "main", &json!([result("", "a", "a", 1.0, "passed")]));
    let commits = |query: &str| server.get(&format!("{SUITE}/commits{query}"));
    let all = commits("");
    assert_eq!(
        (all.status, all.text().as_str()),
        (200, "sha-new\nsha-old\n")
    );
    assert_eq!(
        all.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(commits("?days=5").text(), "sha-new\n");
    for days in ["0", "91", "x"] {
        commits(&format!("?days={days}")).error(400);
    }
}
