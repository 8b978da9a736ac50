//! The page of a test: its state, metrics and history.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use test_engine_results::Outcome;
use test_engine_store::{Execution, Page as ListPage, Period, Timestamp};

use super::bars::{self, Bar};
use super::format;
use super::page::{Frame, PageError, Pager, show};
use super::test_events::{self, Event};
use super::test_state::StateSection;
use super::viewer::SuiteViewer;
use crate::App;
use crate::clock::rfc3339;
use crate::http::params::{IdInPath, Params};
use crate::http::test_owners::{file_of_test, owners};
use crate::links::Links;

/// Days that the metrics cover.
const DAYS: i64 = 28;
/// Executions per page.
const PAGE_SIZE: u32 = 50;

#[derive(Template)]
#[template(path = "test.html")]
struct Page {
    frame: Frame,
    address: String,
    scope: String,
    name: String,
    location: String,
    section: StateSection,
    events: Vec<Event>,
    may_write: bool,
    duration: String,
    shortest: String,
    longest: String,
    reliability: String,
    executions: String,
    failed: String,
    first_seen: String,
    bars: Vec<Bar>,
    history: Vec<Row>,
    pager: Pager,
}

struct Row {
    outcome: OutcomeMark,
    muted: bool,
    duration: String,
    branch: String,
    commit: String,
    reason: String,
    run_address: String,
    time: String,
    ago: String,
}

/// An outcome as word, symbol and colour.
pub(super) struct OutcomeMark {
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) word: &'static str,
}

impl OutcomeMark {
    pub(super) fn of(outcome: Outcome) -> Self {
        let (class, sign) = match outcome {
            Outcome::Passed => ("passed", "✓"),
            Outcome::Failed => ("failed", "✗"),
            Outcome::Skipped => ("skipped", "–"),
            Outcome::Unknown => ("unknown", "?"),
        };
        Self {
            class,
            sign,
            word: outcome.name(),
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
    let test = app
        .store
        .test(suite.id, id)
        .await?
        .ok_or(PageError::NotFound)?;
    let now = app.clock.now();
    let base = Links::suite_path(&suite);
    let address = format!("{base}/tests/{id}");
    let metrics = app
        .store
        .test_metrics(&test, Period::last_days(DAYS, now), None)
        .await?;
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let executions = app.store.test_executions(&test, page).await?;
    let owners = owners(&app, &suite).await?;
    let known = app.store.quarantines(&[test.id]).await?;
    let shows_people = viewer.is_signed_in();
    let section = StateSection::new(
        &test,
        known.get(&test.id),
        &suite,
        owners.of(file_of_test(&test)).first().map(String::as_str),
        shows_people,
        now,
    );
    let events = if shows_people {
        test_events::of(&app, &suite, &test, now).await?
    } else {
        Vec::new()
    };
    let mut frame = Frame::of_suite(test.name.clone(), &viewer, &suite);
    frame.crumb("Tests", format!("{base}/tests"));
    show(&Page {
        frame,
        may_write: viewer.may_write(&suite.organization_slug),
        scope: test.scope,
        name: test.name,
        location: test.location.or(test.file_name).unwrap_or_default(),
        section,
        events,
        duration: format::maybe_duration(metrics.duration_mean()),
        shortest: format::maybe_duration(metrics.duration_min),
        longest: format::maybe_duration(metrics.duration_max),
        reliability: format::percent(metrics.counts.reliability()),
        executions: format::count(metrics.counts.executions()),
        failed: format::count(metrics.counts.failed),
        first_seen: format::ago(test.first_seen_at, now),
        bars: bars::of(&executions.items),
        pager: Pager::new(page, executions.total, |number| {
            format!("{address}?page={number}")
        }),
        history: executions
            .items
            .into_iter()
            .map(|execution| row(execution, &base, now))
            .collect(),
        address,
    })
}

fn row(execution: Execution, base: &str, now: Timestamp) -> Row {
    Row {
        outcome: OutcomeMark::of(execution.outcome),
        muted: execution.muted,
        duration: format::maybe_duration(execution.duration),
        branch: execution.branch.unwrap_or_else(|| "–".to_owned()),
        commit: format::commit(execution.commit_sha.as_deref()),
        reason: format::first_line(execution.failure_reason.as_deref()),
        run_address: format!("{base}/runs/{}", execution.run_uuid),
        time: rfc3339(execution.created_at),
        ago: format::ago(execution.created_at, now),
    }
}
