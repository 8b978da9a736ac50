//! The data set of the load test: one organization, its suites and their tests, and a run of all
//! tests on each of the last days.
//!
//! Written through the store, because importing so much would take minutes. Names and
//! durations come from `results`, so uploads during the load contain the same tests.

use std::path::Path;

use anyhow::{Context as _, ensure};
use clap::builder::RangedU64ValueParser;
use test_engine_duration::Micros;
use test_engine_insights::Fingerprint;
use test_engine_results::{Extra, Format, Outcome, TestResult};
use test_engine_store::{
    Change, CommitRecord, FailureCause, LabelChange, NewExecution, NewRun, NewSuite, NewUpload,
    Page, Store, Suite, TestState, Timestamp, test_uuid,
};
use uuid::Uuid;

use crate::results;
use crate::server::{ORGANIZATION, UPLOAD};

const MAX_DAYS: i64 = 100;
/// Tests of each suite with labels; every second one also has a state.
const SPECIAL: usize = 100;
const FILES_PER_COMMIT: usize = 30;
/// Of every failure.
const REASON: &str = "expected 200, got 500";

#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Size {
    /// Suites in the data set.
    #[arg(long, default_value_t = 20, value_parser = at_least_one())]
    pub(super) suites: u32,
    /// Tests in each suite.
    #[arg(long, default_value_t = 5_000, value_parser = at_least_one())]
    pub(super) tests: u32,
    /// Runs of each suite: one per day, or several per day if there are more than 100.
    #[arg(long, default_value_t = 20, value_parser = at_least_one())]
    pub(super) runs: u32,
}

fn at_least_one() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=1_000_000)
}

impl Size {
    pub(super) fn tests(self) -> usize {
        self.tests as usize
    }

    pub(super) fn files(self) -> usize {
        self.tests().div_ceil(10)
    }

    /// The age of a run in days: one run per day, within the retention of executions.
    fn days_ago(self, run: u32) -> i64 {
        let (left, runs) = (i64::from(self.runs - run), i64::from(self.runs));
        let days = runs.min(MAX_DAYS);
        (left * days + runs - 1) / runs
    }

    /// Executions of all suites.
    pub(super) fn executions(self) -> f64 {
        f64::from(self.suites) * f64::from(self.tests) * f64::from(self.runs)
    }
}

pub(super) fn slug(suite: u32) -> String {
    format!("suite-{suite:02}")
}

/// Creates the database in a new data directory and returns its size in bytes. With `kept`, copies
/// that file, which is created if it does not exist.
pub(super) fn provide(size: Size, data_dir: &Path, kept: Option<&Path>) -> anyhow::Result<u64> {
    fs_err::create_dir_all(data_dir)?;
    let file = data_dir.join("test-engine.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match kept {
        None => runtime.block_on(fill(size, &file)),
        Some(kept) => runtime.block_on(async {
            if kept.is_file() {
                check(size, kept).await?;
            } else {
                fill(size, kept).await?;
            }
            fs_err::copy(kept, &file)?;
            Ok(())
        }),
    }
    .context("write the data set")?;
    Ok(fs_err::metadata(file)?.len())
}

/// Fails if the data set has another size.
async fn check(size: Size, file: &Path) -> anyhow::Result<()> {
    let store = Store::open_file(file).await?;
    let mut found = (0, 0);
    if let Some(organization) = store.organization(ORGANIZATION).await? {
        let suites = store.suites(organization.id, Page::new(1, 1)).await?;
        if let Some(suite) = suites.items.first() {
            found = (suites.total, store.count_tests(suite.id).await?);
        }
    }
    store.close().await;
    ensure!(
        found == (size.suites.into(), size.tests.into()),
        "{} has {} suites of {} tests",
        file.display(),
        found.0,
        found.1
    );
    Ok(())
}

async fn fill(size: Size, file: &Path) -> anyhow::Result<()> {
    let store = Store::open_file(file).await?;
    let now = now()?;
    let organization = store
        .create_organization(Uuid::new_v4(), ORGANIZATION, &Change::by_server(now))
        .await?;
    for number in 0..size.suites {
        let suite = NewSuite {
            uuid: Uuid::new_v4(),
            slug: slug(number),
            name: slug(number),
            default_branch: "main".to_owned(),
            ..NewSuite::default()
        };
        let suite = store
            .create_suite(organization.id, suite, &Change::by_server(now))
            .await?;
        for run in 0..size.runs {
            let at = now.plus_days(-size.days_ago(run));
            for first in (0..size.tests()).step_by(UPLOAD) {
                store
                    .record_upload(upload(size, &suite, run, first, at))
                    .await?;
            }
        }
        describe(size, &store, &suite, now).await?;
    }
    store.close().await;
    Ok(())
}

