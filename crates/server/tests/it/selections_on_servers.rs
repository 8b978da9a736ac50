//! Three real servers on one Postgres select alike: one decision per plan, and each failing build
//! is learned once.

use serde_json::{Value, json};

use crate::selection_scene::{all_files, has_accounting, request, results, source, with_selection};
use crate::several_servers::{SUITE, Servers, concurrently};
use crate::waiting;

const BUILDS: usize = 6;

fn finish(servers: &Servers, server: usize, key: &str, branch: &str, results: &Value) {
    let run_env = json!({"CI": "buildkite", "key": key, "branch": branch, "commit_sha": key});
    let body = json!({"format": "json", "run_env": run_env, "data": results});
    servers.upload(server, &body);
    let report = json!({
        "identifier": format!("{key}/step"), "build_id": key, "run_key": key, "node": 0,
        "parallelism": 1, "job_id": key, "state": "finished", "runner": "pytest",
        "started_at": "2026-11-23T00:00:00Z", "finished_at": "2026-11-23T00:01:00Z",
        "targets": [{"value": "a", "planned": true, "tests": 1, "outcome": "complete"}],
    });
    let path = format!("{SUITE}/test_plan/node_reports");
    let reported = servers.ask(server, "POST", &path).json(&report).send();
    assert!(reported.status < 300, "{}", reported.text());
}

#[test]
fn several_servers_make_one_decision_and_learn_each_build_once() {
    let servers = Servers::with_limit(0);
    finish(&servers, 0, "main", "main", &results(all_files(), &[]));
    waiting::until("the accounting of the default branch", || {
        servers.with_store(async |store| has_accounting(store, "default", "main").await)
    });
    for build in 0..BUILDS {
        let identifier = format!("build{build}/step");
        // Each node asks another server for another selection.
        let plans = concurrently(9, |node| {
            let body = request(&identifier, "feature", 100 + build, &[source(build)]);
            let params = json!({"percent": format!("{}", 10 + node)});
            let body = with_selection(body, "observe", &params);
            let path = format!("{SUITE}/test_plan");
            let created = servers.ask(node, "POST", &path).json(&body).send();
            assert_eq!(created.status, 200, "{}", created.text());
            created.body
        });
        assert!(plans.iter().all(|plan| *plan == plans[0]));
        let plan: Value = serde_json::from_slice(&plans[0]).unwrap();
        for server in 0..3 {
            let path = format!("{SUITE}/test_plan/selection?identifier={identifier}");
            let decision = servers.ask(server, "GET", &path).send().ok();
            let mut stored = decision["selection"].clone();
            // Each server has an address of its own.
            stored["url"] = plan["selection"]["url"].clone();
            assert_eq!(stored, plan["selection"], "server {server}");
        }
    }
    concurrently(BUILDS, |build| {
        let (key, branch) = (format!("build{build}"), format!("feature{build}"));
        finish(
            &servers,
            build,
            &key,
            &branch,
            &results(all_files(), &[build]),
        );
    });
    let path = format!("{SUITE}/selection");
    for server in 0..3 {
        waiting::wait_for("holdouts of every build", || {
            let seen = servers.ask(server, "GET", &path).send().ok();
            let is_so = seen["seen"]["holdouts"] == BUILDS;
            is_so.then_some(()).ok_or((server, seen))
        });
    }
    let listed = servers.ask(1, "GET", &format!("{path}/exams")).send().ok();
    let mut identifiers: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|holdout| holdout["identifier"].as_str().unwrap())
        .collect();
    identifiers.sort_unstable();
    let expected: Vec<String> = (0..BUILDS)
        .map(|build| format!("build{build}/step"))
        .collect();
    assert_eq!(identifiers, expected);
}
