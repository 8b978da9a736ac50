//! A suite of thirty files for tests of selection: plan requests, builds, and waiting until the
//! server has learned from them.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use test_engine_store::Store;

use crate::support::{Answer, SUITE, TestServer, result};
use crate::waiting;

/// 2026-11-23, in milliseconds since 1970.
pub(crate) const NOW: i64 = 1_795_392_000_000;
pub(crate) const FILES: usize = 30;

pub(crate) fn test_file(number: usize) -> String {
    format!("tests/test_module{number}.py")
}

pub(crate) fn source(number: usize) -> String {
    format!("src/module{number}.py")
}

pub(crate) fn sha(number: usize) -> String {
    format!("{number:040x}")
}

/// The results of these files; those of `failing` fail.
pub(crate) fn results(files: impl Iterator<Item = String>, failing: &[usize]) -> Value {
    let failing: Vec<String> = failing.iter().map(|number| test_file(*number)).collect();
    files
        .map(|file| {
            let outcome = if failing.contains(&file) {
                "failed"
            } else {
                "passed"
            };
            result(&file, "works", &file, 1.0, outcome)
        })
        .collect()
}

pub(crate) fn all_files() -> impl Iterator<Item = String> {
    (0..FILES).map(test_file)
}

/// A run of the default branch in which these tests fail. It counts once its accounting is known.
pub(crate) fn finish_main(server: &TestServer, failing: &[usize]) {
    finish(server, "main", "main", 0, &results(all_files(), failing));
    waiting::until("the accounting of the default branch", || {
        server.with_store(async |store| has_accounting(store, "acme", "main").await)
    });
}

/// Whether the accounting of a run is stored: only then the run counts as finished.
pub(crate) async fn has_accounting(store: &Store, organization: &str, run_key: &str) -> bool {
    let suite = store.suite(organization, "web").await.unwrap().unwrap();
    let found = store.accountings_of_runs(suite.id, &[run_key]).await;
    !found.unwrap().is_empty()
}

/// A plan request of all files.
pub(crate) fn request(identifier: &str, branch: &str, commit: usize, changed: &[String]) -> Value {
    let selectors: Vec<Value> = all_files().map(|file| json!({"value": file})).collect();
    let stat = changed.iter().map(|path| format!("5\t1\t{path}"));
    json!({
        "runner": "pytest", "identifier": identifier, "parallelism": 1, "branch": branch,
        "tests": {"selectors": selectors},
        "metadata": {
            "commit_sha": sha(commit), "message": "Change something",
            "files_changed": changed.join("\n"),
            "diff_stat": stat.collect::<Vec<_>>().join("\n"),
        },
    })
}

pub(crate) fn with_selection(mut request: Value, strategy: &str, params: &Value) -> Value {
    request["selection"] = json!({"strategy": strategy, "params": params});
    request
}

pub(crate) fn plan(server: &TestServer, request: &Value) -> Answer {
    server.post(&format!("{SUITE}/test_plan"), request)
}

/// The selectors of the only node.
pub(crate) fn planned(plan: &Value) -> BTreeSet<String> {
    let tests = plan["tasks"]["0"]["tests"].as_array().unwrap();
    let values = tests.iter().map(|test| test["value"].as_str().unwrap());
    values.map(str::to_owned).collect()
}

/// Uploads the results of a build, and reports its only node.
pub(crate) fn finish(server: &TestServer, key: &str, branch: &str, commit: usize, results: &Value) {
    let body = json!({
        "format": "json",
        "run_env": {"CI": "buildkite", "key": key, "branch": branch, "commit_sha": sha(commit)},
        "data": results,
    });
    assert_eq!(server.upload_json(&body).status, 202);
    let files = results.as_array().unwrap().iter();
    let files: BTreeSet<&str> = files
        .map(|result| result["file_name"].as_str().unwrap())
        .collect();
    let target =
        |file: &str| json!({"value": file, "planned": true, "tests": 1, "outcome": "complete"});
    let targets: Vec<Value> = files.into_iter().map(target).collect();
    let report = json!({
        "identifier": format!("{key}/step"), "build_id": key, "run_key": key, "node": 0,
        "parallelism": 1, "job_id": key, "state": "finished", "runner": "pytest",
        "started_at": "2026-11-23T00:00:00Z", "finished_at": "2026-11-23T00:01:00Z",
        "targets": targets,
    });
    let path = format!("{SUITE}/test_plan/node_reports");
    let reported = server.post(&path, &report);
    assert!(reported.status < 300, "{}", reported.text());
}

