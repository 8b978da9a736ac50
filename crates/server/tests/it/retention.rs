//! Retention: removes old executions, does not block uploads, keeps the states of tests.

use std::pin::pin;

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine::config::{Config, Retention};
use test_engine::retention::{count_expired, remove_expired};
use test_engine_store::{Expired, Timestamp};

use crate::support::{Answer, SUITE, TestServer, program, result};
use crate::waiting::until;

const THEN: Timestamp = Timestamp::from_millis(1_750_000_000_000);

fn failures(count: usize) -> Value {
    (0..count)
        .map(|number| {
            result(
                "Basket",
                &format!("adds {number}"),
                "a_spec.rb",
                0.1,
                "failed",
            )
        })
        .collect()
}

fn failed_executions(server: &TestServer, upload: &Answer) -> usize {
    let run = upload.json()["run_id"].as_str().unwrap().to_owned();
    let found = server
        .get(&format!("{SUITE}/runs/{run}/failed_executions"))
        .ok();
    found.as_array().unwrap().len()
}

fn with_metrics(config: &mut Config) {
    config.metrics.open = true;
}

/// Waits until the job has tried to remove something and failed.
fn wait_for_failed_run(server: &TestServer) {
    let failed = "test_engine_job_runs_total{job=\"retention\",outcome=\"failed\"} 1";
    until("a failed run", || {
        let metrics = server.ask("GET", "/metrics").send().text();
        metrics.lines().any(|line| line == failed)
    });
}

fn wait_for_removal(server: &TestServer, upload: &Answer) {
    until("the removal", || failed_executions(server, upload) == 0);
}

#[test]
fn the_server_removes_expired_executions() {
    let mut server = TestServer::with(with_metrics, Clock::fixed_at(THEN));
    let old = server.upload("old", "main", &failures(3));
    let name = json!({"scope": "Basket", "name": "adds 1"});
    let test = server.post(&format!("{SUITE}/tests/find"), &name).ok();
    let test = format!("{SUITE}/tests/{}", test["id"].as_str().unwrap());
    server.put(&format!("{test}/skip")).ok();
    server.restart(Clock::fixed_at(THEN.plus_days(100)));
    let young = server.upload("young", "main", &failures(2));
    assert_eq!(failed_executions(&server, &old), 3);

    server.restart(Clock::fixed_at(THEN.plus_days(121)));
    // The clock may have jumped, until somebody uploads something.
    wait_for_failed_run(&server);
    assert_eq!(failed_executions(&server, &old), 3);
    server.upload("newest", "main", &failures(1));
    wait_for_removal(&server, &old);
    assert_eq!(failed_executions(&server, &young), 2);
    let skipped = server.get(&format!("{SUITE}/tests/skipped")).ok();
    assert_eq!(skipped[0]["name"], "adds 1", "{skipped}");
    let runs = server.get(&format!("{SUITE}/runs")).ok();
    assert_eq!(runs.as_array().unwrap().len(), 3, "{runs}");
}

#[test]
fn a_removal_that_failed_is_tried_again_soon() {
    for (failing, condition) in [
        ("BEFORE INSERT ON leases", "NEW.name = 'retention'"),
        ("BEFORE DELETE ON segments", "TRUE"),
    ] {
        let mut server = TestServer::with(with_metrics, Clock::fixed_at(THEN));
        let old = server.upload("old", "main", &failures(3));
        // Nothing expires, and a day later the clock has not jumped.
        server.restart(Clock::fixed_at(THEN.plus_days(120)));
        server.upload("newest", "main", &failures(1));
        server.stop();
        let database = rusqlite::Connection::open(server.directory().join("test-engine.db"));
        let database = database.unwrap();
        let trigger = format!(
            "CREATE TRIGGER failing {failing} WHEN {condition} \
             BEGIN SELECT RAISE(ABORT, 'a disk error'); END"
        );
        database.execute_batch(&trigger).unwrap();
        server.restart(Clock::fixed_at(THEN.plus_days(121)));
        wait_for_failed_run(&server);
        assert_eq!(failed_executions(&server, &old), 3, "{failing}");
        database.execute_batch("DROP TRIGGER failing").unwrap();
        wait_for_removal(&server, &old);
    }
}

// Only possible because data is removed in many steps, with pauses.
#[test]
fn others_can_write_during_a_large_removal() {
    let mut server = TestServer::with(|_config| {}, Clock::fixed_at(THEN));
    for number in 0..12 {
        server.upload(&format!("old-{number}"), "main", &failures(500));
    }
    // Its jobs add events while they judge the tests.
    server.stop();
    let later = THEN.plus_days(800);
    let kept = Retention::default().kept_since(later);
    let expected = server.with_store(async |store| count_expired(store, kept).await.unwrap());
    assert_eq!((expected.executions, expected.failures), (6000, 6000));
    // Writers queue for the database, so that one that always wants to write gets its turn after
    // each step.
    let (removed, writes) = server.with_store(async |store| {
        let mut removal = pin!(remove_expired(store, kept));
        let mut writes = 0;
        loop {
            tokio::select! {
                biased;
                removed = &mut removal => return (removed.unwrap(), writes),
                written = store.record_run("another job", later) => written.unwrap(),
            }
            writes += 1;
        }
    });
    assert_eq!(removed, expected);
    // The failures of 12 uploads are at least 12 steps.
    assert!(writes >= 12, "only {writes} writes");
    let left = server.with_store(async |store| count_expired(store, kept).await.unwrap());
    assert_eq!(left, Expired::default());
    server.restart(Clock::fixed_at(later));
    assert_eq!(server.get(&format!("{SUITE}/runs")).ok(), json!([]));
}

#[test]
fn the_command_prints_what_it_would_remove_and_removes_it() {
    // The command uses the real clock.
    let then = Clock::System.now().plus_days(-200);
    let server = TestServer::with(|_config| {}, Clock::fixed_at(then));
    server.upload("old", "main", &failures(3));
    let run = |arguments: &[&str]| {
        let output = program(server.directory())
            .arg("retention")
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let counts = "3 executions of 1 uploads, 3 failure messages, \
                  spans of 0 executions, 0 runs, 0 daily sums, 0 events\n";
    assert_eq!(run(&["--dry-run"]), format!("would remove {counts}"));
    assert_eq!(run(&["--dry-run"]), format!("would remove {counts}"));
    assert_eq!(
        run(&["--dry-run", "--execution-retention-days", "0"]),
        "would remove 0 executions of 0 uploads, 0 failure messages, spans of 0 executions, \
         0 runs, 0 daily sums, 0 events\n"
    );
    // Everything is older than the period: the clock may be wrong.
    let refused = program(server.directory())
        .arg("retention")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        message.contains("the newest upload is 200 days old"),
        "{message}"
    );
    assert!(message.contains("--force"), "{message}");
    assert_eq!(run(&["--dry-run"]), format!("would remove {counts}"));
    assert_eq!(run(&["--force"]), format!("removed {counts}"));
    let removed: Value = serde_json::from_str(&run(&[
        "--json",
        "--force",
        "--aggregate-retention-days",
        "120",
    ]))
    .unwrap();
    let expected = json!({
        "dry_run": false, "executions": 0, "uploads": 0, "failures": 0, "spans": 0, "runs": 1,
        "daily_sums": 3, "events": 0,
    });
    assert_eq!(removed, expected);
}
