//! Raw uploads in a directory; `backfills_on_s3` has the tests with a bucket.

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine::config::Config;
use test_engine::scopes::Scope;

use crate::backfills::unlimited;
use crate::support::{SUITE, TestServer, result};
use crate::waiting::wait_for;

fn keep_raw_uploads(config: &mut Config) {
    unlimited(config);
    config.storage.keep_raw_uploads = true;
}

#[test]
fn keeps_raw_uploads_if_enabled() {
    let server = TestServer::with(keep_raw_uploads, Clock::System);
    let receipt = server.upload(
        "k",
        "main",
        &json!([result("S", "a", "a.rb", 1.0, "passed")]),
    );
    let receipt = receipt.json();
    let id = |key: &str| receipt[key].as_str().unwrap().to_owned();
    let path = format!(
        "{SUITE}/runs/{}/uploads/{}/raw",
        id("run_id"),
        id("upload_id")
    );
    let answer = wait_for("the file", || {
        let answer = server.get(&path);
        if answer.status == 200 {
            return Ok(answer);
        }
        assert_eq!(answer.status, 404, "{}", answer.text());
        Err("not yet")
    });
    assert_eq!(answer.header("content-type"), Some("application/gzip"));
    let mut plain = String::new();
    let mut decoder = flate2::read::GzDecoder::new(answer.body.as_slice());
    std::io::Read::read_to_string(&mut decoder, &mut plain).unwrap();
    let sent: Value = serde_json::from_str(&plain).unwrap();
    assert_eq!(sent[0]["name"], "a");

    // Not for other organizations, and not if disabled.
    let foreign = server.token("other", &Scope::ALL);
    assert_eq!(server.ask("GET", &path).bearer(&foreign).send().status, 404);
    let other = TestServer::with(unlimited, Clock::System);
    let receipt = other.upload("k", "main", &json!([])).json();
    let path = format!(
        "{SUITE}/runs/{}/uploads/{}/raw",
        receipt["run_id"].as_str().unwrap(),
        receipt["upload_id"].as_str().unwrap()
    );
    assert!(other.get(&path).error(404).contains("--keep-raw-uploads"));
}

#[test]
fn a_storage_failure_does_not_fail_an_upload() {
    let mut server = TestServer::with(keep_raw_uploads, Clock::System);
    // A file in place of the directory makes every write fail.
    let blobs = server.directory().join("blobs");
    fs_err::create_dir_all(&blobs).unwrap();
    fs_err::write(blobs.join("uploads"), "in the way").unwrap();
    let sent = json!([result("S", "a", "a.rb", 1.0, "passed")]);
    assert_eq!(server.upload("k", "main", &sent).status, 202);
    assert_eq!(
        server
            .get(&format!("{SUITE}/runs"))
            .ok()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    server.stop();
}
