//! Checks the OpenAPI document against responses recorded from a real server.
//!
//! The recordings are in `tests/fixtures/api`, a file for each operation. Ids and secrets are
//! replaced by numbers, and the clock is fixed. `UPDATE_DOCS=1 cargo test -p test-engine
//! recordings` updates them.

mod document;
mod general;
mod operation;
mod people;
mod plans;
mod recorder;
mod redactor;
mod rules;
mod seeds;
mod selection;
mod suites;
mod tests;
mod uploads;
mod webhooks;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use self::operation::Operation;
use self::recorder::{Recorder, refused};
use self::redactor::Redactor;
use self::seeds::{Seeds, seed};
use crate::support::SUITE;

const ORGANIZATION: &str = "/v2/analytics/organizations/acme";
/// A Monday in 2026, in milliseconds since 1970.
const NOW: i64 = 1_795_341_600_000;
const BUILD: &str = "0193a111-2222-7333-8444-555566667777";
const NOBODY: &str = "018f2f6e-0000-8000-8000-000000000000";
const METRICS_TOKEN: &str = "the token of the metrics";
const BODY_LIMIT: usize = 1 << 20;

fn operations(seeds: &Seeds) -> Vec<Operation> {
    let mut all = general::general();
    all.extend(uploads::uploads());
    all.extend(uploads::files(seeds));
    all.extend(plans::plans());
    all.extend(suites::suites());
    all.extend(tests::tests(seeds));
    // One of them sends to a webhook, which the others delete.
    all.extend(rules::rules(seeds));
    all.extend(webhooks::webhooks(seeds));
    all
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/api")
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "asks to be updated by a variable, as snapshots do"
)]
fn responses_match_the_recordings() {
    let recorder = Recorder::new(1_000_000, Some(METRICS_TOKEN));
    let seeds = seed(&recorder);
    // Metrics are disabled here.
    let refusing = Recorder::new(1, None);
    // Uses up the rate limits.
    refusing.server.get(SUITE).ok();
    refusing
        .server
        .get(&format!("{SUITE}/test_plan?identifier=x"))
        .error(404);
    let first = json!({"executions": []});
    let path = format!("{SUITE}/execution-tags");
    let asked = refusing
        .server
        .ask("PUT", &path)
        .bearer(&refusing.server.access);
    asked.json(&first).send().ok();
    let is_update = std::env::var_os("UPDATE_DOCS").is_some();
    if is_update {
        let _nothing_there = fs_err::remove_dir_all(folder());
        fs_err::create_dir_all(folder()).unwrap();
    }
    let record = |operation: &Operation| {
        let mut exchanges = recorder.record(operation);
        exchanges.extend(refused(&refusing, operation));
        let mut redactor = Redactor::default();
        let mut recorded = Value::Array(exchanges);
        redactor.redact(&mut recorded, &recorder.server.base);
        let data_directory = recorder.server.directory().to_str().unwrap();
        let text = format!("{recorded:#}\n").replace(data_directory, "/data");
        let file = folder().join(format!("{}.json", operation.id));
        if is_update {
            fs_err::write(&file, text).unwrap();
        } else {
            let kept = fs_err::read_to_string(&file).unwrap();
            assert_eq!(
                kept, text,
                "{} differs; to accept it: UPDATE_DOCS=1 cargo test -p test-engine recordings",
                operation.id
            );
        }
    };
    let people = people::people(&recorder);
    operations(&seeds).iter().chain(&people).for_each(record);
    // Last, because it adds runs and plans.
    selection::seed(&recorder);
    selection::selection().iter().for_each(record);
}
