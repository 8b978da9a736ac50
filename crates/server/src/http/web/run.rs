//! The page of a run: its uploads and failures.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use test_engine_store::{
    FailedExecution, Page as ListPage, Run, RunResult, RunState, Timestamp, Upload,
};

use super::accounting::{self, GroupSection};
use super::commit::{Commit, Lines};
use super::format;
use super::page::{Frame, PageError, Pager, show};
use super::viewer::SuiteViewer;
use crate::App;
use crate::clock::rfc3339;
use crate::http::params::{IdInPath, Params};
use crate::http::text_budget::{MAX_TEXT_BYTES, html_size, start_of};
use crate::links::Links;

/// Failures per page.
const PAGE_SIZE: u32 = 30;
/// Bytes of the page per failure; the API has the full text.
const MAX_FAILURE_TEXT: usize = MAX_TEXT_BYTES / PAGE_SIZE as usize;
/// The same for its short reason.
const MAX_REASON: usize = 2_000;
/// The same for all errors of uploads, and for all errors outside of tests.
const MAX_ERROR_TEXT: usize = 64 * 1024;
/// Rows of uploads; the API lists all.
const MAX_UPLOADS: usize = 200;

#[derive(Template)]
#[template(path = "run.html")]
struct Page {
    frame: Frame,
    title: String,
    result: ResultMark,
    branch: String,
    commit: String,
    message: String,
    commit_details: Option<Commit>,
    build_address: Option<String>,
    time: String,
    ago: String,
    passed: String,
    failed: String,
    failed_muted: u64,
    skipped: String,
    unknown: u64,
    duration: String,
    total_failures: String,
    failures: Vec<Failure>,
    uploads: Vec<UploadRow>,
    /// Uploads that are not shown.
    more_uploads: usize,
    accounting: Vec<GroupSection>,
    errors_outside_tests: Vec<String>,
    pager: Pager,
}

struct Failure {
    scope: String,
    name: String,
    address: String,
    location: String,
    duration: String,
    muted: bool,
    reason: String,
    text: String,
    is_truncated: bool,
}

struct UploadRow {
    id: String,
    format: &'static str,
    kept: String,
    duplicates: u64,
    skipped: u64,
    errors: Vec<String>,
    ago: String,
}

/// The result of a run as word, symbol and colour.
pub(super) struct ResultMark {
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) word: &'static str,
}

impl ResultMark {
    pub(super) fn of(run: &Run) -> Self {
        let (class, sign) = match (run.result, run.state) {
            (RunResult::Passed, _) => ("passed", "✓"),
            (RunResult::Failed, _) => ("failed", "✗"),
            (RunResult::Pending, RunState::Running) => ("unknown", "…"),
            (RunResult::Pending | RunResult::Stale, _) => ("unknown", "?"),
        };
        Self {
            class,
            sign,
            word: run.result.name(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Query {
    page: Option<u32>,
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    IdInPath(id): IdInPath,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let run = app
        .store
        .run(suite.id, id)
        .await?
        .ok_or(PageError::NotFound)?;
    let now = app.clock.now();
    let base = Links::suite_path(&suite);
    let address = format!("{base}/runs/{id}");
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let failures = app.store.failed_executions(&run, page).await?;
    let uploads = app.store.run_uploads(&run).await?;
    let commit = match &run.commit_sha {
        Some(sha) => app.store.commit(suite.id, &sha.to_lowercase()).await?,
        None => None,
    };
    let accounting = accounting::of_run(&app, &suite, &run).await;
    let title = run.number.as_ref().map_or_else(
        || format!("Run {}", run.key),
        |number| format!("Run #{number}"),
    );
    let mut frame = Frame::of_suite(title.clone(), &viewer, &suite);
    frame.crumb(&title, address.clone());
    let mut left = MAX_ERROR_TEXT;
    let errors_outside_tests = uploads
        .iter()
        .flat_map(|upload| &upload.errors_outside_tests)
        .map_while(|error| fitting(error, &mut left))
        .collect();
    let mut left = MAX_ERROR_TEXT;
    show(&Page {
        frame,
        title,
        result: ResultMark::of(&run),
        branch: run.branch.clone().unwrap_or_else(|| "–".to_owned()),
        commit: run.commit_sha.clone().unwrap_or_else(|| "–".to_owned()),
        // The commit section shows the full message.
        message: match &commit {
            Some(_) => String::new(),
            None => format::first_line(run.message.as_deref()),
        },
        commit_details: commit.as_ref().map(Commit::new),
        build_address: format::web_address(run.url.as_deref()),
        time: rfc3339(run.created_at),
        ago: format::ago(run.created_at, now),
        passed: format::count(run.counts.passed),
        failed: format::count(run.counts.failed),
        failed_muted: run.failed_muted,
        skipped: format::count(run.counts.skipped),
        unknown: run.counts.unknown,
        duration: format::duration(run.duration),
        total_failures: format::count(failures.total),
        pager: Pager::new(page, failures.total, |number| {
            format!("{address}?page={number}")
        }),
        failures: failures
            .items
            .into_iter()
            .map(|failure| failure_row(failure, &base))
            .collect(),
        more_uploads: uploads.len().saturating_sub(MAX_UPLOADS),
        uploads: uploads
            .iter()
            .take(MAX_UPLOADS)
            .map(|upload| upload_row(upload, now, &mut left))
            .collect(),
        errors_outside_tests,
        accounting,
    })
}

fn failure_row(failure: FailedExecution, base: &str) -> Failure {
    let mut text = String::new();
    let mut is_truncated = false;
    let lines = failure.failure_expanded.iter().flat_map(|detail| {
        let gap = (!detail.expanded.is_empty() && !detail.backtrace.is_empty()).then_some("");
        let expanded = detail.expanded.iter().map(String::as_str);
        expanded
            .chain(gap)
            .chain(detail.backtrace.iter().map(String::as_str))
    });
    let mut left = MAX_FAILURE_TEXT;
    for line in lines {
        let shown = start_of(line, left, html_size);
        text.push_str(shown);
        text.push('\n');
        left = left.saturating_sub(html_size(shown) + 1);
        if left == 0 || shown.len() < line.len() {
            is_truncated = true;
            break;
        }
    }
    let reason = failure.failure_reason.unwrap_or_default();
    let test = failure.test;
    Failure {
        address: format!("{base}/tests/{}", test.uuid),
        scope: test.scope,
        name: test.name,
        location: test.location.or(test.file_name).unwrap_or_default(),
        duration: format::maybe_duration(failure.duration),
        muted: failure.muted,
        reason: start_of(&reason, MAX_REASON, html_size).to_owned(),
        text,
        is_truncated,
    }
}

/// A text if there is room for it, else its start; `None` if no room is left.
fn fitting(text: &str, left: &mut usize) -> Option<String> {
    if *left == 0 {
        return None;
    }
    let shown = start_of(text, *left, html_size);
    let is_cut = shown.len() < text.len();
    *left = if is_cut { 0 } else { *left - html_size(shown) };
    let ending = if is_cut { "…" } else { "" };
    Some(format!("{shown}{ending}"))
}

fn upload_row(upload: &Upload, now: Timestamp, left: &mut usize) -> UploadRow {
    UploadRow {
        id: upload.uuid.to_string(),
        format: upload.format.name(),
        kept: format::count(upload.kept),
        duplicates: upload.duplicates,
        skipped: upload.skipped,
        errors: upload
            .errors
            .iter()
            .map_while(|error| fitting(error, left))
            .collect(),
        ago: format::ago(upload.received_at, now),
    }
}
