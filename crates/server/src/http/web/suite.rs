//! The page of a suite: its recent runs and counts of tests.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use test_engine_store::{Backfill, BackfillState, Page as ListPage, Run, TestState, Timestamp};

use super::accounting_in_lists::{self, RunAccounting};
use super::format;
use super::page::{Frame, PageError, Pager, show};
use super::run::ResultMark;
use super::viewer::SuiteViewer;
use crate::App;
use crate::clock::rfc3339;
use crate::http::paging::PageQuery;
use crate::http::params::Params;
use crate::links::Links;

#[derive(Template)]
#[template(path = "suite.html")]
struct Page {
    frame: Frame,
    name: String,
    address: String,
    default_branch: String,
    tests: String,
    muted: usize,
    skipped: usize,
    total_runs: String,
    known_commits: u64,
    history: Option<History>,
    runs: Vec<Row>,
    pager: Pager,
}

/// The state of the latest commit archive.
struct History {
    word: &'static str,
    class: &'static str,
    ago: String,
    commits: String,
    skipped_records: u64,
    problems: Vec<String>,
}

impl History {
    fn new(backfill: Backfill, now: Timestamp) -> Self {
        let since = backfill.finished_at.or(backfill.received_at);
        Self {
            word: backfill.state.name(),
            class: match backfill.state {
                BackfillState::Ingested => "passed",
                BackfillState::Rejected => "failed",
                BackfillState::Awaited | BackfillState::Receiving | BackfillState::Received => "",
            },
            ago: format::ago(since.unwrap_or(backfill.created_at), now),
            commits: format::counted(backfill.commits, "commit"),
            skipped_records: backfill.skipped_records,
            problems: backfill.problems,
        }
    }
}

struct Row {
    address: String,
    result: ResultMark,
    title: String,
    branch: String,
    commit: String,
    accounting: Option<RunAccounting>,
    executions: String,
    failed: String,
    duration: String,
    time: String,
    ago: String,
}

impl Row {
    fn new(run: &Run, accounting: Option<RunAccounting>, address: &str, now: Timestamp) -> Self {
        let message = format::first_line(run.message.as_deref());
        let number = run.number.as_ref().map(|number| format!("#{number}"));
        let title = match (number, message.is_empty()) {
            (Some(number), false) => format!("{number} {message}"),
            (Some(number), true) => number,
            (None, false) => message,
            (None, true) => run.key.clone(),
        };
        Self {
            address: format!("{address}/runs/{}", run.uuid),
            result: ResultMark::of(run),
            title,
            branch: run.branch.clone().unwrap_or_else(|| "–".to_owned()),
            commit: format::commit(run.commit_sha.as_deref()),
            accounting,
            executions: format::count(run.counts.executions()),
            failed: format::count(run.counts.failed),
            duration: format::duration(run.duration),
            time: rfc3339(run.created_at),
            ago: format::ago(run.created_at, now),
        }
    }
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    Params(query): Params<PageQuery>,
) -> Result<Response, PageError> {
    let page = query.page();
    let now = app.clock.now();
    let address = Links::suite_path(&suite);
    let listed = app.store.runs(suite.id, None, page).await?;
    let mut accountings = accounting_in_lists::of_runs(&app, &suite, &listed.items).await;
    let muted = app
        .store
        .tests_in_state(suite.id, TestState::Muted)
        .await?
        .len();
    let skipped = app
        .store
        .tests_in_state(suite.id, TestState::Skipped)
        .await?
        .len();
    let latest = app.store.backfills(suite.id, ListPage::new(1, 1)).await?;
    show(&Page {
        known_commits: app.store.count_commits(suite.id).await?,
        history: latest
            .items
            .into_iter()
            .next()
            .map(|backfill| History::new(backfill, now)),
        frame: Frame::of_suite(suite.name.clone(), &viewer, &suite),
        name: suite.name.clone(),
        default_branch: suite.default_branch.clone(),
        tests: format::count(app.store.count_tests(suite.id).await?),
        muted,
        skipped,
        total_runs: format::count(listed.total),
        runs: listed
            .items
            .iter()
            .map(|run| Row::new(run, accountings.remove(&run.key), &address, now))
            .collect(),
        pager: Pager::new(page, listed.total, |number| {
            format!("{address}?page={number}")
        }),
        address,
    })
}
