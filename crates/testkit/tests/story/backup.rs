//! A server can start on a backup made under load, with everything acknowledged before.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use test_engine_testkit::ServerProgram;

const RESULTS: usize = 50;
const SENDERS: usize = 3;

#[test]
fn backup_contains_everything_acknowledged_before_it_started() {
    let server = ServerProgram::start();
    let suite = server.create_suite("shop");
    let blob = server.data_file("blobs/deep/object");
    fs_err::create_dir_all(blob.parent().unwrap()).unwrap();
    fs_err::write(&blob, "an object").unwrap();
    for number in 0..5 {
        suite
            .upload(&format!("before-{number}"), "json", &results())
            .expect_status(202);
    }
    suite.mute("orders", "order 7");
    let copied = AtomicBool::new(false);
    let other = std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (suite, copied) = (&suite, &copied);
            scope.spawn(move || {
                let mut number = 0;
                while !copied.load(Ordering::SeqCst) {
                    let key = format!("during-{sender}-{number}");
                    suite.upload(&key, "json", &results()).expect_status(202);
                    number += 1;
                }
            });
        }
        let other = server.start_on_backup();
        copied.store(true, Ordering::SeqCst);
        other
    });

    let runs = other.stored_results().runs("acme", "shop");
    for number in 0..5 {
        let key = format!("before-{number}");
        assert!(runs.iter().any(|run| run.key == key), "{key}: {runs:?}");
    }
    for run in &runs {
        // A run is complete or missing.
        assert_eq!(run.executions, RESULTS as u64, "{run:?}");
    }
    let object = fs_err::read_to_string(other.data_file("blobs/deep/object")).unwrap();
    assert_eq!(object, "an object");

    // The copy has the tokens, states and timings, and accepts new results.
    let connection = other.at_current_address(&suite);
    let muted = connection.api().get("/tests/muted").json();
    assert_eq!(muted[0]["name"], "order 7", "{muted}");
    let known = connection
        .api()
        .post("/test_files", &json!({"paths": ["spec/orders_spec.rb"]}));
    assert!(known.json()["spec/orders_spec.rb"].is_u64(), "{known:?}");
    connection
        .upload("after", "json", &results())
        .expect_status(202);
}

fn results() -> Value {
    (0..RESULTS)
        .map(|number| {
            json!({
                "scope": "orders",
                "name": format!("order {number}"),
                "result": "passed",
                "file_name": "spec/orders_spec.rb",
                "history": {"section": "top", "duration": 0.25},
            })
        })
        .collect()
}
