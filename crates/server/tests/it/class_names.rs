//! JUnit reports of pytest: the class names become files that exist, and nothing else.

use serde_json::{Value, json};

use super::TestServer;
use crate::support::{Answer, SUITE, result};

/// Directories and classes that look like modules, and modules that do not.
const FILES: [&str; 2] = ["tests/login/checks.py", "tests/test_unit/helpers.py"];
const REPORT: &str = r#"<testsuites><testsuite name="pytest">
  <testcase classname="tests.login.checks.describe_login" name="it_works" time="2"/>
  <testcase classname="tests.login.checks.test_group.test_inner" name="test_b" time="3"/>
  <testcase classname="tests.test_unit.helpers.Checks" name="test_a" time="7">
    <failure message="no">no</failure></testcase>
</testsuite></testsuites>"#;

fn upload(server: &TestServer, key: &str, prefix: &str) -> Answer {
    let answer = server.upload_json(&json!({
        "format": "junit", "data": REPORT,
        "run_env": {
            "key": key, "test_runner": "pytest", "branch": "main", "location_prefix": prefix,
        },
    }));
    assert_eq!(answer.json()["queued"], 3, "{}", answer.text());
    answer
}

fn plan(server: &TestServer, identifier: &str, files: &[&str], prefix: &str) -> Value {
    let paths: Vec<Value> = files
        .iter()
        .map(|file| json!({"path": format!("{prefix}{file}")}))
        .collect();
    let body = json!({
        "runner": "pytest", "identifier": identifier, "parallelism": 2, "branch": "main",
        "tests": {"files": paths},
    });
    server.post(&format!("{SUITE}/test_plan"), &body).ok()
}

/// Milliseconds of each case of a plan that has history.
fn durations(plan: &Value) -> Vec<(String, i64)> {
    let tasks = plan["tasks"].as_object().unwrap();
    let cases = tasks
        .values()
        .flat_map(|task| task["tests"].as_array().unwrap());
    let known = cases.filter(|case| case["timing_sample_size"] != 0);
    let mut found: Vec<(String, i64)> = known
        .map(|case| {
            let path = case["path"].as_str().unwrap().to_owned();
            (path, case["estimated_duration"].as_i64().unwrap())
        })
        .collect();
    found.sort();
    found
}

fn file_of(server: &TestServer, scope: &str, name: &str) -> Value {
    let find = json!({"scope": scope, "name": name});
    server.post(&format!("{SUITE}/tests/find"), &find).ok()["file_name"].clone()
}

#[test]
fn files_of_the_builds_plan_get_the_durations() {
    for prefix in ["", "api/"] {
        let server = TestServer::start();
        let first = plan(&server, "build-1/tests", &FILES, prefix);
        assert_eq!(durations(&first), []);
        upload(&server, "build-1", prefix);
        let next = plan(&server, "build-2/tests", &FILES, prefix);
        let expected = [(FILES[0], 5_000), (FILES[1], 7_000)];
        let expected = expected.map(|(file, time)| (format!("{prefix}{file}"), time));
        assert_eq!(durations(&next), expected);
        let failed = file_of(&server, "tests.test_unit.helpers.Checks", "test_a");
        assert_eq!(failed, format!("{prefix}{}", FILES[1]));
    }
}

/// Of a build without plan, and after the plans have expired.
#[test]
fn files_with_results_are_known_without_a_plan() {
    let server = TestServer::start();
    let by_file = FILES.map(|file| result("x", file, file, 1.0, "passed"));
    server.upload("build-1", "main", &json!(by_file));
    upload(&server, "build-2", "");
    for (scope, name, file) in [
        ("tests.login.checks.describe_login", "it_works", FILES[0]),
        (
            "tests.login.checks.test_group.test_inner",
            "test_b",
            FILES[0],
        ),
        ("tests.test_unit.helpers.Checks", "test_a", FILES[1]),
    ] {
        assert_eq!(file_of(&server, scope, name), file, "{scope}");
    }
}

#[test]
fn class_names_of_unknown_files_stay_class_names() {
    let server = TestServer::start();
    plan(&server, "build-1/tests", &["tests/other.py"], "");
    upload(&server, "build-1", "");
    let guesses = [
        "tests/login/checks/test_group/test_inner.py",
        "tests/test_unit.py",
    ];
    let next = plan(
        &server,
        "build-2/tests",
        &[&FILES[..], &guesses].concat(),
        "",
    );
    assert_eq!(durations(&next), []);
    for (scope, name) in [
        ("tests.login.checks.describe_login", "it_works"),
        ("tests.login.checks.test_group.test_inner", "test_b"),
        ("tests.test_unit.helpers.Checks", "test_a"),
    ] {
        assert_eq!(file_of(&server, scope, name), Value::Null, "{scope}");
    }
}
