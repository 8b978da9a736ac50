//! Lists as CSV and JSON: the rows of all pages, at the address of the list.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use test_engine::clock::Clock;

use super::TestServer;
use crate::forms::{cookie, get};
use crate::support::{Answer, SUITE, result};
use crate::test_scene::History;

const ANALYTICS: &str = "/organizations/acme/analytics";
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
    rows_of(path, &answer)
}

fn rows_of(path: &str, answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json().as_array().unwrap().clone()
}

fn run(server: &TestServer, number: usize, message: &str, outcome: &str) {
    let mut result = result("Cart", "adds up", "a_spec.rb", 0.25, outcome);
    if outcome == "failed" {
        result["failure_reason"] = json!("expected 3 items");
    }
    let body = json!({
        "format": "json",
        "run_env": {
            "key": format!("run {number}"), "number": number.to_string(), "message": message,
            "branch": if number.is_multiple_of(2) { "main" } else { "feature/x" },
            "commit_sha": format!("{number:040x}"),
        },
        "data": [result],
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
    let uploads = json_of(&server, "/uploads.json");
    let keys: Vec<String> = uploads
        .iter()
        .map(|upload| upload["run_key"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<String> = expected
        .iter()
        .map(|number| format!("run {number}"))
        .collect();
    assert_eq!(keys, expected);
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

/// Both forms of a file have the same rows and columns; returns the rows.
fn both_forms(address: &str, file: impl Fn(&str) -> Answer) -> Vec<Value> {
    let csv = file(&format!("{address}.csv"));
    assert_eq!(csv.status, 200, "{address}: {}", csv.text());
    let text = csv.text();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows = rows_of(address, &file(&format!("{address}.json")));
    assert!(!rows.is_empty(), "{address}");
    assert_eq!(rows.len(), lines.count(), "{address}: {text}");
    for row in &rows {
        let columns = row.as_object().unwrap();
        assert_eq!(columns.len(), header.len(), "{address}");
        assert!(header.iter().all(|column| columns.contains_key(*column)));
    }
    rows
}

#[test]
fn the_file_of_flaky_tests_has_the_columns_of_its_header() {
    let history = History::new();
    let get = |path: &str| history.server.ask("GET", path).send();
    let rows = both_forms(&format!("{PAGES}/flaky"), get);
    assert_eq!(rows[0]["name"], "polls");
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
    let plan = json!({
        "runner": "rspec", "identifier": "build/1", "parallelism": 2, "branch": "main",
        "tests": {"files": [{"path": "a_spec.rb"}]},
    });
    server.post(&format!("{SUITE}/test_plan"), &plan).ok();
    let session = cookie(&server, &server.access);
    let lists = [
        "runs",
        "failures",
        "tests",
        "quarantine",
        "plans",
        "uploads",
        "rules",
        "settings/audit",
    ];
    let lists = lists.map(|list| format!("{PAGES}/{list}"));
    let of_organization = [ANALYTICS.to_owned(), format!("{ANALYTICS}/settings/audit")];
    for list in lists.iter().chain(&of_organization) {
        let page = get(&server, list, &session);
        let link = format!("{list}?format=csv");
        assert!(page.text().contains(&link), "{link}: {}", page.text());
        both_forms(list, |path| get(&server, path, &session));
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
    let causes = json_of(&server, "/failures.json");
    assert_eq!(causes[0]["message"], "expected 3 items");
    assert_eq!(causes[0]["test_id"], id);
    let plans = json_of(&server, "/plans.json");
    assert_eq!(plans[0]["identifier"], "build/1");
    assert_eq!(plans[0]["result"], "No reports");
    assert_eq!(
        plans[0]["url"],
        format!("{}{PAGES}/plans/build%2F1", server.base)
    );
    let rules = json_of(&server, "/rules.json");
    assert_eq!(rules[0]["is_enabled"], true);
    let suites = get(&server, &format!("{ANALYTICS}.json"), &session).json();
    assert_eq!(suites[0]["slug"], "web");
    assert_eq!(suites[0]["quarantined"], 1);
    assert_eq!(suites[0]["last_run_result"], "Failed");
    let audit = get(&server, &format!("{PAGES}/settings/audit.json"), &session).json();
    assert_eq!(audit[0]["action"], "mute.created");
    assert_eq!(audit[0]["reason"], "-1 is wrong");
    let after = audit[0]["after"].as_str().unwrap();
    assert!(after.contains("\"owner\":\"payments\""), "{after}");
}

/// Letters, because numbers are no part of a cause.
fn letters(number: usize) -> String {
    let letter = |number: usize| char::from(b'a' + u8::try_from(number % 26).unwrap());
    [number / 676, number / 26, number]
        .map(letter)
        .iter()
        .collect()
}

#[test]
fn causes_and_differences_are_in_files_longer_than_their_pages() {
    let server = open();
    let upload = |key: &str, outcome: &str| {
        let results = (0..RUNS).map(|number| {
            let name = format!("case {number}");
            let mut result = result("Cart", &name, "a_spec.rb", 0.25, outcome);
            if outcome == "failed" {
                result["failure_reason"] = json!(format!("={} is wrong", letters(number)));
            }
            result
        });
        let receipt = server.upload(key, "main", &json!(results.collect::<Vec<_>>()));
        receipt.json()["run_id"].as_str().unwrap().to_owned()
    };
    let (before, after) = (upload("before", "passed"), upload("after", "failed"));
    let causes = both_forms("/failures", |path| ask(&server, path));
    assert_eq!(causes.len(), RUNS);
    let messages: BTreeSet<&str> = causes
        .iter()
        .map(|cause| cause["message"].as_str().unwrap())
        .collect();
    assert_eq!(messages.len(), RUNS);
    // All tests fail at once.
    assert_eq!(causes[0]["result"], "Outage");
    assert_eq!(causes[0]["red_runs"], 1);
    assert_eq!(causes[0]["test_scope"], "Cart");
    let runs = causes[0]["url"].as_str().unwrap();
    let runs = runs.strip_prefix(&server.base).unwrap();
    assert!(runs.starts_with(&format!("{PAGES}/runs?cause=")), "{runs}");
    let csv = ask(&server, "/failures.csv").text();
    assert!(csv.contains(",'=aaa is wrong,"), "{csv}");
    // The filters of the page.
    assert_eq!(
        json_of(&server, "/failures.json?branch=topic"),
        Vec::<Value>::new()
    );
    let page = ask(&server, "/failures?branch=main&period=7&page=2").text();
    let link = format!("{PAGES}/failures?branch=main&#38;period=7&#38;format=csv");
    assert!(page.contains(&link), "{page}");

    let compared = format!("/runs/{after}/against/{before}");
    let differences = both_forms(&compared, |path| ask(&server, path));
    assert_eq!(differences.len(), RUNS);
    for difference in &differences {
        assert_eq!(difference["difference"], "New failures");
        assert_eq!(
            (&difference["before"], &difference["after"]),
            (&json!("passed"), &json!("failed"))
        );
        assert_eq!(difference["before_seconds"], 0.25);
        let message = difference["message"].as_str().unwrap();
        assert!(message.ends_with(" is wrong"), "{message}");
    }
    let other_way = json_of(
        &server,
        &format!("/runs/{before}/against/{after}?format=json"),
    );
    assert_eq!(other_way[0]["difference"], "Fixed");
    assert_eq!(other_way[0]["message"], Value::Null);
    let page = ask(&server, &compared).text();
    assert!(
        page.contains(&format!("{PAGES}{compared}?format=json")),
        "{page}"
    );
    assert_eq!(
        ask(&server, &format!("/runs/{after}/against/x.csv")).status,
        404
    );
}

#[test]
fn the_file_of_uploads_has_those_that_were_not_accepted() {
    let server = open();
    run(&server, 1, "Round tax", "passed");
    let rejected = server.upload_json(&json!({"format": "none", "run_env": {"key": "x"}}));
    assert_eq!(rejected.status, 422, "{}", rejected.text());
    let uploads = both_forms("/uploads", |path| ask(&server, path));
    let results: Vec<&Value> = uploads.iter().map(|upload| &upload["result"]).collect();
    assert_eq!(results, ["Rejected", "Accepted"]);
    assert_eq!(uploads[0]["status"], 422);
    assert_eq!(uploads[0]["results"], Value::Null);
    assert_eq!(uploads[1]["results"], 1);
    let of_run = uploads[1]["url"].as_str().unwrap();
    assert!(of_run.contains("#upload-"), "{of_run}");
    let accepted = json_of(&server, "/uploads?state=accepted&format=json");
    assert_eq!(accepted.len(), 1);
}

#[test]
fn files_need_the_same_access_as_their_pages() {
    let server = TestServer::start();
    for path in [
        "/runs.csv",
        "/quarantine?format=json",
        "/failures.csv",
        "/plans.json",
        "/uploads.csv",
        "/rules.csv",
        "/settings/audit.csv",
    ] {
        let answer = ask(&server, path);
        assert_eq!(answer.status, 303, "{path}");
        let next = answer.header("location").unwrap().to_owned();
        assert!(next.starts_with("/sign-in?next="), "{next}");
    }
}
