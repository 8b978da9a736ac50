//! `GET …/runs/{id}/summary.md`.

use serde_json::{Value, json};

use super::TestServer;
use crate::support::{SUITE, result};

fn failed(name: &str) -> Value {
    let mut failed = result("Cart", name, "spec/cart_spec.rb", 0.25, "failed");
    failed["failure_reason"] = json!("expected 1\ngot 2");
    failed
}

fn passed(name: &str) -> Value {
    result("Cart", name, "spec/cart_spec.rb", 0.25, "passed")
}

fn upload(server: &TestServer, key: &str, branch: &str, results: &Value) -> String {
    let receipt = server.upload(key, branch, results).json();
    receipt["run_id"].as_str().unwrap().to_owned()
}

fn test_id(server: &TestServer, name: &str) -> String {
    let found = server.post(
        &format!("{SUITE}/tests/find"),
        &json!({"scope": "Cart", "name": name}),
    );
    found.ok()["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_summary_of_a_failed_build_tells_whose_failures_they_are() {
    let server = TestServer::start();
    for key in ["1", "2"] {
        let on_main = json!([
            failed("ships"),
            passed("adds"),
            passed("polls"),
            passed("waits")
        ]);
        upload(&server, key, "main", &on_main);
    }
    let id = |name: &str| test_id(&server, name);
    let (polls, waits) = (id("polls"), id("waits"));
    let labels = json!({"operator": "add", "labels": ["flaky"]});
    server
        .ask("PATCH", &format!("{SUITE}/tests/{polls}/labels"))
        .bearer(&server.access)
        .json(&labels)
        .send()
        .ok();
    server.put(&format!("{SUITE}/tests/{waits}/mute")).ok();
    let names = ["waits", "polls", "ships", "adds"];
    let run = upload(&server, "3", "topic", &json!(names.map(failed)));
    let answer = server.get(&format!("{SUITE}/runs/{run}/summary.md"));
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/markdown; charset=utf-8")
    );
    let base = server.get(&format!("{SUITE}/runs/{run}")).ok()["web_url"]
        .as_str()
        .unwrap()
        .to_owned();
    let suite = base.rsplit_once("/runs/").unwrap().0;
    let item = |name: &str| {
        let id = id(name);
        format!("- [`Cart {name}`]({suite}/tests/{id}): `expected 1`")
    };
    let expected = [
        format!("### ❌ 3 tests failed: [`Web`]({base})"),
        "#### New (1)".to_owned(),
        item("adds"),
        "#### Also failing on `main` (1)".to_owned(),
        item("ships"),
        "#### Flaky (1)".to_owned(),
        item("polls"),
        "#### Muted (1)".to_owned(),
        item("waits"),
    ];
    assert_eq!(answer.text(), expected.join("\n") + "\n");
}

#[test]
fn a_build_that_did_not_fail_has_no_summary() {
    let server = TestServer::start();
    let run = upload(&server, "1", "topic", &json!([passed("adds")]));
    let answer = server.get(&format!("{SUITE}/runs/{run}/summary.md"));
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
}

/// Uploads an attempt of the job `test` of the GitHub build 42, and returns the run.
fn attempt(server: &TestServer, results: &Value) -> String {
    let body = json!({
        "format": "json", "data": results,
        "run_env": {"CI": "github_actions", "key": "__run-7-1", "branch": "topic",
                    "job_id": "test"},
    });
    let receipt = server.upload_json(&body).json();
    receipt["run_id"].as_str().unwrap().to_owned()
}

fn report(server: &TestServer, group: &str, failed: u64) {
    let report = json!({
        "identifier": "42/test", "build_id": "42", "run_key": "__run-7-1", "group": group,
        "node": 0, "parallelism": 1, "job_id": format!("test {group}"), "state": "finished",
        "runner": "rspec", "started_at": "2026-06-20T04:46:13Z",
        "finished_at": "2026-06-20T04:47:13Z",
        "targets": [{"value": "spec/cart_spec.rb", "planned": true, "tests": 2,
                     "outcome": "complete", "failed": failed}],
    });
    let sent = server.post(&format!("{SUITE}/test_plan/node_reports"), &report);
    assert!(sent.status < 300, "{}", sent.text());
}

#[test]
fn a_later_pass_is_no_retry_if_a_node_says_that_the_test_failed() {
    for (still_failed, expected) in [(0, None), (1, Some("#### New (1)\n- [`Cart adds`]"))] {
        let server = TestServer::start();
        let run = attempt(&server, &json!([failed("adds"), passed("pays")]));
        // A retry, or another leg of a matrix: on GitHub, both have the same job.
        attempt(&server, &json!([passed("adds")]));
        report(&server, "3.11", still_failed);
        report(&server, "3.12", 0);
        let answer = server.get(&format!("{SUITE}/runs/{run}/summary.md"));
        let text = answer.text();
        match expected {
            None => assert_eq!((answer.status, text.as_str()), (200, "")),
            Some(expected) => assert!(text.contains(expected), "{text}"),
        }
    }
}

#[test]
fn builds_of_other_cis_are_found_by_their_node_reports() {
    let server = TestServer::start();
    let run = attempt(&server, &json!([failed("adds")]));
    let found = |build: &str| -> Vec<String> {
        let runs = server.get(&format!("{SUITE}/runs?build_id={build}")).ok();
        let ids = runs.as_array().unwrap().iter();
        ids.map(|run| run["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(found("42").is_empty());
    report(&server, "", 1);
    assert_eq!(found("42"), [run]);
    assert!(found("43").is_empty());
}
