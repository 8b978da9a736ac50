//! `GET …/builds/{build}/tests`, as the vendor's Go library sends and reads it.

use serde_json::{Value, json};

use super::TestServer;
use crate::support::{Answer, SUITE, result};

const TESTS: &str = "/v2/analytics/organizations/acme/builds/b1/tests";

fn failed(name: &str, reason: &str) -> Value {
    let mut failed = result("A", name, "a_spec.rb", 2.0, "failed");
    failed["failure_reason"] = reason.into();
    failed["failure_expanded"] = json!([{"expanded": [reason, "more"], "backtrace": ["a:1"]}]);
    failed
}

fn passed(name: &str) -> Value {
    result("A", name, "a_spec.rb", 1.0, "passed")
}

/// One build: a test that passes, one that fails twice, one that passes on retry.
fn seeded() -> TestServer {
    let server = TestServer::start();
    server.upload(
        "b1",
        "main",
        &json!([
            passed("good"),
            failed("bad", "first"),
            failed("flaky", "once")
        ]),
    );
    server.upload(
        "b1",
        "main",
        &json!([failed("bad", "second"), passed("flaky")]),
    );
    server.upload("b2", "main", &json!([failed("good", "of another build")]));
    server
}

fn get(server: &TestServer, query: &str) -> Answer {
    server.get(&format!("{TESTS}?{query}"))
}

fn names(answer: &Answer) -> Vec<String> {
    let list = answer.ok();
    let tests = list.as_array().unwrap().iter();
    let mut names: Vec<String> = tests
        .map(|test| test["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn test(answer: &Answer, name: &str) -> Value {
    let list = answer.ok();
    let mut tests = list.as_array().unwrap().iter();
    tests.find(|test| test["name"] == name).unwrap().clone()
}

#[test]
fn results_and_states_select_tests() {
    let server = seeded();
    let find = json!({"scope": "A", "name": "bad"});
    let id = server.post(&format!("{SUITE}/tests/find"), &find).ok();
    let id = id["id"].as_str().unwrap();
    server.put(&format!("{SUITE}/tests/{id}/mute")).ok();
    for (query, expected) in [
        ("", &["bad", "flaky", "good"][..]),
        ("result=failed", &["bad", "flaky"]),
        ("result=^failed", &["bad"]),
        ("result=passed", &["flaky", "good"]),
        ("result=%5Epassed", &["good"]),
        ("result=skipped", &[]),
        ("result=failed&state=enabled", &["flaky"]),
        ("state=muted", &["bad"]),
        ("result=&state=&include=", &["bad", "flaky", "good"]),
    ] {
        assert_eq!(names(&get(&server, query)), expected, "{query}");
    }
    for query in [
        "result=broken",
        "result=!failed",
        "result=^^failed",
        "state=gone",
        "include=everything",
        "include=latest_fail,executions",
        "period=7days",
    ] {
        let message = get(&server, query).error(400);
        assert!(!message.is_empty(), "{query}");
    }
}

#[test]
fn labels_are_objects() {
    let server = seeded();
    let find = json!({"scope": "A", "name": "bad"});
    let id = server.post(&format!("{SUITE}/tests/find"), &find).ok();
    let id = id["id"].as_str().unwrap();
    let labels = json!({"operator": "add", "labels": ["slow", "flaky"]});
    server
        .patch(&format!("{SUITE}/tests/{id}/labels"), &labels)
        .ok();
    let answer = get(&server, "");
    let bad = test(&answer, "bad");
    let expected = json!([{"name": "flaky", "color": null}, {"name": "slow", "color": null}]);
    assert_eq!(bad["labels"], expected);
    assert_eq!(test(&answer, "good")["labels"], json!([]));
    assert_eq!(
        bad["executions_count_by_result"],
        json!({"passed": 0, "failed": 2})
    );
    assert_eq!(bad["state"], "enabled");
    assert_eq!(
        (&bad["latest_fail"], &bad["executions"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn the_latest_failure_of_the_build_is_included() {
    let server = seeded();
    let answer = get(&server, "include=latest_fail");
    let latest = &test(&answer, "bad")["latest_fail"];
    assert_eq!(latest["failure_reason"], "second");
    let expanded = json!([{"expanded": ["second", "more"], "backtrace": ["a:1"]}]);
    assert_eq!(latest["failure_expanded"], expanded);
    assert_eq!(latest["duration"], 2.0);
    let failures = format!("{SUITE}/runs?build_id=b1");
    let run = server.get(&failures).ok()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let failures = server
        .get(&format!("{SUITE}/runs/{run}/failed_executions"))
        .ok();
    let last = failures.as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&latest["id"], &latest["timestamp"]),
        (&last["execution_id"], &last["created_at"])
    );
    assert_eq!(test(&answer, "good")["latest_fail"], Value::Null);
}

#[test]
fn executions_that_match_are_included_newest_first() {
    let server = seeded();
    let reasons = |query: &str, name: &str| -> Vec<Value> {
        let test = test(&get(&server, query), name);
        let executions = test["executions"].as_array().unwrap().iter();
        executions
            .map(|it| json!([it["status"], it["failure_reason"], it["location"]]))
            .collect()
    };
    let at = "a_spec.rb:1";
    assert_eq!(
        reasons("include=executions", "flaky"),
        [json!(["passed", null, at]), json!(["failed", "once", at])]
    );
    assert_eq!(
        reasons("include=executions&result=failed", "flaky"),
        [json!(["failed", "once", at])]
    );
    assert_eq!(
        reasons("include=executions&result=^failed&state=enabled", "bad"),
        [
            json!(["failed", "second", at]),
            json!(["failed", "first", at])
        ]
    );
}

/// Whatever was uploaded, the response is small, and every failure keeps a part of its text.
#[test]
fn long_texts_are_cut() {
    let server = TestServer::start();
    for job in 0..30 {
        let long = failed("long", &"x".repeat(60_000));
        server.upload_json(&json!({
            "format": "json",
            "run_env": {"CI": "buildkite", "key": "b1", "job_id": job.to_string()},
            "data": [long, passed("good")],
        }));
    }
    let answer = get(&server, "include=executions");
    assert!(answer.body.len() < 1 << 20, "{}", answer.body.len());
    let long = test(&answer, "long");
    let executions = long["executions"].as_array().unwrap();
    assert_eq!(
        (executions.len(), &long["executions_count"]),
        (20, &json!(30))
    );
    for execution in executions {
        assert!(execution["failure_reason"].as_str().unwrap().len() > 10_000);
    }
}
