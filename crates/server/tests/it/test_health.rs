//! Which tests are broken or flaky, and why tests failed in a run.

use serde_json::{Value, json};

use super::TestServer;
use crate::support::{SUITE, result};
use crate::waiting::wait_for;

fn passed(name: &str) -> Value {
    result("Cart", name, "spec/cart_spec.rb", 0.25, "passed")
}

fn failed(name: &str) -> Value {
    let mut failed = result("Cart", name, "spec/cart_spec.rb", 0.5, "failed");
    failed["failure_reason"] = json!("expected 1, got 2");
    failed["failure_expanded"] = json!([{
        "expanded": ["expected 1", "got 2"],
        "backtrace": ["/gems/rspec/core.rb:9:in 'run'", "./lib/cart.rb:3:in 'total'"],
    }]);
    failed
}

fn upload(server: &TestServer, key: &str, branch: &str, results: &Value) -> String {
    let receipt = server.upload(key, branch, results).json();
    receipt["run_id"].as_str().unwrap().to_owned()
}

/// Waits until the job has judged the tests of all uploads.
fn health(server: &TestServer, test: &str) -> Value {
    wait_for("the judgement", || {
        let health = server.get(&format!("{SUITE}/tests/{test}/health")).ok();
        let is_current = health["is_current"] == true;
        if is_current { Ok(health) } else { Err(health) }
    })
}

fn test_id(server: &TestServer, name: &str) -> String {
    let sought = json!({"scope": "Cart", "name": name});
    let found = server.post(&format!("{SUITE}/tests/find"), &sought).ok();
    found["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_broken_test_is_listed_with_its_first_failed_commit() {
    let server = TestServer::start();
    upload(
        &server,
        "1",
        "main",
        &json!([passed("adds"), passed("ships")]),
    );
    for key in ["2", "3"] {
        upload(
            &server,
            key,
            "main",
            &json!([failed("adds"), passed("ships")]),
        );
    }
    let adds = test_id(&server, "adds");
    let judged = health(&server, &adds);
    assert_eq!(judged["level"], "broken");
    assert_eq!(judged["broken_since"]["commit_sha"], "sha-2");
    assert_eq!(judged["last_passed"]["commit_sha"], "sha-1");
    assert_eq!(judged["flaky_since"], Value::Null);
    let sound = health(&server, &test_id(&server, "ships"));
    assert_eq!(
        (&sound["level"], &sound["judged_at"]),
        (&json!("sound"), &Value::Null)
    );

    let listed = server.get(&format!("{SUITE}/tests/health")).ok();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed[0]["id"], json!(adds));
    let mut explained = listed[0]["health"].clone();
    explained["causes"] = Value::Null;
    assert_eq!(explained, judged);
    let flaky = server
        .get(&format!("{SUITE}/tests/health?level=flaky,suspect"))
        .ok();
    assert_eq!(flaky, json!([]));
    let error = server
        .get(&format!("{SUITE}/tests/health?level=sound"))
        .error(400);
    assert!(error.contains("broken, flaky, suspect"), "{error}");
}

