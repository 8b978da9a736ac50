//! `test-engine import --rest-export`: what the REST API of a server returns, imported into another
//! server, comes out there as it was.

use std::path::Path;

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::Timestamp;

use super::TestServer;
use super::import::{import, import_json};
use crate::cli::stdout;
use crate::support::{SUITE, result};

const THEN: Timestamp = Timestamp::from_millis(1_750_000_000_000);
const ORGANIZATION: &str = "/v2/analytics/organizations/acme";

/// With two builds, a flaky test, and a run of another CI, which has no build.
fn seeded() -> TestServer {
    let server = TestServer::with(|_config| {}, Clock::fixed_at(THEN));
    let mut failed = result("Basket", "pays", "pay.py", 2.0, "failed");
    failed["failure_reason"] = json!("no money");
    failed["failure_expanded"] = json!([{"expanded": ["0 != 1"], "backtrace": ["pay.py:3"]}]);
    let retried = result("Basket", "pays", "pay.py", 1.0, "passed");
    for (build, results) in [
        (
            "b1",
            json!([
                result("Basket", "adds", "basket.py", 0.5, "passed"),
                failed,
                retried
            ]),
        ),
        (
            "b2",
            json!([
                result("Basket", "adds", "basket.py", 1.5, "passed"),
                result("Basket", "pays", "pay.py", 1.0, "passed"),
                result("Search", "waits", "search.py", 9.0, "skipped"),
            ]),
        ),
    ] {
        server.upload(build, "main", &results);
    }
    let elsewhere = json!({
        "format": "json", "run_env": {"CI": "generic", "key": "g1"},
        "data": [result("Basket", "adds", "basket.py", 1.5, "passed")],
    });
    assert_eq!(server.upload_json(&elsewhere).status, 202);
    server
}

/// All pages of a list, one item each, in files as an export has them.
fn save(server: &TestServer, list: &str, directory: &Path, name: &str) -> Vec<Value> {
    fs_err::create_dir_all(directory).unwrap();
    let mut items = Vec::new();
    for page in 1.. {
        let and = if list.contains('?') { '&' } else { '?' };
        let path = format!("{list}{and}per_page=1&page={page}");
        let asked = server.ask("GET", &path).bearer(&server.access);
        let found = asked.header("buildkite-version", "2026-08-01").send().ok();
        let found = found.as_array().unwrap().clone();
        if found.is_empty() {
            break;
        }
        let file = directory.join(format!("{name}-{page:03}.json"));
        fs_err::write(file, Value::from(found.clone()).to_string()).unwrap();
        items.extend(found);
    }
    items
}

fn export(server: &TestServer, directory: &Path) {
    for run in save(server, &format!("{SUITE}/runs"), directory, "runs") {
        let id = run["id"].as_str().unwrap();
        let of_run = directory.join("runs").join(id);
        let failed = format!("{SUITE}/runs/{id}/failed_executions?include_failure_expanded=true");
        save(server, &failed, &of_run, "failed_executions");
        if let Some(build) = run["build_id"].as_str() {
            let tests = format!("{ORGANIZATION}/builds/{build}/tests");
            save(
                server,
                &tests,
                &directory.join("builds").join(build),
                "tests",
            );
        }
    }
}

/// The runs, the tests with metrics and the failures, without what differs between servers.
fn view(server: &TestServer) -> Value {
    let list = |path: &str| {
        let asked = server.ask("GET", path).bearer(&server.access);
        asked.header("buildkite-version", "2026-08-01").send().ok()
    };
    let runs = list(&format!("{SUITE}/runs"));
    let mut failures = Vec::new();
    let mut shown = Vec::new();
    for run in runs.as_array().unwrap() {
        if run["build_id"].is_null() {
            continue;
        }
        shown.push(json!([
            run["build_id"],
            run["branch"],
            run["commit_sha"],
            run["result"],
            run["created_at"]
        ]));
        let id = run["id"].as_str().unwrap();
        let path = format!("{SUITE}/runs/{id}/failed_executions?include_failure_expanded=true");
        for failure in list(&path).as_array().unwrap() {
            failures.push(json!([
                failure["test_name"],
                failure["failure_reason"],
                failure["failure_expanded"],
                failure["duration"],
                failure["location"]
            ]));
        }
    }
    let tests: Vec<Value> = ["b1", "b2"]
        .into_iter()
        .flat_map(|build| {
            let tests = list(&format!("{ORGANIZATION}/builds/{build}/tests"));
            tests.as_array().unwrap().clone()
        })
        .map(|test| {
            json!([
                test["scope"],
                test["name"],
                test["file_name"],
                test["duration_sum"],
                test["reliability"],
                test["executions_count_by_result"]
            ])
        })
        .collect();
    json!([shown, tests, failures])
}

#[test]
fn an_export_of_another_server_comes_out_as_it_was() {
    let from = seeded();
    let directory = tempfile::tempdir().unwrap();
    export(&from, directory.path());
    let mut to = TestServer::with(|_config| {}, Clock::fixed_at(THEN));
    to.stop();
    let path = directory.path().to_str().unwrap();
    let imported = import_json(&to, &["--rest-export", path]);
    assert_eq!(
        imported["imported"],
        json!({"uploads": 2, "runs": 2, "executions": 6})
    );
    assert_eq!(imported["skipped"][0]["reason"], "runs without a build_id");
    assert_eq!(imported["skipped"][0]["count"], 1);
    let again = import_json(&to, &["--rest-export", path]);
    assert_eq!(again["imported"]["uploads"], 0);
    to.restart(Clock::fixed_at(THEN));
    let expected = view(&from);
    assert_eq!(expected[2].as_array().unwrap().len(), 1, "{expected}");
    assert_eq!(view(&to), expected);
}

#[test]
fn runs_without_the_tests_of_their_build_are_skipped() {
    let from = seeded();
    let directory = tempfile::tempdir().unwrap();
    export(&from, directory.path());
    fs_err::remove_dir_all(directory.path().join("builds/b1")).unwrap();
    let mut to = TestServer::start();
    to.stop();
    let path = directory.path().to_str().unwrap();
    let printed = stdout(&import(&to, &["--rest-export", path]));
    assert!(printed.contains("imported 1 uploads into acme/web: 1 new runs, 3 executions"));
    assert!(
        printed.contains("skipped: 1 runs without builds/BUILD/tests.json"),
        "{printed}"
    );
}
