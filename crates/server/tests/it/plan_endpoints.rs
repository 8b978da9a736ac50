//! The endpoints around plans: files to expand into examples, and reports of nodes.

use serde_json::{Value, json};

use super::TestServer;
use crate::support::{SUITE, result};

#[test]
fn selects_slow_files_and_files_with_skipped_tests() {
    let server = TestServer::start();
    let mut results: Vec<Value> = (0..9)
        .map(|n| {
            result(
                "",
                &format!("t{n}"),
                &format!("apps/web/spec/f{n}_spec.rb"),
                1.0,
                "passed",
            )
        })
        .collect();
    results.push(result(
        "",
        "slow",
        "apps/web/spec/slow_spec.rb",
        30.0,
        "passed",
    ));
    results.push(result(
        "Old",
        "skipped",
        "./spec/old_spec.rb",
        1.0,
        "passed",
    ));
    server.upload("b1", "main", &json!(results));
    let found = server
        .post(
            &format!("{SUITE}/tests/find"),
            &json!({"scope": "Old", "name": "skipped"}),
        )
        .ok();
    server
        .put(&format!(
            "{SUITE}/tests/{}/skip",
            found["id"].as_str().unwrap()
        ))
        .ok();

    let mut files: Vec<Value> = (0..9)
        .map(|n| json!({"path": format!("./apps/web/spec/f{n}_spec.rb")}))
        .collect();
    files.push(json!({"path": "./apps/web/spec/slow_spec.rb"}));
    files.push(json!({"path": "apps/api/spec/old_spec.rb"}));
    let filter = |split: bool, nodes: u32, target: Option<f64>| {
        let env = json!({
            "BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE": split,
            "BUILDKITE_PARALLEL_JOB_COUNT": nodes,
        });
        let body = json!({"files": files, "target_time": target, "env": env});
        server
            .post(&format!("{SUITE}/test_plan/filter_tests"), &body)
            .ok()["tests"]
            .clone()
    };
    let skipped = json!({
        "path": "apps/api/spec/old_spec.rb",
        "reason": "file contains 1 or more skipped tests",
    });
    let slow = json!({"path": "./apps/web/spec/slow_spec.rb", "reason": "slow file"});
    assert_eq!(filter(false, 4, None), json!([skipped]));
    assert_eq!(filter(true, 4, None), json!([slow, skipped]));
    assert_eq!(filter(true, 1, None), json!([skipped]));
    assert_eq!(filter(true, 1, Some(10.0)), json!([slow, skipped]));
    assert_eq!(filter(true, 1, Some(60.0)), json!([skipped]));
}

#[test]
fn stores_reports_of_nodes_if_the_plan_exists() {
    let server = TestServer::start();
    let body = json!({
        "version": "1.0.0",
        "env": {"BUILDKITE_TEST_ENGINE_IDENTIFIER": "b/s", "BUILDKITE_PARALLEL_JOB": 1},
        "timeline": [{"event": "test_start", "timestamp": "2026-06-20T04:46:13.60977Z"}],
        "statistics": {"total": 3},
    });
    let path = format!("{SUITE}/test_plan_metadata");
    let message = server.post(&path, &body).error(404);
    assert!(message.starts_with("Test plan not found"), "{message}");
    let plan = json!({
        "runner": "rspec", "identifier": "b/s", "parallelism": 2, "branch": "main",
        "tests": {"selectors": [{"value": "a"}]},
    });
    server.post(&format!("{SUITE}/test_plan"), &plan).ok();
    assert_eq!(
        server.post(&path, &body).ok(),
        json!({"head": "no_content"})
    );
    let reports = server.with_store(async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap();
        store.plan_metadata(suite.id, "b/s").await.unwrap()
    });
    assert_eq!(
        (reports.len(), reports[0].node, reports[0].version.as_str()),
        (1, 1, "1.0.0")
    );
}
