//! The data in a server before its responses are recorded.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::recorder::Recorder;
use super::{BUILD, ORGANIZATION};
use crate::backfills;
use crate::support::{SUITE, result};

pub(super) struct Seeds {
    pub(super) run: String,
    pub(super) upload: String,
    /// To send a commit archive.
    pub(super) form: Vec<(String, String)>,
    pub(super) test: String,
    pub(super) execution: String,
    /// It has a delivery.
    pub(super) webhook: String,
    /// The one that the suite was created with.
    pub(super) rule: String,
}

pub(super) fn seed(recorder: &Recorder) -> Seeds {
    let server = &recorder.server;
    let receipt = server.upload(
        BUILD,
        "main",
        &json!([
            result("Cart", "adds", "spec/cart_spec.rb", 0.25, "passed"),
            {"id": "1", "scope": "Cart", "name": "removes", "location": "spec/cart_spec.rb:9",
             "file_name": "spec/cart_spec.rb", "result": "failed", "tags": {"team": "shop"},
             "failure_reason": "expected 1, got 2", "history": {"duration": 1.5, "children": [
                {"section": "sql", "duration": 0.25, "detail": {"query": "SELECT 1"}},
             ]},
             "failure_expanded": [
                {"expanded": ["expected 1", "got 2"], "backtrace": ["cart.rb:7"]},
             ]},
        ]),
    );
    let receipt = receipt.json();
    let run = receipt["run_id"].as_str().unwrap().to_owned();
    let sent = backfills::form(server).send(b"no archive");
    assert_eq!(sent.status, 204);
    backfills::finished(server);
    // So that the next upload is newer.
    recorder.time.fetch_add(60_000, Ordering::SeqCst);
    let form = server
        .ask(
            "POST",
            &format!("{SUITE}/commit-metadata-backfill/presigned-upload"),
        )
        .bearer(&server.access)
        .send()
        .ok();
    let fields = form["form"]["data"].as_object().unwrap();
    let failures = format!("{SUITE}/runs/{run}/failed_executions");
    let failed = server.get(&failures).ok()[0].clone();
    let webhooks = format!("{ORGANIZATION}/webhooks");
    let created = server.post(
        &webhooks,
        &json!({
            "url": "https://hooks.example.com/T0", "description": "the team",
            "events": ["mute.created"],
        }),
    );
    let webhook = created.json()["id"].as_str().unwrap().to_owned();
    let rules = server.get(&format!("{SUITE}/rules")).ok();
    Seeds {
        rule: rules[0]["id"].as_str().unwrap().to_owned(),
        webhook,
        run,
        upload: receipt["upload_id"].as_str().unwrap().to_owned(),
        form: fields
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect(),
        test: failed["test_id"].as_str().unwrap().to_owned(),
        execution: failed["execution_id"].as_str().unwrap().to_owned(),
    }
}
