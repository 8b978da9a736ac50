//! Reports of nodes: what is accepted, and what a plan says about them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use test_engine::scopes::Scope;

use super::TestServer;
use crate::support::SUITE;

fn path() -> String {
    format!("{SUITE}/test_plan/node_reports")
}

fn report(job: &str, state: &str) -> Value {
    let mut report = json!({
        "identifier": "b/s", "build_id": "b", "node": 0, "parallelism": 2, "job_id": job,
        "state": state, "runner": "rspec", "started_at": "2026-06-20T04:46:13Z",
        "targets": [{"value": "a", "planned": true, "tests": 3, "outcome": "complete"}],
        "later": "ignored",
    });
    if state != "started" {
        report["finished_at"] = json!("2026-06-20T04:47:13Z");
    }
    report
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn stored(server: &TestServer, identifier: &str) -> usize {
    server.with_store(async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap();
        let reports = store.job_reports(suite.id, identifier).await.unwrap();
        reports.len()
    })
}

#[test]
fn plans_list_the_feature_and_the_population_of_their_request() {
    let server = TestServer::start();
    let plan = json!({
        "runner": "rspec", "identifier": "b/s", "parallelism": 1, "branch": "main",
        "location_prefix": "web",
        "tests": {
            "selectors": [{"value": "./b"}],
            "examples": [
                {"format": "example", "path": "web/a[1:1]", "identifier": "1", "name": "x"},
                {"format": "example", "path": "web/a[1:2]", "identifier": "2", "name": "y"},
            ],
        },
    });
    let plan = server.post(&format!("{SUITE}/test_plan"), &plan).ok();
    assert_eq!(
        plan["features"],
        json!(["node_reports", "node_report_metadata"])
    );
    // From `printf 'a\nb\n' | sha256sum`.
    let digest = "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2";
    assert_eq!(plan["population"], json!({"digest": digest, "count": 2}));
    let fetched = server
        .get(&format!("{SUITE}/test_plan?identifier=b/s"))
        .ok();
    assert_eq!(fetched, plan);
}

#[test]
fn reports_are_stored_with_and_without_a_plan() {
    let server = TestServer::start();
    let send = |report: &Value| server.post(&path(), report).ok();
    assert_eq!(send(&report("j1", "started")), json!({"stored": true}));
    assert_eq!(send(&report("j1", "finished")), json!({"stored": true}));
    assert_eq!(send(&report("j1", "started")), json!({"stored": false}));
    let compressed = server
        .ask("POST", &path())
        .bearer(&server.access)
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(gzip(report("j2", "failed").to_string().as_bytes()))
        .send();
    assert_eq!(compressed.ok(), json!({"stored": true}));
    assert_eq!(stored(&server, "b/s"), 2);
}

/// Also with a report that comes too late, and without a plan.
#[test]
fn metadata_in_a_report_is_stored_with_it() {
    let server = TestServer::start();
    let plan = json!({
        "runner": "rspec", "identifier": "b/s", "parallelism": 2, "branch": "main",
        "tests": {"selectors": [{"value": "a"}]},
    });
    server.post(&format!("{SUITE}/test_plan"), &plan).ok();
    let send = |identifier: &str, state: &str, retry: u32| {
        let mut report = report("j1", state);
        report["identifier"] = json!(identifier);
        report["metadata"] = json!({
            "version": "1.0.0",
            "env": {
                "BUILDKITE_TEST_ENGINE_IDENTIFIER": identifier, "BUILDKITE_PARALLEL_JOB": 1,
                "BUILDKITE_RETRY_COUNT": retry,
            },
            "statistics": {"total": 3},
        });
        server.post(&path(), &report).ok()["stored"].clone()
    };
    assert_eq!(send("b/s", "finished", 0), true);
    assert_eq!(send("b/s", "failed", 1), false);
    assert_eq!(send("none", "finished", 0), true);
    let (reports, metadata, none) = server.with_store(async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap().id;
        (
            store.job_reports(suite, "b/s").await.unwrap(),
            store.plan_metadata(suite, "b/s").await.unwrap(),
            store.plan_metadata(suite, "none").await.unwrap(),
        )
    });
    let retries: Vec<i64> = metadata.iter().map(|one| one.retry_count).collect();
    assert_eq!((reports.len(), retries, none.len()), (1, vec![0, 1], 0));
    assert!(metadata[0].body.contains(r#""total":3"#), "{metadata:?}");
}

#[test]
fn concurrent_reports_are_all_stored() {
    let server = TestServer::start();
    std::thread::scope(|scope| {
        for job in 0..10 {
            let server = &server;
            scope.spawn(move || {
                server
                    .post(&path(), &report(&job.to_string(), "finished"))
                    .ok()
            });
        }
    });
    assert_eq!(stored(&server, "b/s"), 10);
}

#[test]
fn invalid_reports_are_rejected_with_every_problem() {
    let server = TestServer::start();
    let mut invalid = report("", "finished");
    invalid["node"] = json!(7);
    invalid["targets"][0]["value"] = json!("");
    let message = server.post(&path(), &invalid).error(422);
    assert_eq!(
        message,
        "Invalid node report: job_id is required; node must be between 0 and parallelism, which \
         is 2; a target has no value."
    );
    let message = server.post(&path(), &json!({"state": "done"})).error(400);
    assert!(message.contains("state"), "{message}");
    assert_eq!(stored(&server, "b/s"), 0);
}

#[test]
fn oversized_reports_are_rejected() {
    let server = TestServer::start();
    let mut bomb = report("j", "started").to_string();
    bomb.push_str(&" ".repeat(33 * 1024 * 1024));
    let answer = server
        .ask("POST", &path())
        .bearer(&server.access)
        .header("content-encoding", "gzip")
        .body(gzip(bomb.as_bytes()))
        .send();
    answer.error(413);
    assert_eq!(stored(&server, "b/s"), 0);
}

#[test]
fn reports_need_a_token_that_may_write_plans() {
    let server = TestServer::start();
    let send = |token: &str| {
        let ask = server.ask("POST", &path()).bearer(token);
        ask.json(&report("j", "started")).send()
    };
    send("wrong").error(401);
    send(&server.token("acme", &[Scope::ReadTestPlan])).error(403);
    send(&server.token("other", &[Scope::WriteTestPlan])).error(404);
    send(&server.token("acme", &[Scope::WriteTestPlan])).ok();
}

#[test]
fn reports_for_a_deleted_suite_are_rejected() {
    let server = TestServer::start();
    server.post(&path(), &report("j", "started")).ok();
    assert_eq!(server.delete(SUITE).status, 204);
    server.post(&path(), &report("j", "finished")).error(404);
}
