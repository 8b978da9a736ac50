//! The causes of failures over all runs of a suite: which of them fails most runs? As a page and as
//! a file.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use test_engine_store::{CauseInRuns, CountedCause, Page as ListPage, Suite, Timestamp};

use super::export::{self, Export, FileLinks};
use super::format;
use super::page::{Frame, PageError, Pager, Tab, show};
use super::runs::Choice;
use super::test_figures::trend;
use super::viewer::SuiteViewer;
use super::words::{self, CauseCounts};
use crate::App;
use crate::clock::rfc3339;
use crate::http::params::Params;
use crate::links::Links;

/// In days.
const PERIODS: [(u16, &str); 3] = [(7, "7 days"), (28, "28 days"), (88, "88 days")];
const DEFAULT_PERIOD: u16 = 28;
/// Causes per page.
const PAGE_SIZE: u32 = 25;
/// Characters of a name, of a frame, and of a message.
const MAX_NAME: usize = 160;
const MAX_MESSAGE: usize = 300;

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Query {
    #[serde(skip_serializing_if = "String::is_empty")]
    branch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u32>,
}

impl Query {
    fn days(&self) -> u16 {
        let days = self.period.unwrap_or(DEFAULT_PERIOD);
        let known = PERIODS.iter().any(|(known, _)| *known == days);
        if known { days } else { DEFAULT_PERIOD }
    }

    fn address(&self, base: &str) -> String {
        let query = serde_urlencoded::to_string(self).unwrap_or_default();
        format!("{base}?{query}")
    }
}

#[derive(Template)]
#[template(path = "failures.html")]
struct Page {
    frame: Frame,
    address: String,
    sentence: String,
    query: Query,
    days: u16,
    periods: Vec<Choice>,
    total: String,
    is_complete: bool,
    causes: Vec<Row>,
    pager: Pager,
    files: FileLinks,
}

struct Row {
    id: String,
    /// The class of the mark, and what it says.
    class: &'static str,
    word: &'static str,
    message: String,
    frame: String,
    tests: Vec<TestLink>,
    more_tests: String,
    runs: String,
    runs_address: String,
    red_runs: String,
    branches: String,
    trend: String,
    first: String,
    first_time: String,
    last: String,
    last_time: String,
}

struct TestLink {
    name: String,
    address: String,
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    export: Export,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let now = app.clock.now();
    let base = Links::suite_path(&suite);
    let address = format!("{base}/failures");
    let days = query.days();
    let since = now.plus_days(-i64::from(days));
    let branch = Some(query.branch.trim()).filter(|branch| !branch.is_empty());
    if let Some(file) = export.file(format!("{}-failures", suite.slug)) {
        let (causes, is_complete) = app.store.causes_in_order(suite.id, since, branch).await?;
        let file = if is_complete {
            file
        } else {
            file.named(format!("{}-failures-of-newest-runs", suite.slug))
        };
        let branch = branch.map(str::to_owned);
        let chunks = chunks(app, &suite, branch, since, causes);
        return file.chunks(&COLUMNS, chunks).await;
    }
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let found = app
        .store
        .failure_causes(suite.id, since, branch, page)
        .await?;
    let title = format!("Causes of failures of {}", suite.name);
    let mut frame = Frame::of_tab(&app, title, &viewer, &suite, Tab::Runs).await?;
    frame.crumb("Failures", address.clone());
    let periods = PERIODS.into_iter().map(|(period, text)| {
        let other = Query {
            period: Some(period),
            page: None,
            ..query.clone()
        };
        Choice {
            text,
            address: other.address(&address),
            is_current: period == days,
        }
    });
    show(&Page {
        frame,
        sentence: words::failures(CauseCounts {
            causes: found.total,
            red_runs: found.red_runs,
            covered: &found.covered,
            days,
        }),
        periods: periods.collect(),
        total: format::counted(found.total, "cause"),
        is_complete: found.is_complete,
        pager: Pager::new(page, found.total, |number| {
            let other = Query {
                page: Some(number),
                ..query.clone()
            };
            other.address(&address)
        }),
        causes: found
            .causes
            .iter()
            .map(|cause| Row::new(cause, &base, branch, days, now))
            .collect(),
        files: export.links(),
        days,
        query,
        address,
    })
}

