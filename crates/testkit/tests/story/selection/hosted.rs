//! Requests of the hosted clients 2.11.0 and 3.0.0 with `BKTEC_PREVIEW_SELECTION`, recorded from
//! the programs, against our server: every strategy that they document is accepted, and they get
//! the answers that they expect.

use serde_json::{Value, json};
use test_engine_testkit::{Connection, ServerProgram};

const RECORDED: [(&str, &str); 2] = [
    ("2.11.0", include_str!("hosted/v2.11.0.json")),
    ("3.0.0", include_str!("hosted/v3.0.0.json")),
];
const BUILD: &str = "0198a3c5-0000-4000-8000-000000000001";

/// A recorded request for another build, with another selection.
fn send(connection: &Connection, request: &Value, build: &str, selection: &Value) -> (u16, Value) {
    let path = request["target"].as_str().unwrap().replace(BUILD, build);
    let api = connection.api();
    let response = if request["method"] == "GET" {
        api.get(&path)
    } else {
        let body = request["body"].to_string().replace(BUILD, build);
        let mut body: Value = serde_json::from_str(&body).unwrap();
        if body.get("selection").is_some() {
            body["selection"] = selection.clone();
        }
        api.post(&path, &body)
    };
    let body = serde_json::from_slice(&response.body).unwrap_or_default();
    (response.status, body)
}

#[test]
fn requests_of_the_hosted_clients_are_answered() {
    let server = ServerProgram::start();
    let strategies = [
        json!({"strategy": "random", "params": {"percent": "40"}}),
        json!({"strategy": "xgboost"}),
        json!({"strategy": "xgboost", "params": {"threshold": "0.2"}}),
        json!({"strategy": "manual", "params": {"files": "tests/test_cart.py"}}),
        json!({"strategy": "rspec_changed_files"}),
    ];
    for (version, recorded) in RECORDED {
        let connection = server.create_suite(&format!("of-{}", version.replace('.', "-")));
        let requests: Vec<Value> = serde_json::from_str(recorded).unwrap();
        for (number, selection) in strategies.iter().enumerate() {
            let build = format!("{version}-{number}");
            let mut answers = requests
                .iter()
                .map(|request| send(&connection, request, &build, selection));
            // The plan does not exist yet, files to expand, the plan, and what happened.
            assert_eq!(answers.next().unwrap().0, 404, "{version} {selection}");
            assert_eq!(
                answers.next().unwrap(),
                (200, json!({"tests": []})),
                "{version}"
            );
            let (status, plan) = answers.next().unwrap();
            assert_eq!(status, 200, "{version} {selection}: {plan}");
            // A new suite knows nothing, so both files run, on two nodes.
            let tasks = &plan["tasks"];
            let tests = |node: &str| tasks[node]["tests"].as_array().map_or(0, Vec::len);
            assert_eq!(tests("0") + tests("1"), 2, "{version} {selection}: {plan}");
            let decided = &plan["selection"];
            assert_eq!(decided["verdict"], "full", "{version}: {plan}");
            // What clients from 3.1 on read.
            assert_eq!(decided["applied"], false, "{version}: {plan}");
            assert_eq!(decided["candidate_count"], 2, "{version}: {plan}");
            assert!(decided["skipped_reason"].is_string(), "{version}: {plan}");
            assert_eq!(answers.next().unwrap().0, 200, "{version} {selection}");
            // The other node gets the same plan.
            let (status, again) = send(&connection, &requests[0], &build, selection);
            assert_eq!((status, &again), (200, &plan), "{version}");
        }
    }
}
