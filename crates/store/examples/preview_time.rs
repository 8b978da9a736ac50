//! Measures how long the preview of a rule over all stored evidence takes, in a file with 100,000
//! tests and a run on each of 88 days.
//!
//! `preview_time [TESTS]` prints lines `name = value`, which `bin/bench flaky` reads.

use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

use test_engine_duration::Micros;
use test_engine_insights::{History, KEPT_DAYS, Monitor, Parameters, preview};
use test_engine_results::{Extra, Format, Outcome, TestResult};
use test_engine_store::{
    Change, NewExecution, NewRun, NewSuite, NewUpload, Store, SuiteId, Timestamp,
};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const TESTS: u32 = 100_000;
/// Results of an upload.
const RESULTS: u32 = 5_000;
/// Each day another one of so many tests fails and passes on retry.
const ONE_IN: u32 = 100;
/// Previews, of which the median counts.
const PREVIEWS: usize = 5;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let tests = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => TESTS,
    };
    let directory = tempfile::tempdir()?;
    let store = Store::open_file(&directory.path().join("preview.db")).await?;
    let suite = create_suite(&store).await?;
    for day in 0..KEPT_DAYS.unsigned_abs() {
        for first in (0..tests).step_by(RESULTS as usize) {
            let of_upload = first..(first + RESULTS).min(tests);
            store.record_upload(upload(suite, day, of_upload)).await?;
        }
    }
    let (mut times, mut reading) = (Vec::with_capacity(PREVIEWS), Vec::with_capacity(PREVIEWS));
    let mut known = 0;
    for _ in 0..PREVIEWS {
        let started = Instant::now();
        let evidence = store.evidence(suite, NOW).await?;
        reading.push(started.elapsed().as_secs_f64() * 1_000.0);
        known = evidence.len();
        let histories: Vec<History> = evidence.into_values().map(History::from).collect();
        let histories = (0_u32..).zip(&histories);
        let now = (NOW.millis(), KEPT_DAYS);
        let found = preview(
            &Monitor::PASSED_ON_RETRY,
            histories,
            now,
            &Parameters::default(),
        );
        assert!(!found.changes.is_empty(), "the preview found nothing");
        times.push(started.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    reading.sort_by(f64::total_cmp);
    store.close().await;
    let mut out = std::io::stdout().lock();
    writeln!(out, "preview_stored_ms = {:.2}", times[times.len() / 2])?;
    writeln!(
        out,
        "preview_reading_ms = {:.2}",
        reading[reading.len() / 2]
    )?;
    writeln!(out, "preview_tests_with_failures = {known}")?;
    Ok(())
}

async fn create_suite(store: &Store) -> Result<SuiteId, Box<dyn Error>> {
    let change = Change::by_server(NOW);
    let organization = store
        .create_organization(Uuid::new_v4(), "acme", &change)
        .await?;
    let suite = NewSuite {
        uuid: Uuid::new_v4(),
        slug: "web".to_owned(),
        default_branch: "main".to_owned(),
        ..NewSuite::default()
    };
    let suite = store.create_suite(organization.id, suite, &change).await?;
    Ok(suite.id)
}

/// Results of the run of a day, the last of which is today.
fn upload(suite: SuiteId, day: u32, tests: std::ops::Range<u32>) -> NewUpload {
    let mut executions = Vec::with_capacity(tests.len() + tests.len() / ONE_IN as usize);
    for test in tests {
        if (test + day).is_multiple_of(ONE_IN) {
            executions.push(execution(test, Outcome::Failed));
        }
        executions.push(execution(test, Outcome::Passed));
    }
    let uuid = Uuid::new_v4();
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(uuid.as_bytes());
    NewUpload {
        suite,
        run: NewRun {
            uuid: Uuid::new_v4(),
            key: format!("day {day}"),
            branch: Some("main".to_owned()),
            commit_sha: Some(format!("commit {day}")),
            run_env: "{}".to_owned(),
            ..NewRun::default()
        },
        uuid,
        format: Format::Json,
        job_id: None,
        tags: std::collections::BTreeMap::new(),
        digest,
        skipped: 0,
        errors: Vec::new(),
        errors_outside_tests: Vec::new(),
        received_at: NOW.plus_days(i64::from(day) - i64::from(KEPT_DAYS) + 1),
        executions,
    }
}

fn execution(test: u32, outcome: Outcome) -> NewExecution {
    let failed = outcome == Outcome::Failed;
    let file = format!("spec/file_{}_spec.rb", test / 20);
    NewExecution {
        result: TestResult {
            scope: format!("Model {}", test / 20).into(),
            name: format!("does what number {test} says").into(),
            file_name: Some(file.clone().into()),
            outcome,
            duration: Some(Micros::from_milliseconds(u64::from(1 + test % 2_000))),
            extras: Extra {
                failure_reason: failed.then(|| "expected 1, got 2".to_owned()),
                ..Extra::default()
            }
            .into(),
            ..TestResult::default()
        },
        selector: Some(file),
        ..NewExecution::default()
    }
}
