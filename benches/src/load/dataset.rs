//! The data set that pages and load are measured on: one organization, its suites, their tests, and
//! a run of all of them on each of the last days.
//!
//! Written through the store, because a server dates what it takes in by its own clock. Names and
//! durations are those of `results`, so uploads of the load are about the same tests.

use std::path::Path;

use anyhow::Context as _;
use clap::builder::RangedU64ValueParser;
use test_engine_results::{Extra, Format, Outcome, TestResult};
use test_engine_store::{NewExecution, NewRun, NewSuite, NewUpload, Store, Suite, Timestamp};
use uuid::Uuid;

use crate::results;
use crate::server::{ORGANIZATION, UPLOAD};

/// How much data.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Size {
    /// Suites in the data set.
    #[arg(long, default_value_t = 20, value_parser = at_least_one())]
    pub(super) suites: u32,
    /// Tests in each suite.
    #[arg(long, default_value_t = 5_000, value_parser = at_least_one())]
    pub(super) tests: u32,
    /// Runs of all tests of each suite, one a day.
    #[arg(long, default_value_t = 20, value_parser = at_least_one())]
    pub(super) runs: u32,
}

fn at_least_one() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=1_000_000)
}

impl Size {
    /// Tests of one suite.
    pub(super) fn tests(self) -> usize {
        self.tests as usize
    }

    /// Test files of one suite.
    pub(super) fn files(self) -> usize {
        self.tests().div_ceil(10)
    }

    /// Of all suites.
    pub(super) fn executions(self) -> f64 {
        f64::from(self.suites) * f64::from(self.tests) * f64::from(self.runs)
    }
}

/// The slug of a suite.
pub(super) fn slug(suite: u32) -> String {
    format!("suite-{suite:02}")
}

/// Makes the database in a new data directory; how many bytes it has then.
pub(super) fn write(size: Size, data_dir: &Path) -> anyhow::Result<u64> {
    fs_err::create_dir_all(data_dir)?;
    let file = data_dir.join("test-engine.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(fill(size, &file))
        .context("write the data set")?;
    Ok(fs_err::metadata(file)?.len())
}

async fn fill(size: Size, file: &Path) -> anyhow::Result<()> {
    let store = Store::open_file(file).await?;
    let now = now()?;
    let organization = store
        .create_organization(Uuid::new_v4(), ORGANIZATION, now)
        .await?;
    for number in 0..size.suites {
        let suite = NewSuite {
            uuid: Uuid::new_v4(),
            slug: slug(number),
            name: slug(number),
            default_branch: "main".to_owned(),
            ..NewSuite::default()
        };
        let suite = store.create_suite(organization.id, suite, now).await?;
        for run in 0..size.runs {
            let at = now.plus_days(-i64::from(size.runs - run));
            for first in (0..size.tests()).step_by(UPLOAD) {
                store
                    .record_upload(upload(size, &suite, run, first, at))
                    .await?;
            }
        }
    }
    store.close().await;
    Ok(())
}

fn upload(size: Size, suite: &Suite, run: u32, first: usize, at: Timestamp) -> NewUpload {
    let key = format!("history-{run}");
    let digest = *Uuid::new_v4().as_bytes();
    NewUpload {
        suite: suite.id,
        run: NewRun {
            uuid: Uuid::new_v4(),
            run_env: format!(r#"{{"key":"{key}","branch":"main"}}"#),
            key,
            branch: Some("main".to_owned()),
            commit_sha: Some(format!("{run:040x}")),
            ..NewRun::default()
        },
        uuid: Uuid::new_v4(),
        format: Format::Json,
        job_id: None,
        tags: std::collections::BTreeMap::new(),
        digest: [digest, digest].concat().try_into().unwrap_or([0; 32]),
        skipped: 0,
        errors: Vec::new(),
        errors_outside_tests: Vec::new(),
        received_at: at,
        executions: (first..size.tests().min(first + UPLOAD))
            .map(|number| execution(size, run as usize, number))
            .collect(),
    }
}

fn execution(size: Size, run: usize, number: usize) -> NewExecution {
    let made = results::Made::new(run, number, size.files());
    NewExecution {
        selector: Some(made.path.clone()),
        result: TestResult {
            id: Some(made.id.into()),
            scope: made.scope.into(),
            name: made.name.into(),
            location: Some(format!("{}:{}", made.path, made.line).into()),
            file_name: Some(made.path.into()),
            outcome: if made.failed {
                Outcome::Failed
            } else {
                Outcome::Passed
            },
            duration: Some(made.seconds),
            extras: Extra {
                failure_reason: made.failed.then(|| "expected 200, got 500".to_owned()),
                ..Extra::default()
            }
            .into(),
            ..TestResult::default()
        },
        ..NewExecution::default()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the data is to be of the last days before the measurement"
)]
fn now() -> anyhow::Result<Timestamp> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(Timestamp::from_millis(i64::try_from(since.as_millis())?))
}
