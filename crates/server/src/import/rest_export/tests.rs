//! Exports in a temporary directory.

use std::path::Path;

use serde_json::{Value, json};
use test_engine_store::Timestamp;

use super::super::Settings;
use super::super::skipped::Skipped;
use super::runs;

const NOW: Timestamp = Timestamp::from_millis(1_795_341_600_000);
const SUITE: &str = "https://api.example.com/v2/analytics/organizations/acme/suites/web";

fn write(directory: &Path, path: &str, value: &Value) {
    let path = directory.join(path);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, value.to_string()).unwrap();
}

fn run(id: &str, build: Option<&str>) -> Value {
    json!({
        "id": id, "build_id": build, "branch": "main", "commit_sha": "c0ffee",
        "state": "finished", "result": "failed", "created_at": "2026-11-20T10:00:00.000Z",
        "url": format!("{SUITE}/runs/{id}"), "web_url": "https://example.com/r",
    })
}

fn test(id: &str, suite: &str, counts: &Value, seconds: f64) -> Value {
    json!({
        "id": id, "url": format!("{suite}/tests/{id}"), "scope": "Basket", "name": id,
        "location": "basket.py:7", "file_name": "basket.py", "labels": [],
        "duration_sum": seconds, "executions_count_by_result": counts,
    })
}

fn settings() -> Settings {
    Settings {
        now: NOW,
        ..Settings::default()
    }
}

/// The results of the only run.
fn results(directory: &Path, skipped: &mut Skipped) -> Result<Vec<Value>, String> {
    let mut problems = Vec::new();
    let found = runs(directory, skipped, &mut problems);
    assert_eq!((found.len(), problems), (1, Vec::new()));
    let loaded = found[0].load(&settings(), skipped)?;
    assert_eq!(loaded.submission.run_env["key"], "b1");
    assert_eq!(loaded.received_at, NOW.plus_days(-2));
    Ok(serde_json::from_slice(&loaded.submission.data).unwrap())
}

#[test]
fn listed_failures_and_counts_give_all_executions() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    write(at, "runs.json", &json!([run("r1", Some("b1"))]));
    // The same run again, on a later page.
    write(at, "runs-2.json", &json!([run("r1", Some("b1"))]));
    let failed = json!([{
        "execution_id": "e1", "run_id": "r1", "test_id": "flaky", "failure_reason": "timeout",
        "duration": 4.0, "location": "basket.py:9", "tags": {"team": "web", "mut.note": "x"},
        "failure_expanded": [{"expanded": ["a"], "backtrace": ["b"]}], "test_name": "Basket flaky",
    }, {"execution_id": "e2", "test_id": "gone"}]);
    write(at, "runs/r1/failed_executions.json", &failed);
    let other = SUITE.replace("web", "api");
    let tests = json!([
        test("flaky", SUITE, &json!({"passed": 2, "failed": 2}), 10.0),
        test(
            "skipped",
            SUITE,
            &json!({"passed": 0, "failed": 0, "skipped": 1}),
            0.0
        ),
        test("elsewhere", &other, &json!({"passed": 1, "failed": 0}), 1.0),
    ]);
    write(at, "builds/b1/tests.json", &tests);
    let mut skipped = Skipped::default();
    let results = results(at, &mut skipped).unwrap();
    let brief: Vec<_> = results
        .iter()
        .map(|one| {
            let duration = one["history"]["duration"].as_f64();
            (
                one["name"].as_str().unwrap(),
                one["result"].as_str().unwrap(),
                duration,
            )
        })
        .collect();
    assert_eq!(
        brief,
        [
            ("flaky", "failed", Some(4.0)),
            ("flaky", "failed", Some(2.0)),
            ("flaky", "passed", Some(2.0)),
            ("flaky", "passed", Some(2.0)),
            ("skipped", "skipped", None),
        ]
    );
    let first = &results[0];
    assert_eq!(first["id"], "e1");
    assert_eq!(first["failure_reason"], "timeout");
    assert_eq!(first["location"], "basket.py:9");
    assert_eq!(first["tags"], json!({"team": "web"}));
    assert_eq!(first["failure_expanded"][0]["backtrace"], json!(["b"]));
    let reasons: Vec<_> = skipped.iter().map(|(_, skipped)| skipped.count).collect();
    assert_eq!(reasons, [1], "{skipped:?}");
}

#[test]
fn runs_whose_passes_are_unknown_are_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let mut running = run("r3", Some("b3"));
    running["state"] = json!("running");
    let all = json!([run("r1", None), run("r2", Some("b2")), running]);
    write(at, "runs.json", &all);
    let (mut skipped, mut problems) = (Skipped::default(), Vec::new());
    assert!(runs(at, &mut skipped, &mut problems).is_empty());
    assert!(problems.is_empty(), "{problems:?}");
    let all: Vec<_> = skipped
        .iter()
        .map(|(reason, one)| (reason, one.count))
        .collect();
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all.iter().all(|(_, count)| *count == 1), "{all:?}");
}

#[test]
fn damaged_exports_are_reported_with_their_file() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let problems = || {
        let mut problems = Vec::new();
        runs(at, &mut Skipped::default(), &mut problems);
        problems.join("\n")
    };
    assert!(problems().contains("no runs.json"), "{}", problems());
    write(at, "runs.json", &json!({"message": "Not found"}));
    assert!(problems().contains("runs.json"), "{}", problems());
    write(at, "runs.json", &json!([{"id": "r1"}]));
    assert!(problems().contains("created_at"), "{}", problems());
    write(at, "runs.json", &json!([run("../r1", Some("b1"))]));
    assert!(problems().contains("\"../r1\""), "{}", problems());

    write(at, "runs.json", &json!([run("r1", Some("b1"))]));
    let mut unmeasured = test("a", SUITE, &json!(null), 1.0);
    unmeasured
        .as_object_mut()
        .unwrap()
        .remove("executions_count_by_result");
    write(at, "builds/b1/tests.json", &json!([unmeasured]));
    let error = results(at, &mut Skipped::default()).unwrap_err();
    assert!(error.contains("Buildkite-Version: 2026-08-01"), "{error}");
    let many = json!({"passed": 4_000_000_000_u64});
    write(
        at,
        "builds/b1/tests.json",
        &json!([test("a", SUITE, &many, 1.0)]),
    );
    let error = results(at, &mut Skipped::default()).unwrap_err();
    assert!(error.contains("more than 10000"), "{error}");
}
