//! Unusual input: rejected with a message, or stored unchanged.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use serde_json::{Value, json};
use test_engine::clock::Clock;

use crate::support::{SUITE, TestServer, result};

const SUITES: &str = "/v2/analytics/organizations/acme/suites";

/// Times of clients with wrong clocks, in seconds or milliseconds.
const ODD_TIMES: [f64; 5] = [-6e10, 0.0, 1e12, 4.1e12, 1e300];

#[test]
fn keeps_long_and_non_ascii_names_unchanged() {
    let server = TestServer::start();
    let long = "ж🧪 ".repeat(1_500);
    assert!(long.len() > 10 * 1024);
    let names = [
        long.as_str(),
        "a\u{301} ≠ á",
        "‏עברית‏",
        "<b>&\"'`",
        "%2F/../?#",
        "\u{7f}\u{1b}[31m",
    ];
    let results: Vec<Value> = names
        .iter()
        .map(|name| result(name, name, "spec/a_spec.rb", 1.0, "failed"))
        .collect();
    let receipt = server
        .upload(
            "b1",
            &long.chars().take(200).collect::<String>(),
            &json!(results),
        )
        .json();
    assert_eq!(receipt["queued"], names.len());
    for name in names {
        let body = json!({"scope": name, "name": name});
        let test = server.post(&format!("{SUITE}/tests/find"), &body).ok();
        assert_eq!(test["name"], name);
        let id = test["id"].as_str().unwrap();
        let read = server.get(&format!("{SUITE}/tests/{id}")).ok();
        assert_eq!(
            (&read["scope"], &read["name"]),
            (&json!(name), &json!(name))
        );
    }
    let all = server.get(&format!("{SUITE}/tests")).ok();
    assert_eq!(all.as_array().unwrap().len(), names.len());
}

#[test]
fn ignores_times_of_clients() {
    let now = 1_795_341_600_000;
    let clock = Clock::Fixed(Arc::new(AtomicI64::new(now)));
    let server = TestServer::with(|_| {}, clock);
    let results: Vec<Value> = (0..)
        .zip(ODD_TIMES)
        .map(|(number, time)| {
            let mut odd = result("A", &format!("test {number}"), "a.rb", 2.0, "failed");
            odd["history"]["start_at"] = json!(time);
            odd["history"]["end_at"] = json!(-time);
            odd
        })
        .collect();
    let receipt = server.upload("b1", "main", &json!(results)).json();
    assert_eq!(receipt["queued"], ODD_TIMES.len());
    let run = format!("{SUITE}/runs/{}", receipt["run_id"].as_str().unwrap());
    assert_eq!(
        server.get(&run).ok()["created_at"],
        "2026-11-22T10:00:00.000Z"
    );
    let failed = server.get(&format!("{run}/failed_executions")).ok();
    for execution in failed.as_array().unwrap() {
        assert_eq!(execution["created_at"], "2026-11-22T10:00:00.000Z");
        assert_eq!(execution["duration"], 2.0);
    }
    let listed = server.get(&format!("{SUITE}/tests?period=1day")).ok();
    assert_eq!(listed.as_array().unwrap().len(), ODD_TIMES.len());
    // Periods of any year are valid and empty.
    for window in [
        "min_timestamp=0001-01-01T00:00:00Z&max_timestamp=0002-01-01T00:00:00Z",
        "min_timestamp=9000-01-01T00:00:00Z&max_timestamp=9999-01-01T00:00:00Z",
        "min_timestamp=2027-01-01T00:00:00Z&max_timestamp=2026-01-01T00:00:00Z",
    ] {
        for more in ["", "&tags=build.id:b1", "&tags=result:failed"] {
            let listed = server.get(&format!("{SUITE}/tests?{window}{more}"));
            assert_eq!(listed.ok(), json!([]), "{window}{more}");
        }
    }
}

#[test]
fn limits_page_numbers_and_sizes() {
    let server = TestServer::start();
    let results: Vec<Value> = (0..120)
        .map(|number| result("A", &format!("test {number}"), "a.rb", 1.0, "failed"))
        .collect();
    let receipt = server.upload("b1", "main", &json!(results)).json();
    let run = receipt["run_id"].as_str().unwrap();
    for list in ["tests".to_owned(), format!("runs/{run}/failed_executions")] {
        let size = |query: &str| {
            let answer = server.get(&format!("{SUITE}/{list}?{query}"));
            answer.ok().as_array().unwrap().len()
        };
        assert_eq!(size(""), 30);
        assert_eq!(size("page=0&per_page=0"), 1);
        assert_eq!(size("per_page=1000"), 100);
        assert_eq!(size("page=2&per_page=1000"), 20);
        assert_eq!(size("page=4294967295&per_page=100"), 0);
        let past = server.get(&format!("{SUITE}/{list}?page=9"));
        assert!(
            past.header("link")
                .unwrap()
                .contains("page=4&per_page=30>; rel=\"prev\"")
        );
        for bad in ["page=-1", "page=4294967296", "per_page=1.5", "page=%00"] {
            let message = server.get(&format!("{SUITE}/{list}?{bad}")).error(400);
            let field = bad.split('=').next().unwrap();
            assert!(message.contains(field), "{message}");
        }
    }
}