#[test]
fn a_run_tells_how_its_tests_failed_and_why() {
    let server = TestServer::start();
    for key in ["1", "2"] {
        upload(
            &server,
            key,
            "main",
            &json!([failed("ships"), passed("adds"), passed("pays")]),
        );
    }
    let results = json!([
        failed("ships"),
        failed("adds"),
        failed("pays"),
        passed("pays"),
        passed("sails")
    ]);
    let run = upload(&server, "3", "topic", &results);
    let found = server.get(&format!("{SUITE}/runs/{run}")).ok();
    let expected = json!({"first_failed": 3, "broken": 2, "recovered": 1, "muted_failed": 0});
    assert_eq!(found["failed_tests"], expected);
    assert_eq!(
        (&found["result"], &found["outage"]),
        (&json!("failed"), &json!(false))
    );

    let failures = server.get(&format!("{SUITE}/runs/{run}/failures")).ok();
    let failures = failures.as_array().unwrap();
    let brief = |failure: &Value| {
        let (name, verdict) = (failure["test"]["name"].clone(), failure["verdict"].clone());
        json!([name, verdict, failure["fails_build"]])
    };
    let verdicts: Vec<Value> = failures.iter().map(brief).collect();
    let expected = [
        json!(["adds", "new", true]),
        json!(["ships", "also_on_main", true]),
        json!(["pays", "flaky_here", false]),
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(failures[0]["frame"], "./lib/cart.rb:3");

    let groups = server
        .get(&format!("{SUITE}/runs/{run}/failure_groups"))
        .ok();
    assert_eq!(groups.as_array().unwrap().len(), 1, "{groups}");
    assert_eq!(groups[0]["fingerprint"], failures[0]["fingerprint"]);
    assert_eq!(
        (&groups[0]["tests_count"], &groups[0]["other_runs"]),
        (&json!(3), &json!(2))
    );
    let fingerprint = groups[0]["fingerprint"].as_str().unwrap();
    let path = format!("{SUITE}/failure_groups/{fingerprint}/runs");
    let runs = server.get(&path).ok();
    assert_eq!(runs.as_array().unwrap().len(), 3);
    assert_eq!(runs[0]["id"], json!(run));
    server
        .get(&format!(
            "{SUITE}/failure_groups/{}/runs",
            &fingerprint[1..]
        ))
        .error(404);
}

#[test]
fn a_rule_is_replayed_over_the_stored_history() {
    let server = TestServer::start();
    let adds = [failed("adds"), passed("adds"), passed("ships")];
    upload(&server, "1", "main", &json!(adds));
    let preview = |body: &Value| server.post(&format!("{SUITE}/rules/preview"), body).ok();
    let found = preview(&json!({"rule": "passed_on_retry", "days": 7}));
    assert_eq!(
        (&found["flagged_tests"], &found["tests_count"]),
        (&json!(1), &json!(1))
    );
    let test = &found["tests"][0];
    assert_eq!(test["test"]["id"], json!(test_id(&server, "adds")));
    assert_eq!(
        (&test["is_flagged"], &test["was_broken"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(test["alarms"].as_array().unwrap().len(), 1);
    assert_eq!(test["alarms"][0]["ended_at"], Value::Null);
    let found = preview(&json!({"rule": "flaky"}));
    assert_eq!(
        (&found["flagged_tests"], &found["tests"]),
        (&json!(0), &json!([]))
    );
}

#[test]
fn a_test_with_a_real_failure_is_muted_only_by_force() {
    let server = TestServer::start();
    for key in ["1", "2"] {
        upload(
            &server,
            key,
            "main",
            &json!([failed("adds"), passed("pays"), passed("ships")]),
        );
    }
    upload(
        &server,
        "3",
        "topic",
        &json!([failed("pays"), failed("ships"), passed("ships")]),
    );
    let mute = |name: &str, body: &Value| {
        let id = test_id(&server, name);
        health(&server, &id);
        server
            .ask("PUT", &format!("{SUITE}/tests/{id}/mute"))
            .bearer(&server.access)
            .json(body)
    };
    let details = json!({"reason": "it blocks us"});
    let error = mute("adds", &details).send().error(422);
    assert!(
        error.contains("default branch") && error.contains("force"),
        "{error}"
    );
    let error = mute("pays", &details).send().error(422);
    assert!(error.contains("on a branch only"), "{error}");
    mute("ships", &details).send().ok();
    mute("adds", &json!({"reason": "it blocks us", "force": true}))
        .send()
        .ok();
    // Other details of a muted test, and the request of the hosted product.
    mute("adds", &json!({"reason": "still", "days": 3}))
        .send()
        .ok();
    let id = test_id(&server, "pays");
    server.put(&format!("{SUITE}/tests/{id}/mute")).ok();
}
