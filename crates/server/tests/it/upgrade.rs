//! Tokens, plans, lists and uploads keep working after an upgrade. The tests of the store check
//! that no row is lost on either engine.
//!
//! `fixtures/upgrade` has a dump of a database created by the binary of each release, and the
//! responses of that binary. A new release adds its own files and never changes others.

use std::path::Path;

use fs_err as fs;
use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::Timestamp;

use crate::support::{Ask, TestServer};

/// When the databases were created; their plans have not expired then.
const MADE: Timestamp = Timestamp::from_millis(1_795_395_600_000);
const SUITE: &str = "/v2/analytics/organizations/acme/suites/shop";

fn fixture(release: &str, kind: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/upgrade");
    fs::read_to_string(format!("{folder}/{release}.{kind}")).unwrap()
}

/// Creates the database of release 0.1.0.
pub(crate) fn create_old_database(data_dir: &Path) {
    let file = data_dir.join("test-engine.db");
    let database = rusqlite::Connection::open(&file).unwrap();
    // A dump is sorted by table name, not by reference.
    database.pragma_update(None, "foreign_keys", false).unwrap();
    database.execute_batch(&fixture("0.1.0", "sql")).unwrap();
    database.close().unwrap();
}

#[test]
fn clients_of_release_0_1_0_go_on() {
    let said: Value = serde_json::from_str(&fixture("0.1.0", "json")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    create_old_database(directory.path());
    let server = TestServer::on(directory, Clock::fixed_at(MADE));
    let token = said["access_token"].as_str().unwrap();
    let ask = |method: &str, path: &str| {
        Ask::new(method, &format!("{}{SUITE}{path}", server.base)).bearer(token)
    };
    let kept = ask("GET", "/test_plan?identifier=build-8/step").send().ok();
    assert_eq!(kept, said["kept_plan"]);
    // Equal timings give an equal plan, except for its identifier.
    let mut request = said["plan_request"].clone();
    request["identifier"] = json!("after/upgrade");
    let mut expected = said["new_plan"].clone();
    expected["identifier"] = json!("after/upgrade");
    let mut planned = ask("POST", "/test_plan").json(&request).send().ok();
    for later in ["features", "population"] {
        planned.as_object_mut().unwrap().remove(later).unwrap();
    }
    assert_eq!(planned, expected);

    let tests = ask("GET", "/tests?per_page=100").send().ok();
    assert_eq!(
        tests.as_array().unwrap().len() as u64,
        said["tests"].as_u64().unwrap()
    );
    for (state, name) in [("muted", "does thing 3"), ("skipped", "does thing 11")] {
        let listed = ask("GET", &format!("/tests/{state}")).send().ok();
        assert!(
            listed[0]["name"].as_str().unwrap().starts_with(name),
            "{listed}"
        );
    }
    let runs = ask("GET", "/runs").send().ok();
    let failed = runs.as_array().unwrap().iter().map(|run| {
        let id = run["id"].as_str().unwrap();
        let path = format!("/runs/{id}/failed_executions?include_failure_expanded=true");
        ask("GET", &path).send().ok().as_array().unwrap().len()
    });
    assert!(failed.sum::<usize>() > 10);

    let upload = json!({"format": "json", "run_env": {"key": "build-9"}, "data": [
        {"scope": "Scope 3", "name": "new", "result": "passed", "file_name": "spec/new_spec.rb"}]});
    let uploads = format!("Token token=\"{}\"", said["suite_token"].as_str().unwrap());
    let accepted = Ask::new("POST", &format!("{}/v1/uploads", server.base))
        .header("authorization", &uploads)
        .json(&upload)
        .send();
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    let listed = ask("GET", "/tests?per_page=100").send().ok();
    assert_eq!(
        listed.as_array().unwrap().len(),
        tests.as_array().unwrap().len() + 1
    );
}
