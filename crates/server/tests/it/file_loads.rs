//! Plans reckon with the time to load a test file, as nodes have reported it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use test_engine::clock::Clock;

use super::TestServer;
use crate::support::SUITE;

/// The nodes that run examples of a file of four tests, beside one of two. Each takes a second.
fn nodes_of_file(server: &TestServer, identifier: &str, runner: &str) -> BTreeSet<String> {
    let example = |file: &str, number: usize| {
        let path = format!("{file}::test_{number}");
        let name = format!("test_{number}");
        json!({"format": "example", "path": path, "identifier": path, "scope": file, "name": name})
    };
    let large = (0..4).map(|number| example("test_large.py", number));
    let small = (0..2).map(|number| example("test_small.py", number));
    let plan = json!({
        "runner": runner, "identifier": identifier, "parallelism": 2, "branch": "main",
        "tests": {"examples": large.chain(small).collect::<Vec<Value>>()},
    });
    let plan = server.post(&format!("{SUITE}/test_plan"), &plan).ok();
    let tasks = plan["tasks"].as_object().unwrap().iter();
    let has_part = |task: &Value| task["tests"].to_string().contains("test_large.py");
    tasks
        .filter(|(_, task)| has_part(task))
        .map(|(node, _)| node.clone())
        .collect()
}

fn report(server: &TestServer, node: u32, state: &str, loading: &Value) -> Value {
    let report = json!({
        "identifier": "earlier", "build_id": "b", "node": node, "parallelism": 20,
        "job_id": format!("job-{node}"), "state": state, "runner": "pytest", "exit_code": 0,
        "started_at": "2026-06-20T04:46:13Z", "finished_at": "2026-06-20T04:47:13Z",
        "loading": loading,
    });
    let path = format!("{SUITE}/test_plan/node_reports");
    let answer = server.post(&path, &report);
    json!({"status": answer.status, "body": answer.json()})
}

#[test]
fn plans_learn_what_loading_a_file_takes() {
    let server = TestServer::start();
    // 100 ms at first, so four tests of a second are split.
    assert_eq!(nodes_of_file(&server, "first", "pytest").len(), 2);
    // Reports that say nothing about it, or that ended early, change nothing.
    let slow = json!({"files": 10, "duration_us": 20_000_000});
    report(&server, 0, "failed", &slow);
    report(
        &server,
        1,
        "finished",
        &json!({"files": 0, "duration_us": 9}),
    );
    report(&server, 2, "finished", &Value::Null);
    assert_eq!(nodes_of_file(&server, "second", "pytest").len(), 2);
    // Two seconds per file: then splitting the file takes longer.
    assert_eq!(report(&server, 3, "finished", &slow)["status"], 200);
    assert_eq!(nodes_of_file(&server, "third", "pytest").len(), 1);
    assert_eq!(nodes_of_file(&server, "fourth", "rspec").len(), 2);
    // Files that load fast bring the split back.
    for node in 4..20 {
        report(
            &server,
            node,
            "finished",
            &json!({"files": 10, "duration_us": 1_000}),
        );
    }
    assert_eq!(nodes_of_file(&server, "fifth", "pytest").len(), 2);
}

#[test]
fn other_numbers_of_nodes_reckon_with_the_load_time_of_the_plan() {
    let server = TestServer::with(|config| config.web.open = true, Clock::System);
    let with_one_node = |identifier: &str| {
        let plans = "/organizations/acme/analytics/suites/web/plans";
        let answer = server.ask("GET", &format!("{plans}/{identifier}?nodes=1"));
        let text = answer.send().text();
        let row = text.split("<td class=\"number\">1</td>").nth(1);
        let row = row.and_then(|row| row.split("</tr>").next());
        row.unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    nodes_of_file(&server, "first", "pytest");
    // Two files of 100 ms and six tests of a second, against 3.2 s.
    let first = with_one_node("first");
    assert!(
        first.contains("6.2 s") && first.contains("+3.0 s"),
        "{first}"
    );
    let slow = json!({"files": 10, "duration_us": 20_000_000});
    assert_eq!(report(&server, 3, "finished", &slow)["status"], 200);
    nodes_of_file(&server, "second", "pytest");
    // Two seconds for each file, against four tests and their file.
    let second = with_one_node("second");
    assert!(
        second.contains("10.0 s") && second.contains("+4.0 s"),
        "{second}"
    );
    assert_eq!(with_one_node("first"), first, "its own load time");
}

#[test]
fn impossible_times_are_rejected() {
    let server = TestServer::start();
    let day = 24 * 60 * 60 * 1_000_000_u64;
    for (loading, problem) in [
        (
            json!({"files": 1, "duration_us": day + 1}),
            "loading.duration_us",
        ),
        (json!({"files": 200_001, "duration_us": 1}), "loading.files"),
    ] {
        let answer = report(&server, 0, "finished", &loading);
        assert_eq!(answer["status"], 422, "{answer}");
        assert!(answer.to_string().contains(problem), "{answer}");
    }
    let most = json!({"files": 200_000, "duration_us": day});
    assert_eq!(report(&server, 0, "finished", &most)["status"], 200);
}