pub(crate) fn overview(server: &TestServer) -> Value {
    server.get(&format!("{SUITE}/selection")).ok()
}

/// Waits until what the server says of selection is as expected.
#[track_caller]
pub(crate) fn wait_for(server: &TestServer, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    waiting::wait_for(what, || {
        let found = overview(server);
        if is_so(&found) { Ok(found) } else { Err(found) }
    })
}

#[track_caller]
pub(crate) fn wait_for_holdouts(server: &TestServer, origin: &str, count: u64) -> Value {
    wait_for(server, origin, |found| found["holdouts"][origin] == count)
}

/// A default branch on which everything passes, and failing builds that became known: one in which
/// everything ran because nothing was known of its kind of file, and ten that were observed. Each
/// changes one module, whose test fails.
pub(crate) fn observed(server: &TestServer) {
    finish_main(server, &[]);
    let first = request("first/step", "first", 99, &[source(20)]);
    let answer = plan(server, &with_selection(first, "observe", &json!({}))).ok();
    assert_eq!(answer["selection"]["reason"], "unknown_kind_of_file");
    finish(server, "first", "first", 99, &results(all_files(), &[20]));
    wait_for_holdouts(server, "full", 1);
    for number in 0..10 {
        let (key, branch) = (format!("observed{number}"), format!("feature{number}"));
        let request = request(
            &format!("{key}/step"),
            &branch,
            100 + number,
            &[source(number)],
        );
        let answer = plan(server, &with_selection(request, "observe", &json!({}))).ok();
        assert_eq!(answer["selection"]["verdict"], "observe", "{answer}");
        assert_eq!(planned(&answer).len(), FILES);
        finish(
            server,
            &key,
            &branch,
            100 + number,
            &results(all_files(), &[number]),
        );
    }
    wait_for_holdouts(server, "observed", 10);
}

pub(crate) fn confident() -> Value {
    json!({"confidence": "90", "min_holdouts": "9", "holdout": "1"})
}

/// A plan from which items are left out, for a change of a module. One build in a hundred is held
/// out, so several identifiers are tried.
pub(crate) fn selected(
    server: &TestServer,
    name: &str,
    commit: usize,
    module: usize,
) -> (String, Value) {
    for attempt in 0..5 {
        let key = format!("{name}{attempt}");
        let request = request(&format!("{key}/step"), name, commit, &[source(module)]);
        let answer = plan(server, &with_selection(request, "confidence", &confident()));
        let answer = answer.ok();
        if answer["selection"]["reason"] != "holdout" {
            assert_eq!(answer["selection"]["verdict"], "selected", "{answer}");
            return (key, answer);
        }
    }
    panic!("every build is held out")
}

/// A build leaves out a test that then fails on the default branch. Returns the key of the build
/// and the number of the test.
pub(crate) fn miss(server: &TestServer) -> (String, usize) {
    let (key, answer) = selected(server, "careless", 700, 4);
    let runs = planned(&answer);
    let missed = (0..FILES).find(|number| !runs.contains(&test_file(*number)));
    let missed = missed.expect("something is left out");
    let passed = results(runs.into_iter(), &[]);
    finish(server, &key, "careless", 700, &passed);
    let failed = results(all_files(), &[missed]);
    finish(server, "main2", "main", 700, &failed);
    wait_for_holdouts(server, "missed", 1);
    (key, missed)
}
