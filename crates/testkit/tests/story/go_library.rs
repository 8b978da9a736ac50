//! Buildkite's own Go library, unmodified, reads everything from our server: as the command line
//! and the MCP server of the hosted product do.

use std::time::Duration;

use serde_json::{Value, json};
use test_engine_testkit::{Connection, TestServer, clean_command, run_within, tool};

const BUILD: &str = "0198aabb-0000-7000-8000-000000000001";

fn failed(name: &str, seconds: f64) -> Value {
    json!({
        "scope": "Cart", "name": name, "location": "cart_spec.rb:7", "file_name": "cart_spec.rb",
        "result": "failed", "history": {"section": "top", "duration": seconds},
        "failure_reason": format!("{name} is broken"),
        "failure_expanded": [{"expanded": ["expected 1"], "backtrace": ["cart_spec.rb:8"]}],
    })
}

fn passed(name: &str) -> Value {
    let mut result = failed(name, 0.5);
    result["result"] = "passed".into();
    for failure in ["failure_reason", "failure_expanded"] {
        result.as_object_mut().unwrap().remove(failure);
    }
    result
}

fn upload(connection: &Connection, results: &Value) {
    connection
        .upload_of_buildkite(BUILD, results)
        .expect_status(202);
}

/// What the library read from each call.
fn calls(server: &TestServer, connection: &Connection) -> Value {
    let home = tempfile::tempdir().unwrap();
    let mut command = clean_command(tool("go-library/call-everything"), home.path());
    command
        .env("SERVER", server.base_url())
        .env("TOKEN", &connection.access_token)
        .env("ORGANIZATION", &connection.organization)
        .env("SUITE", &connection.suite)
        .env("BUILD", BUILD);
    let finished = run_within(command, Duration::from_mins(1));
    finished.expect_code(0);
    serde_json::from_str(&finished.stdout).unwrap()
}

fn field<'a>(list: &'a Value, name: &str) -> Vec<&'a str> {
    let items = list
        .as_array()
        .unwrap_or_else(|| panic!("not a list: {list}"));
    let mut values: Vec<&str> = items
        .iter()
        .map(|item| item[name].as_str().unwrap())
        .collect();
    values.sort_unstable();
    values
}

#[test]
fn every_call_of_the_go_library_is_answered() {
    let server = TestServer::start();
    let connection = server.create_suite("shop");
    upload(
        &connection,
        &json!([failed("adds", 1.5), failed("pays", 2.0), passed("ships")]),
    );
    upload(&connection, &json!([failed("adds", 1.25), passed("pays")]));
    let id = connection.test_id("Cart", "pays");
    let labels = json!({"operator": "add", "labels": ["flaky"]});
    let change = connection
        .api()
        .patch(&format!("/tests/{id}/labels"), &labels);
    change.expect_status(200);
    let calls = calls(&server, &connection);

    let suite = &calls["suite create"];
    assert_eq!(
        (&suite["slug"], &suite["name"]),
        (&json!("from-go"), &json!("From Go")),
        "{calls}"
    );
    for call in ["suite update", "suite get"] {
        let renamed = (&calls[call]["name"], &calls[call]["default_branch"]);
        assert_eq!(
            renamed,
            (&json!("Renamed"), &json!("trunk")),
            "{call}: {calls}"
        );
    }
    assert_eq!(field(&calls["suite list"], "slug"), ["from-go", "shop"]);
    assert_eq!(calls["suite delete"]["status"], 204);
    assert_eq!(calls["suite get deleted"]["status"], 404);

    let run = &calls["run list"][0];
    assert_eq!(
        (&run["result"], &run["build_id"]),
        (&json!("failed"), &json!(BUILD))
    );
    assert_eq!(run["branch"], "main");
    assert_eq!(&calls["run get"], run);
    let failures = &calls["failed executions"];
    assert_eq!(
        field(failures, "test_name"),
        ["Cart adds", "Cart adds", "Cart pays"]
    );
    assert_eq!(
        failures[0]["failure_expanded"][0]["expanded"],
        json!(["expected 1"])
    );
    assert_eq!(
        (&failures[0]["duration"], &failures[0]["run_id"]),
        (&json!(1.5), &run["id"])
    );
    assert_eq!(calls["test get"]["id"], failures[0]["test_id"]);
    assert_eq!(calls["test get"]["scope"], "Cart");
    let flaky = &calls["flaky tests"];
    assert_eq!(
        (field(flaky, "name"), &flaky[0]["instances"]),
        (vec!["pays"], &json!(1))
    );
    assert!(flaky[0]["most_recent_instance_at"].is_string(), "{flaky}");

    assert_build_tests(&calls);

    assert!(calls["access token"]["scopes"].is_array(), "{calls}");
    for (call, status, hint) in [
        ("unknown result", 400, "result"),
        ("unknown state", 400, "state"),
        ("unknown include", 400, "include"),
        ("unknown build", 404, "build"),
        ("team suites", 404, "no teams"),
        ("team suite create", 404, "no teams"),
    ] {
        let answer = &calls[call];
        assert_eq!(answer["status"], status, "{call}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(hint), "{call}: {message}");
    }
}

fn assert_build_tests(calls: &Value) {
    let tests = &calls["build tests"];
    assert_eq!(field(tests, "name"), ["adds", "pays", "ships"]);
    let pays = tests
        .as_array()
        .unwrap()
        .iter()
        .find(|test| test["name"] == "pays")
        .unwrap();
    assert_eq!(pays["labels"], json!([{"name": "flaky"}]));
    assert_eq!(
        pays["executions_count_by_result"],
        json!({"passed": 1, "failed": 1})
    );
    assert_eq!(
        (&pays["reliability"], &pays["state"]),
        (&json!(0.5), &json!("enabled"))
    );

    let failed = &calls["build tests that failed"];
    assert_eq!(field(failed, "name"), ["adds"]);
    let latest = &failed[0]["latest_fail"];
    assert_eq!(latest["duration"], 1.25);
    assert_eq!(latest["failure_reason"], "adds is broken");
    assert_eq!(
        latest["failure_expanded"][0]["backtrace"],
        json!(["cart_spec.rb:8"])
    );
    assert!(
        latest["timestamp"].is_string() && latest["id"].is_string(),
        "{latest}"
    );

    let passed = &calls["executions of build tests"];
    assert_eq!(field(passed, "name"), ["pays", "ships"]);
    for test in passed.as_array().unwrap() {
        let executions = test["executions"].as_array().unwrap();
        assert_eq!(executions.len(), 1, "{test}");
        let only = &executions[0];
        assert_eq!(
            (&only["status"], &only["duration"]),
            (&json!("passed"), &json!(0.5))
        );
        assert_eq!(only["location"], "cart_spec.rb:7");
    }
}
