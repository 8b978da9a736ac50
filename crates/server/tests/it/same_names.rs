//! Files whose tests have the same names: each file has its own duration.

use serde_json::{Value, json};

use super::TestServer;
use crate::support::SUITE;

/// Seconds that the only test of each file takes; its name is the same everywhere.
const SECONDS: [(&str, u32); 4] = [("a", 1), ("b", 5), ("c", 20), ("d", 40)];

fn path(name: &str) -> String {
    format!("src/{name}.test.js")
}

fn junit(tests: &[(&str, u32)]) -> Value {
    let suite = |(name, seconds): &(&str, u32)| {
        let file = path(name);
        format!(
            r#"<testsuite name="{file}"><testcase classname="" name="renders" file="{file}"
            time="{seconds}"/></testsuite>"#
        )
    };
    let suites: String = tests.iter().map(suite).collect();
    json!(format!("<testsuites>{suites}</testsuites>"))
}

fn jest(tests: &[(&str, u32)]) -> Value {
    let files = tests.iter().map(|(name, seconds)| {
        json!({"name": path(name), "status": "passed", "message": "", "assertionResults": [{
            "ancestorTitles": [], "title": "renders", "status": "passed",
            "duration": seconds * 1_000, "failureMessages": [],
        }]})
    });
    let files: Vec<Value> = files.collect();
    json!(json!({"success": true, "testResults": files}).to_string())
}

fn rspec(tests: &[(&str, u32)]) -> Value {
    let examples = tests.iter().map(|(name, seconds)| {
        let file = format!("./{}", path(name));
        json!({
            "id": format!("{file}[1:1]"), "description": "renders",
            "full_description": "Page renders", "status": "passed", "file_path": file,
            "line_number": 2, "run_time": seconds,
        })
    });
    let examples: Vec<Value> = examples.collect();
    json!(json!({"examples": examples, "summary": {}}).to_string())
}

fn upload(server: &TestServer, format: &str, data: &Value) {
    let answer = server.upload_json(&json!({
        "format": format, "data": data, "run_env": {"key": "build-1", "branch": "main"},
    }));
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["errors"], json!([]));
}

/// The files and milliseconds of each node, longest node first.
fn nodes(server: &TestServer) -> Vec<(Vec<String>, i64)> {
    let files = SECONDS.map(|(name, _)| json!({"path": path(name)}));
    let body = json!({
        "runner": "jest", "identifier": "build-2/tests", "parallelism": 2, "branch": "main",
        "tests": {"files": files},
    });
    let plan = server.post(&format!("{SUITE}/test_plan"), &body).ok();
    let tasks = plan["tasks"].as_object().unwrap().values();
    let mut nodes: Vec<(Vec<String>, i64)> = tasks
        .map(|task| {
            let tests = task["tests"].as_array().unwrap();
            let paths = tests
                .iter()
                .map(|test| test["path"].as_str().unwrap().to_owned());
            let times = tests
                .iter()
                .map(|test| test["estimated_duration"].as_i64().unwrap());
            (paths.collect(), times.sum())
        })
        .collect();
    nodes.sort_by_key(|(_, total)| -total);
    nodes
}

#[test]
fn every_file_has_the_duration_of_its_own_test() {
    type Report = fn(&[(&str, u32)]) -> Value;
    let formats: [(&str, Report); 3] =
        [("junit", junit), ("jest-json", jest), ("rspec-json", rspec)];
    let expected = [
        (vec![path("d")], 40_000),
        (vec![path("a"), path("b"), path("c")], 26_000),
    ];
    for (format, report) in formats {
        let server = TestServer::start();
        upload(&server, format, &report(&SECONDS));
        let timings = json!({"paths": SECONDS.map(|(name, _)| path(name))});
        let timings = server.post(&format!("{SUITE}/test_files"), &timings).ok();
        for (name, seconds) in SECONDS {
            assert_eq!(timings[path(name)], seconds * 1_000, "{format}: {name}");
        }
        let mut nodes = nodes(&server);
        for (files, _) in &mut nodes {
            files.sort();
        }
        assert_eq!(nodes, expected, "{format}");
    }
}

/// Nodes upload one file each, to the same run.
#[test]
fn the_files_may_arrive_in_several_uploads() {
    let server = TestServer::start();
    for test in SECONDS.chunks(1) {
        upload(&server, "junit", &junit(test));
    }
    let totals: Vec<i64> = nodes(&server).iter().map(|(_, total)| *total).collect();
    assert_eq!(totals, [40_000, 26_000]);
}

/// The same test of one file counts as often as it is there.
#[test]
fn tests_of_one_file_with_the_same_name_add_up() {
    let server = TestServer::start();
    let assertions = [1, 2, 4].map(|seconds| {
        json!({
            "ancestorTitles": [], "title": "dup", "status": "passed",
            "duration": seconds * 1_000, "failureMessages": [],
        })
    });
    let dup = json!({"success": true, "testResults": [{
        "name": path("a"), "status": "passed", "message": "", "assertionResults": assertions,
    }]});
    upload(&server, "jest-json", &json!(dup.to_string()));
    let timings = json!({"paths": [path("a")]});
    let timings = server.post(&format!("{SUITE}/test_files"), &timings).ok();
    assert_eq!(timings[path("a")], 7_000);
}
