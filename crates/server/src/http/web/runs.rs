//! The runs of a suite, filtered by result, branch, commit, author, CI, and by what failed: as a
//! page and as a file.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use test_engine_insights::Fingerprint;
use test_engine_store::{Page as ListPage, Run, RunFilter, RunOutcome, Suite};

use super::export::{self, CHUNK, Export, FileLinks};
use super::format;
use super::page::{Frame, PageError, Pager, Tab, show};
use super::run_rows::{self, RunRow};
use super::status::Mark;
use super::viewer::SuiteViewer;
use super::words::branches;
use crate::App;
use crate::http::params::Params;
use crate::links::Links;

/// Runs per page.
const PAGE_SIZE: u32 = 30;
/// Characters of the message of a cause.
const MAX_MESSAGE: usize = 300;
/// Branches without a run for so long are left out of the first line.
const DAYS: i64 = 28;

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Query {
    #[serde(skip_serializing_if = "String::is_empty")]
    result: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    branch: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    commit: String,
    /// A part of the name or the address of the commit's author.
    #[serde(skip_serializing_if = "String::is_empty")]
    author: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    ci: String,
    /// A part of the name of a test that failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    failed: String,
    /// The fingerprint of a failure.
    #[serde(skip_serializing_if = "String::is_empty")]
    cause: String,
    /// `branch` shows only the newest run of each branch.
    #[serde(skip_serializing_if = "String::is_empty")]
    group: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u32>,
}

impl Query {
    fn filter(&self) -> RunFilter {
        let text = |value: &str| Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        RunFilter {
            outcome: match self.result.as_str() {
                "passed" => Some(RunOutcome::Passed),
                "retried" => Some(RunOutcome::Recovered),
                "failed" => Some(RunOutcome::Failed),
                _ => None,
            },
            branch: text(&self.branch),
            commit: text(&self.commit),
            author: text(&self.author),
            ci: text(&self.ci),
            failed_test: text(&self.failed),
            cause: self.cause(),
            newest_of_branch: self.group == "branch",
            ..RunFilter::default()
        }
    }

    fn address(&self, base: &str) -> String {
        let query = serde_urlencoded::to_string(self).unwrap_or_default();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{base}{mark}{query}")
    }

    fn is_filtered(&self) -> bool {
        let texts = [
            &self.result,
            &self.branch,
            &self.commit,
            &self.author,
            &self.ci,
            &self.failed,
            &self.cause,
        ];
        texts.iter().any(|text| !text.is_empty())
    }

    /// One that no failure has, if it cannot be read.
    fn cause(&self) -> Option<Fingerprint> {
        let text = self.cause.trim();
        (!text.is_empty()).then(|| text.parse().unwrap_or(Fingerprint(0)))
    }
}

#[derive(Template)]
#[template(path = "runs.html")]
struct Page {
    frame: Frame,
    address: String,
    sentence: String,
    /// The message of the cause that the runs have; empty for all runs.
    cause: String,
    without_cause: String,
    failures_address: String,
    choices: Vec<Choice>,
    groupings: Vec<Choice>,
    query: Query,
    total: String,
    /// Two of them, to compare.
    can_choose: bool,
    runs: Vec<RunRow>,
    pager: Pager,
    files: FileLinks,
    upload_hint: String,
}

