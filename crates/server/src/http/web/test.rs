//! The page of a test: metrics, history, and buttons to change its state.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use test_engine_results::Outcome;
use test_engine_store::{Execution, Page as ListPage, Period, TestState, Timestamp};

use super::bars::{self, Bar};
use super::format;
use super::page::{Frame, PageError, Pager, show};
use super::sign_in::form;
use super::viewer::SuiteViewer;
use crate::App;
use crate::clock::rfc3339;
use crate::http::client_address::ClientAddress;
use crate::http::params::{IdInPath, Params};
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
    state: &'static str,
    choices: Vec<Choice>,
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

struct Choice {
    state: &'static str,
    text: &'static str,
    explanation: &'static str,
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
    let mut frame = Frame::of_suite(test.name.clone(), &viewer, &suite);
    frame.crumb("Tests", format!("{base}/tests"));
    show(&Page {
        frame,
        may_write: viewer.may_write(&suite.organization_slug),
        choices: choices(test.state),
        scope: test.scope,
        name: test.name,
        location: test.location.or(test.file_name).unwrap_or_default(),
        state: test.state.name(),
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

fn choices(current: TestState) -> Vec<Choice> {
    let all = [
        (
            TestState::Muted,
            "Mute",
            "It runs, but its failures do not fail the build.",
        ),
        (
            TestState::Skipped,
            "Skip",
            "It does not run, if the runner can skip it.",
        ),
        (
            TestState::Enabled,
            "Enable",
            "It runs, and its failures fail the build.",
        ),
    ];
    all.into_iter()
        .filter(|(state, _, _)| *state != current)
        .map(|(state, text, explanation)| Choice {
            state: state.name(),
            text,
            explanation,
        })
        .collect()
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

#[derive(Deserialize)]
struct SetState {
    #[serde(default)]
    form_token: String,
    #[serde(default)]
    state: String,
}

pub(super) async fn set_state(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    IdInPath(id): IdInPath,
    client: ClientAddress,
    request: Request,
) -> Result<Response, PageError> {
    let form: SetState = form(request).await?;
    if !viewer.owns_form(&form.form_token) {
        return Err(PageError::Forbidden(
            "This form has expired. Go back and reload the page.".to_owned(),
        ));
    }
    if !viewer.may_write(&suite.organization_slug) {
        return Err(PageError::Forbidden(
            "Your token does not have the scope write_suites.".to_owned(),
        ));
    }
    let state = match form.state.as_str() {
        "muted" => TestState::Muted,
        "skipped" => TestState::Skipped,
        "enabled" => TestState::Enabled,
        _ => return Err(PageError::NotFound),
    };
    let change = viewer.change(client, app.clock.now());
    app.store
        .set_test_state(suite.id, id, state, &change)
        .await?
        .ok_or(PageError::NotFound)?;
    tracing::info!(suite = suite.slug, test = %id, state = state.name(), "test state set");
    let address = format!("{}/tests/{id}", Links::suite_path(&suite));
    Ok(Redirect::to(&address).into_response())
}
