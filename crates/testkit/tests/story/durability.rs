//! An upload that was answered with 202 is there after the server was killed at once.

use std::sync::mpsc;

use serde_json::{Value, json};
use test_engine_testkit::{Connection, ServerProgram};

const ROUNDS: usize = 20;
/// Uploads under way at once in every round; some of them are cut off by the kill.
const UPLOADS: usize = 4;
const RESULTS: usize = 200;

#[test]
fn what_was_acknowledged_survives_sigkill() {
    let mut server = ServerProgram::start();
    let suite = server.create_suite("shop");
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let connection = server.at_current_address(&suite);
        acknowledged.extend(upload_until_killed(&mut server, &connection, round));
        server.start_again();
        every_acknowledged_result_is_there(&server, &suite, &acknowledged);
    }
    assert!(acknowledged.len() >= ROUNDS, "{acknowledged:?}");

    // The front door agrees with the database.
    let connection = server.at_current_address(&suite);
    for key in &acknowledged {
        connection.test_id(key, &name(RESULTS - 1));
    }
}

/// Sends several uploads at once and kills the server behind the first 202. Gives the keys of all
/// that were acknowledged, the first one included.
fn upload_until_killed(
    server: &mut ServerProgram,
    connection: &Connection,
    round: usize,
) -> Vec<String> {
    let (answers, answered) = mpsc::channel();
    std::thread::scope(|scope| {
        for number in 0..UPLOADS {
            let answers = answers.clone();
            scope.spawn(move || {
                let key = format!("round-{round}-upload-{number}");
                let accepted = connection.try_upload(&key, "json", &results(&key));
                if let Some(answer) = accepted {
                    answer.expect_status(202);
                    answers.send(key).expect("the test is listening");
                }
            });
        }
        drop(answers);
        let first = answered
            .recv()
            .expect("at least one upload is acknowledged");
        server.kill();
        std::iter::once(first).chain(answered.iter()).collect()
    })
}

#[track_caller]
fn every_acknowledged_result_is_there(
    server: &ServerProgram,
    suite: &Connection,
    acknowledged: &[String],
) {
    let runs = server
        .kept_results()
        .runs(&suite.organization, &suite.suite);
    for key in acknowledged {
        let run = runs.iter().find(|run| run.key == *key);
        let executions = run.map(|run| run.executions);
        assert_eq!(executions, Some(RESULTS as u64), "{key} was acknowledged");
    }
    for run in &runs {
        // What was cut off is there as a whole or not at all.
        assert_eq!(run.executions, RESULTS as u64, "{run:?}");
    }
}

fn results(key: &str) -> Value {
    (0..RESULTS)
        .map(|number| {
            json!({
                "id": format!("{key}-{number}"),
                "scope": key,
                "name": name(number),
                "result": "passed",
                "file_name": "spec/orders_spec.rb",
                "history": {"section": "top", "duration": 0.25},
            })
        })
        .collect()
}

fn name(number: usize) -> String {
    format!("order {number}")
}