impl Row {
    fn new(
        cause: &CauseInRuns,
        base: &str,
        branch: Option<&str>,
        days: u16,
        now: Timestamp,
    ) -> Self {
        let (class, word) = mark(cause);
        let runs = cause.runs_at.len() as u64;
        let more = cause.tests_count.saturating_sub(cause.tests.len() as u64);
        let last = cause.runs_at.iter().max().copied().unwrap_or(now);
        Self {
            class,
            word,
            message: match cause.reason.as_deref().map(str::trim) {
                None | Some("") => "A failure without a message".to_owned(),
                Some(reason) => format::shortened(reason, MAX_MESSAGE),
            },
            frame: format::shortened(cause.frame.as_deref().unwrap_or_default(), MAX_NAME),
            tests: cause
                .tests
                .iter()
                .map(|test| TestLink {
                    name: format::shortened(
                        format!("{} {}", test.scope, test.name).trim(),
                        MAX_NAME,
                    ),
                    address: format!("{base}/tests/{}", test.uuid),
                })
                .collect(),
            more_tests: match more {
                0 => String::new(),
                more => format!("and {}", format::counted(more, "more test")),
            },
            runs_address: runs_address(cause, base, branch),
            trend: trend(
                &cause.runs_at,
                i64::from(days),
                now,
                &format::counted(runs, "run"),
            ),
            runs: format::count(runs),
            red_runs: format::count(cause.red_runs),
            branches: format::count(cause.branches),
            first: format::ago(cause.first_at, now),
            first_time: rfc3339(cause.first_at),
            last: format::ago(last, now),
            last_time: rfc3339(last),
            id: cause.fingerprint.to_string(),
        }
    }
}

/// The class of the mark, and what it says.
fn mark(cause: &CauseInRuns) -> (&'static str, &'static str) {
    match cause {
        CauseInRuns {
            is_outage: true, ..
        } => ("outage", "Outage"),
        CauseInRuns { red_runs: 0, .. } => ("flaky", "Failed no run"),
        CauseInRuns { .. } => ("fail", "Failed runs"),
    }
}

/// `base` is the address of the suite.
fn runs_address(cause: &CauseInRuns, base: &str, branch: Option<&str>) -> String {
    let fingerprint = cause.fingerprint.to_string();
    let of_cause = [("branch", branch), ("cause", Some(fingerprint.as_str()))];
    let of_cause = of_cause.map(|(name, value)| Some((name, value?)));
    let of_cause: Vec<(&str, &str)> = of_cause.into_iter().flatten().collect();
    let of_cause = serde_urlencoded::to_string(of_cause).unwrap_or_default();
    format!("{base}/runs?{of_cause}")
}

/// The test is the one that failed on most commits.
const COLUMNS: [&str; 15] = [
    "cause",
    "result",
    "message",
    "frame",
    "red_runs",
    "runs",
    "branches",
    "failures",
    "tests",
    "test_id",
    "test_scope",
    "test_name",
    "first_at",
    "last_at",
    "url",
];

fn chunks(
    app: App,
    suite: &Suite,
    branch: Option<String>,
    since: Timestamp,
    causes: Vec<CountedCause>,
) -> export::Chunks {
    let (base, suite) = (app.links.suite_page(suite), suite.id);
    export::of_items(causes, move |causes| {
        let (app, branch, base) = (App::clone(&app), branch.clone(), base.clone());
        async move {
            let causes = app.store.describe_causes(suite, since, causes).await?;
            let rows = causes.iter().map(|cause| {
                let runs = runs_address(cause, &base, branch.as_deref());
                file_row(cause, runs)
            });
            Ok(rows.collect())
        }
    })
}

fn file_row(cause: &CauseInRuns, runs: String) -> export::Row {
    let test = cause.tests.first();
    vec![
        cause.fingerprint.to_string().into(),
        mark(cause).1.into(),
        cause.reason.as_deref().map(str::trim).into(),
        cause.frame.clone().into(),
        cause.red_runs.into(),
        (cause.runs_at.len() as u64).into(),
        cause.branches.into(),
        cause.executions.into(),
        cause.tests_count.into(),
        test.map(|test| test.uuid.to_string()).into(),
        test.map(|test| test.scope.clone()).into(),
        test.map(|test| test.name.clone()).into(),
        cause.first_at.into(),
        cause.runs_at.iter().max().copied().into(),
        runs.into(),
    ]
}