/// A link that changes one part of the address.
pub(super) struct Choice {
    pub(super) text: &'static str,
    pub(super) address: String,
    pub(super) is_current: bool,
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    export: Export,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    if let Some(file) = export.file(format!("{}-runs", suite.slug)) {
        let chunks = chunks(app, suite, query.filter());
        return file.chunks(&COLUMNS, chunks).await;
    }
    let address = format!("{}/runs", Links::suite_path(&suite));
    let now = app.clock.now();
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let listed = app
        .store
        .filtered_runs(suite.id, &query.filter(), page)
        .await?;
    let states = app
        .store
        .branch_counts(suite.id, now.plus_millis(-DAYS * 24 * 60 * 60 * 1_000))
        .await?;
    let title = format!("Runs of {}", suite.name);
    let mut frame = Frame::of_tab(&app, title, &viewer, &suite, Tab::Runs).await?;
    frame.crumb("Runs", address.clone());
    let with = |change: &dyn Fn(&mut Query)| {
        let mut other = query.clone();
        other.page = None;
        change(&mut other);
        other.address(&address)
    };
    let cause = match query.cause() {
        Some(cause) => {
            let reason = app.store.reason_of_cause(suite.id, cause).await?;
            let reason = reason.unwrap_or_else(|| "A failure without a message".to_owned());
            format::shortened(&reason, MAX_MESSAGE)
        }
        None => String::new(),
    };
    let results = [
        ("All", ""),
        ("Passed", "passed"),
        ("Passed on retry", "retried"),
        ("Failed", "failed"),
    ];
    let groupings = [("Every run", ""), ("Newest of each branch", "branch")];
    show(&Page {
        frame,
        sentence: branches(states, DAYS),
        cause,
        without_cause: with(&|query: &mut Query| query.cause.clear()),
        failures_address: format!("{}/failures", Links::suite_path(&suite)),
        choices: results
            .into_iter()
            .map(|(text, result)| Choice {
                text,
                address: with(&|query: &mut Query| result.clone_into(&mut query.result)),
                is_current: query.result == result,
            })
            .collect(),
        groupings: groupings
            .into_iter()
            .map(|(text, group)| Choice {
                text,
                address: with(&|query: &mut Query| group.clone_into(&mut query.group)),
                is_current: query.group == group,
            })
            .collect(),
        total: format::counted(listed.total, "run"),
        can_choose: listed.items.len() > 1,
        runs: run_rows::rows(&app, &suite, &listed.items, now).await?,
        pager: Pager::new(page, listed.total, |number| {
            let mut other = query.clone();
            other.page = Some(number);
            other.address(&address)
        }),
        files: export.links(),
        upload_hint: if query.is_filtered() {
            String::new()
        } else {
            super::empty::upload_command(&app, &suite)
        },
        query,
        address,
    })
}

const COLUMNS: [&str; 20] = [
    "id",
    "result",
    "number",
    "key",
    "message",
    "branch",
    "commit",
    "ci_url",
    "passed",
    "failed",
    "skipped",
    "unknown",
    "broken_tests",
    "flaky_tests",
    "muted_failed_tests",
    "test_seconds",
    "uploads",
    "build_id",
    "began_at",
    "url",
];

/// All runs that match, newest first.
fn chunks(app: App, suite: Suite, filter: RunFilter) -> export::Chunks {
    export::from_position(filter, move |mut filter| {
        let (app, suite) = (App::clone(&app), suite.clone());
        async move {
            let page = ListPage::new(1, CHUNK);
            let listed = app.store.filtered_runs(suite.id, &filter, page);
            let runs = listed.await?.items;
            let marks = run_rows::marks(&app, &runs).await?;
            let rows = runs.iter().zip(marks);
            let rows = rows.map(|(run, mark)| row(&app, &suite, run, mark));
            let next = runs.last().map(|last| {
                filter.before = Some(last.id);
                filter
            });
            Ok((rows.collect(), next))
        }
    })
}

fn row(app: &App, suite: &Suite, run: &Run, mark: Mark) -> export::Row {
    let tests = run.tests;
    vec![
        run.uuid.to_string().into(),
        mark.word.into(),
        run.number.clone().into(),
        run.key.clone().into(),
        format::first_line(run.message.as_deref()).into(),
        run.branch.clone().into(),
        run.commit_sha.clone().into(),
        run.url.clone().into(),
        run.counts.passed.into(),
        run.counts.failed.into(),
        run.counts.skipped.into(),
        run.counts.unknown.into(),
        tests.map(|tests| tests.broken).into(),
        tests.map(|tests| tests.recovered).into(),
        tests.map(|tests| tests.muted_failed).into(),
        run.duration.into(),
        run.uploads.into(),
        run.build_id.clone().into(),
        run.created_at.into(),
        app.links.run_page(suite, run.uuid).into(),
    ]
}
