//! Tests in the REST API: find, get, mute, skip, enable, list.

use serde_json::{Value, json};

use super::TestServer;
use crate::support::{SUITE, result};

fn seeded() -> TestServer {
    let server = TestServer::start();
    server.upload(
        "b1",
        "main",
        &json!([
            result("A", "fast", "spec/a_spec.rb", 0.5, "passed"),
            result("A", "slow", "spec/a_spec.rb", 4.0, "passed"),
            result("B", "shaky", "spec/b_spec.rb", 1.0, "passed"),
        ]),
    );
    server.upload(
        "b2",
        "topic",
        &json!([result("B", "shaky", "spec/b_spec.rb", 2.0, "failed")]),
    );
    server
}

fn find(server: &TestServer, scope: &str, name: &str) -> Value {
    server
        .post(
            &format!("{SUITE}/tests/find"),
            &json!({"scope": scope, "name": name}),
        )
        .ok()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|test| test["name"].as_str().unwrap())
        .collect()
}

#[test]
fn a_test_is_found_by_its_exact_scope_and_name() {
    let server = seeded();
    let test = find(&server, "B", "shaky");
    let id = test["id"].as_str().unwrap();
    assert_eq!(test["location"], "spec/b_spec.rb:1");
    assert_eq!(test["url"], format!("{}{SUITE}/tests/{id}", server.base));
    assert_eq!(
        test["web_url"],
        format!(
            "{}/organizations/acme/analytics/suites/web/tests/{id}",
            server.base
        )
    );
    let mut read = server.get(&format!("{SUITE}/tests/{id}")).ok();
    let labels = read.as_object_mut().unwrap().remove("labels");
    assert_eq!(labels, Some(json!([])));
    assert_eq!(read, test);
    server
        .post(
            &format!("{SUITE}/tests/find"),
            &json!({"scope": "b", "name": "shaky"}),
        )
        .error(404);
    server
        .post(&format!("{SUITE}/tests/find"), &json!({"scope": "B"}))
        .error(400);
    server.get(&format!("{SUITE}/tests/not-a-uuid")).error(404);
}

#[test]
fn test_states_can_be_set_and_listed() {
    let server = seeded();
    let shaky = find(&server, "B", "shaky");
    let path = format!("{SUITE}/tests/{}", shaky["id"].as_str().unwrap());
    let mut muted = server.put(&format!("{path}/mute")).ok();
    let quarantine = muted.as_object_mut().unwrap().remove("quarantine");
    assert_eq!(muted, shaky);
    assert_eq!(quarantine.unwrap()["reason"], "by API");
    assert_eq!(
        names(&server.get(&format!("{SUITE}/tests/muted")).ok()),
        ["shaky"]
    );
    assert_eq!(
        names(&server.get(&format!("{SUITE}/tests?state=muted")).ok()),
        ["shaky"]
    );
    server.put(&format!("{path}/skip")).ok();
    assert_eq!(server.get(&format!("{SUITE}/tests/muted")).ok(), json!([]));
    assert_eq!(
        names(&server.get(&format!("{SUITE}/tests/skipped")).ok()),
        ["shaky"]
    );
    server.put(&format!("{path}/enable")).ok();
    assert_eq!(
        server.get(&format!("{SUITE}/tests/skipped")).ok(),
        json!([])
    );
    server
        .ask("POST", &format!("{path}/mute"))
        .bearer(&server.access)
        .send()
        .error(405);
}

#[test]
fn failures_of_muted_tests_do_not_fail_a_run() {
    let server = seeded();
    let id = find(&server, "B", "shaky")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    server.put(&format!("{SUITE}/tests/{id}/mute")).ok();
    let receipt = server
        .upload(
            "b3",
            "main",
            &json!([result("B", "shaky", "spec/b_spec.rb", 1.0, "failed")]),
        )
        .json();
    let run = server
        .get(&format!(
            "{SUITE}/runs/{}",
            receipt["run_id"].as_str().unwrap()
        ))
        .ok();
    assert_eq!(run["result"], "passed");
}

#[test]
fn tests_can_be_sorted_filtered_and_paged() {
    let server = seeded();
    let list = |query: &str| server.get(&format!("{SUITE}/tests{query}")).ok();
    assert_eq!(names(&list("")), ["slow", "shaky", "fast"]);
    assert_eq!(names(&list("?order=asc")), ["fast", "shaky", "slow"]);
    assert_eq!(names(&list("?sort_by=reliability&order=asc"))[0], "shaky");
    assert_eq!(names(&list("?branch=topic")), ["shaky"]);
    assert_eq!(names(&list("?search=SLO")), ["slow"]);
    let page = server.get(&format!("{SUITE}/tests?per_page=1&page=2"));
    assert_eq!(names(&page.ok()), ["shaky"]);
    let links = page.header("link").unwrap();
    assert!(
        links.contains("page=3&per_page=1>; rel=\"next\"")
            && links.contains("page=1&per_page=1>; rel=\"prev\""),
        "{links}"
    );
    for bad in ["?state=gone", "?sort_by=x", "?page=x", "?labels=!"] {
        server.get(&format!("{SUITE}/tests{bad}")).error(400);
    }
}

#[test]
fn tests_include_metrics_with_the_version_header() {
    let server = seeded();
    let ask = |version: &str, path: &str| {
        server
            .ask("GET", &format!("{SUITE}{path}"))
            .bearer(&server.access)
            .header("buildkite-version", version)
            .send()
    };
    let id = find(&server, "B", "shaky")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let shaky = ask("2026-08-01", &format!("/tests/{id}")).ok();
    assert_eq!(shaky["reliability"], 0.5);
    assert_eq!(
        (
            shaky["duration_avg"].as_f64(),
            shaky["duration_sum"].as_f64()
        ),
        (Some(1.5), Some(3.0))
    );
    assert_eq!(
        (
            shaky["duration_min"].as_f64(),
            shaky["duration_max"].as_f64()
        ),
        (Some(1.0), Some(2.0))
    );
    let percentiles = ["duration_p50", "duration_p90", "duration_p99"];
    assert_eq!(
        percentiles.map(|field| shaky[field].as_f64()),
        [Some(1.0), Some(2.0), Some(2.0)]
    );
    assert_eq!(
        shaky["executions_count_by_result"],
        json!({"passed": 1, "failed": 1})
    );
    assert_eq!(ask("2026-08-01", "/tests").ok()[0]["labels"], json!([]));
    assert_eq!(ask("2026-07-31", "/tests").ok()[0].get("reliability"), None);
    assert_eq!(ask("", "/tests").status, 200);
    let message = ask("latest", "/tests").error(400);
    assert_eq!(message, "Buildkite-Version must be in format YYYY-MM-DD");
}
