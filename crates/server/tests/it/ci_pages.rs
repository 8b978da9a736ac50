//! The pages for the team that runs the CI: does data arrive, and is the split good?

use serde_json::{Value, json};
use test_engine::clock::Clock;

use super::TestServer;
use crate::receiver::until;
use crate::support::{SUITE, result};

const PAGES: &str = "/organizations/acme/analytics/suites/web";

fn open() -> TestServer {
    TestServer::with(|config| config.web.open = true, Clock::System)
}

fn page(server: &TestServer, path: &str) -> String {
    let answer = server.ask("GET", &format!("{PAGES}{path}")).send();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

#[track_caller]
fn shows(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

#[test]
fn uploads_that_were_not_accepted_come_first() {
    let server = open();
    shows(
        &page(&server, "/uploads"),
        &["No upload has arrived yet.", "bktec run", &server.base],
    );
    let test = json!([result("Cart", "adds", "a_spec.rb", 1.0, "passed")]);
    server.upload("b1", "main", &test);
    server.upload("b2", "main", &test);
    let invalid = json!({"format": "<b>no</b>", "run_env": {"key": "b3"}, "data": []});
    assert_eq!(server.upload_json(&invalid).status, 422);
    assert_eq!(server.upload_json(&invalid).status, 422);
    let all = page(&server, "/uploads");
    shows(
        &all,
        &[
            "2 of 4 uploads of the last 24 hours were rejected.",
            "Uploads of each hour: 2 accepted, 2 rejected, 0 failed",
            "status 422",
            "<b>2</b>",
            "4 uploads",
            "#upload-",
        ],
    );
    assert!(!all.contains("<b>no</b>"), "{all}");
    let table = page(&server, "/uploads?as=table");
    shows(&table, &["Uploads by hour", "<td class=\"number\">2</td>"]);
    let rejected = page(&server, "/uploads?state=rejected");
    shows(&rejected, &["2 uploads", "were rejected"]);
    assert!(!rejected.contains("#upload-"), "{rejected}");
    shows(
        &page(&server, "/uploads?state=failed"),
        &["No upload matches."],
    );
}

fn upload(server: &TestServer, key: &str, seconds: f64) {
    let results = json!([
        result("Cart", "waits", "spec/slow spec.rb", seconds, "passed"),
        result("Cart", "adds", "spec/fast_spec.rb", 5.0, "passed"),
    ]);
    server.upload(key, "main", &results);
}

fn plan(server: &TestServer, identifier: &str, nodes: &Value) {
    let mut request = json!({
        "runner": "rspec", "identifier": identifier, "branch": "main",
        "tests": {"files": [
            {"path": "spec/slow spec.rb"}, {"path": "spec/fast_spec.rb"},
            {"path": "spec/new_spec.rb"},
        ]},
    });
    for (name, value) in nodes.as_object().unwrap() {
        request[name] = value.clone();
    }
    server.post(&format!("{SUITE}/test_plan"), &request).ok();
}

/// The end of a node of the plan `b/1 step`.
fn report(server: &TestServer, node: u32, target: &str, end: &str) {
    let report = json!({
        "identifier": "b/1 step", "build_id": "b", "node": node, "parallelism": 2,
        "run_key": "b", "job_id": format!("job-{node}"), "state": "finished",
        "runner": "rspec", "exit_code": 0, "started_at": "2026-06-20T04:46:00Z",
        "finished_at": format!("2026-06-20T{end}Z"),
        "targets": [{"value": target, "planned": true, "tests": 1, "outcome": "complete"}],
    });
    let stored = server.post(&format!("{SUITE}/test_plan/node_reports"), &report);
    assert_eq!(stored.ok(), json!({"stored": true}));
}

#[test]
fn a_plan_says_who_set_the_pace_and_why_it_has_so_many_nodes() {
    let server = open();
    shows(
        &page(&server, "/plans"),
        &["No plan has been requested yet.", "bktec run"],
    );
    for build in 0..4 {
        upload(&server, &format!("before {build}"), 30.0);
    }
    plan(&server, "b/1 step", &json!({"parallelism": 2}));
    shows(
        &page(&server, "/plans"),
        &[
            "No plan has been run to its end",
            "No reports",
            "b%2F1%20step",
        ],
    );
    let address = "/plans/b%2F1%20step";
    shows(
        &page(&server, address),
        &[
            "2 nodes, planned to take ",
            "None has ended.",
            "Planned nodes",
            "The request asked for 2 nodes.",
        ],
    );
    upload(&server, "b", 50.0);
    let body = server
        .get(&format!("{SUITE}/test_plan?identifier=b/1%20step"))
        .ok();
    let slow = (0..2).find(|node| {
        let tests = &body["tasks"][node.to_string()]["tests"];
        tests.to_string().contains("slow spec.rb")
    });
    let slow = slow.expect("the slow file is in the plan");
    report(&server, slow, "spec/slow spec.rb", "04:46:52");
    report(&server, 1 - slow, "spec/fast_spec.rb", "04:46:40");
    let first = format!("Node {slow} set the pace of the only plan that has ended: it took 30%");
    until("the summary", || page(&server, "/plans").contains(&first));
    let text = page(&server, address);
    shows(
        &text,
        &[
            &format!("Node {slow} set the pace: 52.0 s, planned "),
            "How the work was split",
            "2 items took 55.0 s together, estimated ",
            "spec/slow spec.rb",
            "Without history",
            "spec/new_spec.rb",
            "as planned",
            "/runs/",
            "Did every test run?",
        ],
    );
    // Another number of nodes: each item alone.
    let three = page(&server, &format!("{address}?nodes=3"));
    shows(&three, &["value=\"3\"", "<td class=\"number\">3</td>"]);
    let missing = server.ask("GET", &format!("{PAGES}/plans/b%2F1")).send();
    assert_eq!(missing.status, 404);
}

#[test]
fn a_plan_with_a_chosen_number_of_nodes_has_its_reason() {
    let server = open();
    plan(&server, "..", &json!({"max_parallelism": 8}));
    shows(
        &page(&server, "/plans/%2E%2E"),
        &["Fewer than half of the items have history", "at most 8."],
    );
    for build in 0..4 {
        upload(&server, &format!("{build}"), 30.0);
    }
    let target = json!({"max_parallelism": 8, "target_time": 600});
    plan(&server, "<b>", &target);
    let text = page(&server, "/plans/%3Cb%3E");
    shows(
        &text,
        &["expected to end within 10 min 0 s; at most 8 were allowed."],
    );
    assert!(!text.contains("<b></"), "{text}");
}

#[test]
fn a_run_links_its_plan() {
    let server = open();
    plan(&server, "b/1 step", &json!({"parallelism": 2}));
    report(&server, 0, "spec/fast_spec.rb", "04:46:40");
    let test = json!([result("Cart", "adds", "a_spec.rb", 1.0, "passed")]);
    let receipt = server.upload("b", "main", &test).json();
    let run = format!("/runs/{}", receipt["run_id"].as_str().unwrap());
    until("the split", || {
        page(&server, &run).contains("/plans/b%2F1%20step")
    });
}