fn plan(server: &TestServer, identifier: &str, nodes: &Value, selectors: usize) -> (u16, Value) {
    let selectors: Vec<Value> = (0..selectors)
        .map(|number| json!({"value": format!("spec/file_{number}_spec.rb")}))
        .collect();
    let body = json!({
        "runner": "rspec", "identifier": identifier, "parallelism": nodes, "branch": "main",
        "tests": {"selectors": selectors},
    });
    let answer = server.post(&format!("{SUITE}/test_plan"), &body);
    (answer.status, answer.json())
}

#[test]
fn accepts_one_to_a_thousand_nodes() {
    let server = TestServer::start();
    for nodes in [1, 1_000] {
        let (status, plan) = plan(&server, &format!("{nodes} nodes"), &json!(nodes), 10);
        assert_eq!((status, &plan["parallelism"]), (200, &json!(nodes)));
        let tasks = plan["tasks"].as_object().unwrap();
        assert_eq!(tasks.len(), nodes);
        let tests: usize = tasks
            .values()
            .map(|task| task["tests"].as_array().unwrap().len())
            .sum();
        assert_eq!(tests, 10);
    }
    for nodes in [json!(0), json!(1_001), json!(-1)] {
        let (status, refused) = plan(&server, "refused", &nodes, 10);
        let message = refused["message"].as_str().unwrap();
        assert!(
            status == 400 && message.contains("parallelism"),
            "{nodes}: {message}"
        );
    }
}

#[test]
fn plans_two_hundred_thousand_selectors_without_loss() {
    let server = TestServer::start();
    let (status, plan) = plan(&server, "large", &json!(100), 200_000);
    assert_eq!(status, 200);
    let mut planned: Vec<&str> = plan["tasks"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|task| task["tests"].as_array().unwrap())
        .map(|test| test["value"].as_str().unwrap())
        .collect();
    assert_eq!(planned.len(), 200_000);
    planned.sort_unstable();
    planned.dedup();
    assert_eq!(planned.len(), 200_000);
}

#[test]
fn reports_one_invalid_result_among_five_thousand() {
    let server = TestServer::start();
    let mut results: Vec<Value> = (0..5_000)
        .map(|number| result("A", &format!("test {number}"), "a.rb", 0.1, "passed"))
        .collect();
    results[3_210]["name"] = json!(["no", "text"]);
    let receipt = server.upload("b1", "main", &json!(results)).json();
    assert_eq!(
        (&receipt["queued"], &receipt["skipped"]),
        (&json!(4_999), &json!(1))
    );
    let error = receipt["errors"][0].as_str().unwrap();
    assert!(error.contains("3210") && error.contains("name"), "{error}");
    results.push(results[0].clone());
    let message = server
        .upload_json(&json!({"format": "json", "run_env": {"key": "b2"}, "data": results}))
        .error(422);
    assert!(
        message.contains("5001") && message.contains("5000"),
        "{message}"
    );
}

#[test]
fn names_the_field_with_a_wrong_type() {
    let server = TestServer::start();
    let suite = |path: &str| format!("{SUITE}/{path}");
    let test = suite("tests/018f2f6e-0000-8000-8000-000000000000/labels");
    for (method, path, body, field) in [
        ("POST", suite("test_plan"), json!({"runner": 1}), "runner"),
        (
            "POST",
            suite("test_plan"),
            json!({"parallelism": "2"}),
            "parallelism",
        ),
        (
            "POST",
            suite("test_plan"),
            json!({"tests": {"files": [{"path": "a"}, {"path": {}}]}}),
            "tests.files[1].path",
        ),
        (
            "POST",
            suite("test_plan"),
            json!({"tests": {"selectors": {}}}),
            "tests.selectors",
        ),
        (
            "POST",
            suite("test_plan/filter_tests"),
            json!({"files": [{"path": 7}]}),
            "files[0].path",
        ),
        (
            "POST",
            suite("test_files"),
            json!({"paths": [1]}),
            "paths[0]",
        ),
        (
            "POST",
            suite("test_plan_metadata"),
            json!({"env": 7}),
            "env",
        ),
        (
            "POST",
            suite("tests/find"),
            json!({"scope": 1, "name": "a"}),
            "scope",
        ),
        (
            "PATCH",
            test,
            json!({"operator": "add", "labels": {}}),
            "labels",
        ),
        (
            "PUT",
            suite("execution-tags"),
            json!({"executions": [{"id": 1}]}),
            "executions[0].id",
        ),
    ] {
        let answer = server
            .ask(method, &path)
            .bearer(&server.access)
            .json(&body)
            .send();
        let message = answer.error(400);
        assert!(
            message.contains(&format!("at {field}:")),
            "{path} {body}: {message}"
        );
    }
    for (method, path) in [("POST", SUITES), ("PATCH", SUITE)] {
        let body = json!({"name": {}, "default_branch": 1, "color": [], "show_api_token": 1});
        let answer = server
            .ask(method, path)
            .bearer(&server.access)
            .json(&body)
            .send();
        let message = answer.error(422);
        for field in ["Name", "Default branch", "Color", "Show API token"] {
            assert!(message.contains(&format!("{field} must be")), "{message}");
        }
    }
    let message = server
        .upload_json(&json!({"format": "json", "run_env": []}))
        .error(422);
    assert!(message.contains("at run_env"), "{message}");
    for body in ["", "{", "nul", "{\"runner\":\"rspec\"} x", "\u{0}"] {
        let answer = server
            .ask("POST", &suite("test_plan"))
            .bearer(&server.access)
            .header("content-type", "application/json")
            .body(body)
            .send();
        answer.error(400);
    }
}
