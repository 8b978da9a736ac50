//! Spans of failed and slow executions: stored with the upload, read by the API, removed first.

use serde_json::{Value, json};

use super::TestServer;
use crate::support::{SUITE, result};

fn with_spans(mut result: Value, query: &str) -> Value {
    result["history"]["children"] = json!([
        {"section": "http", "start_at": 1.0, "end_at": 1.5, "duration": 0.5,
         "detail": {"method": "GET", "url": "http://shop.test/", "lib": "net-http"},
         "children": [{"section": "sleep", "duration": 0.25}]},
        {"section": "sql", "duration": 0.125, "detail": {"query": query}},
        {"section": "annotation", "detail": {"content": "paid"}},
        7,
    ]);
    result
}

/// The ids of the executions of a build, by the names of their tests.
fn executions(server: &TestServer, build: &str) -> Vec<(String, String)> {
    let organization = "/v2/analytics/organizations/acme";
    let tests = format!("{organization}/builds/{build}/tests?include=executions&per_page=100");
    let mut found = Vec::new();
    for test in server.get(&tests).ok().as_array().unwrap() {
        for execution in test["executions"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            found.push((text(&test["name"]), text(&execution["id"])));
        }
    }
    found
}

#[test]
fn spans_of_failed_and_slow_executions_can_be_read() {
    let server = TestServer::start();
    let mut results: Vec<Value> = (0_u32..60)
        .map(|number| {
            let seconds = f64::from(number);
            let passed = result("A", &format!("t{number}"), "a.rb", seconds, "passed");
            with_spans(passed, &format!("SELECT {number}"))
        })
        .collect();
    results[3]["result"] = "failed".into();
    // Fails, but has no spans.
    results[4] = result("A", "t4", "a.rb", 1.0, "failed");
    server.upload("b1", "main", &json!(results));
    let mut with_spans = Vec::new();
    for (name, id) in executions(&server, "b1") {
        let answer = server.get(&format!("{SUITE}/executions/{id}/spans"));
        if answer.status == 404 {
            let message = answer.error(404);
            assert!(message.contains("slowest 1%"), "{message}");
            continue;
        }
        let body = answer.ok();
        assert_eq!(
            (&body["execution_id"], &body["omitted"]),
            (&json!(id), &json!(0))
        );
        let number = name.trim_start_matches('t');
        let empty = json!({});
        let expected = json!([
            {"section": "http", "start_at": 1.0, "end_at": 1.5, "duration": 0.5,
             "detail": {"method": "GET", "url": "http://shop.test/", "lib": "net-http"},
             "children": [{"section": "sleep", "start_at": null, "end_at": null, "duration": 0.25,
                           "detail": empty, "children": []}]},
            {"section": "sql", "start_at": null, "end_at": null, "duration": 0.125,
             "detail": {"query": format!("SELECT {number}")}, "children": []},
            {"section": "annotation", "start_at": null, "end_at": null, "duration": null,
             "detail": {"content": "paid"}, "children": []},
        ]);
        assert_eq!(body["spans"], expected, "{name}");
        with_spans.push(name);
    }
    with_spans.sort();
    assert_eq!(with_spans, ["t3", "t59"]);
}

#[test]
fn spans_of_other_suites_and_unknown_executions_are_not_found() {
    let server = TestServer::start();
    let failed = result("A", "one", "a.rb", 1.0, "failed");
    server.upload("b1", "main", &json!([with_spans(failed, "SELECT 1")]));
    let (_, id) = executions(&server, "b1").remove(0);
    let path = |suite: &str, id: &str| format!("{suite}/executions/{id}/spans");
    server.get(&path(SUITE, &id)).ok();
    let other = json!({"name": "Other", "slug": "other", "default_branch": "main"});
    let organization = "/v2/analytics/organizations/acme/suites";
    assert_eq!(server.post(organization, &other).status, 201);
    server
        .get(&path(&format!("{organization}/other"), &id))
        .error(404);
    server
        .get(&path(SUITE, "0198aabb-0000-8000-8000-000000000001"))
        .error(404);
    server.get(&path(SUITE, "not-an-id")).error(404);
}

/// A retried upload stores nothing twice, and a repeated result takes no other result's spans.
#[test]
fn spans_follow_their_execution_when_duplicates_are_dropped() {
    let server = TestServer::start();
    let with_id = |id: &str, name: &str| {
        let mut failed = with_spans(result("A", name, "a.rb", 1.0, "failed"), name);
        failed["id"] = id.into();
        failed
    };
    server.upload("b1", "main", &json!([with_id("1", "first")]));
    server.upload(
        "b1",
        "main",
        &json!([with_id("1", "first"), with_id("2", "second")]),
    );
    let found = executions(&server, "b1");
    assert_eq!(found.len(), 2);
    for (name, id) in found {
        let spans = server.get(&format!("{SUITE}/executions/{id}/spans")).ok();
        assert_eq!(spans["spans"][1]["detail"]["query"], name);
    }
}