/// Adds owners, labels, states, and commits.
async fn describe(size: Size, store: &Store, suite: &Suite, now: Timestamp) -> anyhow::Result<()> {
    let owners = "* team-0\nspec/models/area_0/ team-1\nspec/models/area_1/ team-1 team-2\n";
    store
        .set_ownership(suite.id, owners, &Change::by_server(now))
        .await?;
    for number in 0..SPECIAL.min(size.tests()) {
        let result = results::GeneratedResult::new(0, number, size.files());
        let test = test_uuid(suite.uuid, &result.scope, &result.name);
        let labels = ["slow".to_owned(), format!("label-{}", number % 5)];
        store
            .change_labels(
                suite.id,
                test,
                LabelChange::Add,
                &labels,
                &Change::by_server(now),
            )
            .await?;
        let state = match number % 4 {
            0 => TestState::Muted,
            1 => TestState::Skipped,
            _ => TestState::Enabled,
        };
        store
            .set_test_state(suite.id, test, state, &Change::by_server(now))
            .await?;
    }
    let commits: Vec<CommitRecord> = (0..size.runs).map(commit).collect();
    store.record_commits(suite.id, &commits).await?;
    Ok(())
}

fn sha(run: u32) -> String {
    format!("{run:040x}")
}

fn commit(run: u32) -> CommitRecord {
    let files: Vec<String> = (0..FILES_PER_COMMIT).map(results::path).collect();
    let lines = files.iter().map(|file| format!("10\t2\t{file}"));
    CommitRecord {
        sha: sha(run),
        parents: vec![sha(run + 1)],
        author_name: "Ada".to_owned(),
        author_email: "ada@example.com".to_owned(),
        author_date: "2026-01-01T00:00:00+00:00".to_owned(),
        committer_name: "Ada".to_owned(),
        committer_email: "ada@example.com".to_owned(),
        committer_date: "2026-01-01T00:00:00+00:00".to_owned(),
        message: format!("Change {run}\n\nAs agreed."),
        diff_stat: lines.collect::<Vec<_>>().join("\n"),
        files_changed: files.join("\n"),
    }
}

/// The build of a run, which has one in each suite.
pub(super) fn build(run: u32) -> String {
    format!("history-{run}")
}

fn upload(size: Size, suite: &Suite, run: u32, first: usize, at: Timestamp) -> NewUpload {
    let key = build(run);
    let digest = *Uuid::new_v4().as_bytes();
    NewUpload {
        suite: suite.id,
        run: NewRun {
            uuid: Uuid::new_v4(),
            run_env: format!(r#"{{"ci":"buildkite","key":"{key}","branch":"main"}}"#),
            build_id: Some(key.clone()),
            key,
            branch: Some("main".to_owned()),
            commit_sha: Some(sha(run)),
            ..NewRun::default()
        },
        uuid: Uuid::new_v4(),
        format: Format::Json,
        job_id: None,
        tags: [("host.type".to_owned(), host(first).to_owned())].into(),
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

/// The machine that an upload with this first test comes from.
fn host(first: usize) -> &'static str {
    ["c7g.large", "c6i.large"][first / UPLOAD % 2]
}

/// Every test that fails has a cause of its own.
fn execution(size: Size, run: usize, number: usize) -> NewExecution {
    let result = results::GeneratedResult::new(run, number, size.files());
    let frame = format!("{}:{}", result.path, result.line);
    NewExecution {
        cause: result.failed.then(|| FailureCause {
            fingerprint: Fingerprint::of(REASON, [frame.as_str()]),
            frame: Some(frame.clone()),
        }),
        selector: Some(result.path.clone()),
        result: TestResult {
            id: Some(result.id.into()),
            scope: result.scope.into(),
            name: result.name.into(),
            location: Some(frame.into()),
            file_name: Some(result.path.into()),
            outcome: if result.failed {
                Outcome::Failed
            } else {
                Outcome::Passed
            },
            duration: Some(Micros::from_seconds(result.seconds)),
            extras: Extra {
                failure_reason: result.failed.then(|| REASON.to_owned()),
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
    reason = "the data must be from the days before the measurement"
)]
pub(super) fn now() -> anyhow::Result<Timestamp> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(Timestamp::from_millis(i64::try_from(since.as_millis())?))
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn runs_are_within_the_last_hundred_days() {
        let days = |runs: u32| -> Vec<i64> {
            let size = Size {
                suites: 1,
                tests: 1,
                runs,
            };
            (0..runs).map(|run| size.days_ago(run)).collect()
        };
        assert_eq!(days(3), [3, 2, 1]);
        let many = days(200);
        assert_eq!((many[0], many[1], many[198], many[199]), (100, 100, 1, 1));
    }
}
