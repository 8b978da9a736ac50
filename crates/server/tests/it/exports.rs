//! Lists as CSV and JSON: the rows of all pages, at the address of the list.

use serde_json::{Value, json};
use test_engine::clock::Clock;

use super::TestServer;
use crate::support::{Answer, SUITE, result};

const PAGES: &str = "/organizations/acme/analytics/suites/web";
/// More than a page has, and more than are read at once.
const RUNS: usize = 505;

fn open() -> TestServer {
    TestServer::with(|config| config.web.open = true, Clock::System)
}

fn ask(server: &TestServer, path: &str) -> Answer {
    server.ask("GET", &format!("{PAGES}{path}")).send()
}

fn json_of(server: &TestServer, path: &str) -> Vec<Value> {
    let answer = ask(server, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json().as_array().unwrap().clone()
}

fn run(server: &TestServer, number: usize, message: &str, outcome: &str) {
    let body = json!({
        "format": "json",
        "run_env": {
            "key": format!("run {number}"), "number": number.to_string(), "message": message,
            "branch": if number.is_multiple_of(2) { "main" } else { "feature/x" },
            "commit_sha": format!("{number:040x}"),
        },
        "data": [result("Cart", "adds up", "a_spec.rb", 0.25, outcome)],
    });
    let answer = server.upload_json(&body);
    assert_eq!(answer.status, 202, "{}", answer.text());
}

#[test]
fn all_runs_are_in_one_file_newest_first() {
    let server = open();
    for number in 0..RUNS {
        run(&server, number, "Round tax", "passed");
    }
    let runs = json_of(&server, "/runs?format=json&page=2");
    let numbers: Vec<usize> = runs
        .iter()
        .map(|run| run["number"].as_str().unwrap().parse().unwrap())
        .collect();
    let expected: Vec<usize> = (0..RUNS).rev().collect();
    assert_eq!(numbers, expected);
    assert_eq!(runs[0]["result"], "Passed");
    assert_eq!(runs[0]["test_seconds"], 0.25);
    assert_eq!(runs[0]["passed"], 1);
    assert_eq!(runs[0]["ci_url"], Value::Null);
    // The filters of the page select rows; both forms of the address are the same file.
    let of_branch = json_of(&server, "/runs.json?branch=main");
    assert_eq!(of_branch.len(), RUNS.div_ceil(2));
    let address = format!("/runs?commit={:040x}", 7);
    assert_eq!(json_of(&server, &format!("{address}&format=json")).len(), 1);
    let page = ask(&server, "/runs?branch=main&page=2").text();
    let link = format!("{PAGES}/runs?branch=main&#38;format=csv");
    assert!(page.contains(&link), "{page}");
}

#[test]
fn a_file_is_safe_to_open() {
    let server = open();
    run(
        &server,
        1,
        "=HYPERLINK(\"https://evil.example\",\"a, b\")\nmore",
        "failed",
    );
    let answer = ask(&server, "/runs.csv");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"web-runs.csv\"")
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let text = answer.text();
    assert!(text.starts_with("id,result,number,"), "{text}");
    let cell = "\"'=HYPERLINK(\"\"https://evil.example\"\",\"\"a, b\"\")\"";
    assert!(text.contains(cell), "{text}");
    assert_eq!(ask(&server, "/runs?format=xls").status, 400);
    assert_eq!(ask(&server, "/runs.xls").status, 404);
}

#[test]
fn every_list_has_a_file_with_the_columns_of_its_header() {
    let server = open();
    run(&server, 1, "Round tax", "failed");
    let test = json!({"scope": "Cart", "name": "adds up"});
    let test = server.post(&format!("{SUITE}/tests/find"), &test).ok();
    let id = test["id"].as_str().unwrap();
    let reason = json!({"reason": "-1 is wrong", "owner": "payments", "force": true});
    let mute = format!("{SUITE}/tests/{id}/mute");
    let muted = server.ask("PUT", &mute).bearer(&server.access);
    muted.json(&reason).send().ok();
    for list in ["runs", "flaky", "quarantine"] {
        let csv = ask(&server, &format!("/{list}.csv"));
        assert_eq!(csv.status, 200, "{list}: {}", csv.text());
        let header = csv.text().lines().next().unwrap().to_owned();
        let rows = json_of(&server, &format!("/{list}.json"));
        assert_eq!(rows.len() + 1, csv.text().lines().count(), "{list}");
        for row in rows {
            let columns = row.as_object().unwrap();
            assert!(header.split(',').all(|column| columns.contains_key(column)));
        }
    }
    let quarantine = json_of(&server, "/quarantine.json");
    assert_eq!(quarantine[0]["reason"], "-1 is wrong");
    assert_eq!(quarantine[0]["owner"], "payments");
    assert_eq!(
        quarantine[0]["url"],
        format!("{}{PAGES}/tests/{id}", server.base)
    );
    // Only people who are signed in learn who did something.
    assert_eq!(quarantine[0]["by"], Value::Null);
    let csv = ask(&server, "/quarantine.csv").text();
    assert!(csv.contains(",'-1 is wrong,"), "{csv}");
}

#[test]
fn files_need_the_same_access_as_their_pages() {
    let server = TestServer::start();
    for path in ["/runs.csv", "/quarantine?format=json"] {
        let answer = ask(&server, path);
        assert_eq!(answer.status, 303, "{path}");
        let next = answer.header("location").unwrap().to_owned();
        assert!(next.starts_with("/sign-in?next="), "{next}");
    }
}
