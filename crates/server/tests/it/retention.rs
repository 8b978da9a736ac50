//! Retention: removes old executions, does not block uploads, keeps the states of tests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine::config::Retention;
use test_engine::retention::{count_expired, remove_expired};
use test_engine_store::{Expired, Timestamp};

use crate::support::{SUITE, TestServer, program, result};

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

fn failed_executions(server: &TestServer, upload: &crate::support::Answer) -> usize {
    let run = upload.json()["run_id"].as_str().unwrap().to_owned();
    let found = server
        .get(&format!("{SUITE}/runs/{run}/failed_executions"))
        .ok();
    found.as_array().unwrap().len()
}

#[test]
fn the_server_removes_expired_executions() {
    let mut server = TestServer::with(|_config| {}, Clock::fixed_at(THEN));
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
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(failed_executions(&server, &old), 3);
    server.upload("newest", "main", &failures(1));
    let began = Instant::now();
    while failed_executions(&server, &old) > 0 {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "nothing is removed"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(failed_executions(&server, &young), 2);
    let skipped = server.get(&format!("{SUITE}/tests/skipped")).ok();
    assert_eq!(skipped[0]["name"], "adds 1", "{skipped}");
    let runs = server.get(&format!("{SUITE}/runs")).ok();
    assert_eq!(runs.as_array().unwrap().len(), 3, "{runs}");
}

// Only possible because data is removed in many steps.
#[test]
fn uploads_continue_during_a_large_removal() {
    let clock = Clock::fixed_at(THEN);
    let server = TestServer::with(|_config| {}, clock.clone());
    for number in 0..12 {
        server.upload(&format!("old-{number}"), "main", &failures(500));
    }
    let kept = Retention::default().kept_since(THEN.plus_days(800));
    let Clock::Fixed(time) = &clock else {
        panic!("the clock is fixed")
    };
    time.store(THEN.plus_days(800).millis(), Ordering::SeqCst);

    let expected = server.with_store(async |store| count_expired(store, kept).await.unwrap());
    assert_eq!((expected.executions, expected.failures), (6000, 6000));
    let (begun, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut uploads = 0;
    std::thread::scope(|scope| {
        let removing = scope.spawn(|| {
            server.with_store(async |store| {
                begun.store(true, Ordering::SeqCst);
                let removed = remove_expired(store, kept).await.unwrap();
                done.store(true, Ordering::SeqCst);
                removed
            })
        });
        while !begun.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        while !done.load(Ordering::SeqCst) {
            server.upload(&format!("new-{uploads}"), "main", &failures(1));
            uploads += 1;
        }
        assert_eq!(removing.join().unwrap(), expected);
    });
    // Each upload waited for one step at most. The failures of 12 uploads are at least 12 steps,
    // with pauses twice as long.
    assert!(uploads >= 5, "only {uploads} uploads got through");
    let left = server.with_store(async |store| count_expired(store, kept).await.unwrap());
    assert_eq!(left, Expired::default());
    let runs = server.get(&format!("{SUITE}/runs?per_page=100")).ok();
    assert_eq!(runs.as_array().unwrap().len(), uploads.min(100), "{runs}");
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
    let counts = "3 executions of 1 uploads, 3 failure messages, 0 runs, 0 daily sums\n";
    assert_eq!(run(&["--dry-run"]), format!("would remove {counts}"));
    assert_eq!(run(&["--dry-run"]), format!("would remove {counts}"));
    assert_eq!(
        run(&["--dry-run", "--execution-retention-days", "0"]),
        "would remove 0 executions of 0 uploads, 0 failure messages, 0 runs, 0 daily sums\n"
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
        "dry_run": false, "executions": 0, "uploads": 0, "failures": 0, "runs": 1, "daily_sums": 3,
    });
    assert_eq!(removed, expected);
}
