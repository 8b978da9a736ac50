//! A suite: its recent runs, and how many tests it has.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use test_engine_store::{Run, TestState, Timestamp};

use super::format;
use super::page::{Frame, PageError, Pager, show};
use super::run::ResultMark;
use super::viewer::SuiteViewer;
use crate::App;
use crate::clock::rfc3339;
use crate::http::links::Links;
use crate::http::paging::PageQuery;
use crate::http::query::Params;

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
    runs: Vec<Row>,
    pager: Pager,
}

struct Row {
    address: String,
    result: ResultMark,
    title: String,
    branch: String,
    commit: String,
    executions: String,
    failed: String,
    duration: String,
    time: String,
    ago: String,
}

impl Row {
    fn new(run: &Run, address: &str, now: Timestamp) -> Self {
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
            executions: format::count(run.counts.executions()),
            failed: format::count(run.counts.failed),
            duration: format::duration(run.duration_us),
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
    show(&Page {
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
            .map(|run| Row::new(run, &address, now))
            .collect(),
        pager: Pager::new(page, listed.total, |number| {
            format!("{address}?page={number}")
        }),
        address,
    })
}
