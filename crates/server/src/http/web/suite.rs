//! The overview of a suite: does its default branch work, and is it getting better?

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::{Deserialize, Serialize};
use test_engine_store::{
    Backfill, BackfillState, Page as ListPage, Period, RunFilter, Suite, SuiteCounts, TestOrder,
    TestQuery, Timestamp,
};

use super::figures::{Figure, figures};
use super::main_pictures::{self, pattern, pulse_key, raster_key};
use super::page::{Frame, PageError, Tab, show};
use super::run_rows::{self, RunRow};
use super::status::Mark;
use super::viewer::SuiteViewer;
use super::words::{MainBranch, Verdict, main_branch};
use super::{empty, format, since};
use crate::App;
use crate::http::params::Params;
use crate::links::Links;

/// In days.
const PERIODS: [u16; 3] = [7, 28, 90];
const DEFAULT_PERIOD: u16 = 28;
/// Runs of the branch that the figures are made of, in this period and the one before.
const MAX_RUNS: u32 = 2_000;
const LATEST_RUNS: u32 = 8;
const SLOWEST_TESTS: u32 = 6;
/// What the list of events covers.
const DAYS_OF_EVENTS: i64 = 7;
/// Commits and tests of the raster.
const COMMITS: u32 = 120;
const FAILING_TESTS: usize = 14;
/// Tests that the rows are chosen from.
const CANDIDATES: usize = 200;
/// Characters of a name.
const MAX_NAME: usize = 200;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Query {
    /// The default branch without it.
    #[serde(skip_serializing_if = "String::is_empty")]
    branch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<u16>,
    /// `table` for tables instead of pictures.
    #[serde(rename = "as", skip_serializing_if = "String::is_empty")]
    form: String,
    /// Of the list of runs, which was here in earlier versions.
    #[serde(skip_serializing)]
    page: Option<u32>,
}

#[derive(Template)]
#[template(path = "suite.html")]
struct Page {
    frame: Frame,
    name: String,
    address: String,
    branch: String,
    days: u16,
    periods: Vec<(u16, String)>,
    counts: SuiteCounts,
    verdict: Verdict,
    /// The newest run of the branch: its title, address and age.
    newest: Option<RunRow>,
    figures: Vec<Figure>,
    /// Markup, or a table.
    pulse: String,
    pulse_key: String,
    failing: Option<Failing>,
    is_table: bool,
    /// The address with pictures instead of tables, or the other way round.
    other_form: String,
    slowest: Vec<Slow>,
    recent: Vec<since::Item>,
    known_commits: u64,
    history: Option<History>,
    /// Runs are compared on their own page.
    can_choose: bool,
    runs: Vec<RunRow>,
    upload_hint: String,
}

/// The tests that fail on the default branch.
struct Failing {
    commits: usize,
    tests: u64,
    rows: Vec<FailingRow>,
    axis: String,
    key: String,
    /// Instead of the rows.
    table: String,
}

struct FailingRow {
    class: &'static str,
    words: &'static str,
    address: String,
    name: String,
    scope: String,
    strip: String,
    rate: String,
}

struct Slow {
    address: String,
    name: String,
    scope: String,
    duration: String,
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
                BackfillState::Ingested => "pass",
                BackfillState::Rejected => "fail",
                BackfillState::Awaited | BackfillState::Receiving | BackfillState::Received => "",
            },
            ago: format::ago(since.unwrap_or(backfill.created_at), now),
            commits: format::counted(backfill.commits, "commit"),
            skipped_records: backfill.skipped_records,
            problems: backfill.problems,
        }
    }
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let address = Links::suite_path(&suite);
    if let Some(page) = query.page {
        return Ok(Redirect::to(&format!("{address}/runs?page={page}")).into_response());
    }
    let now = app.clock.now();
    let branch = match query.branch.trim() {
        "" => suite.default_branch.clone(),
        branch => branch.to_owned(),
    };
    let days = query
        .period
        .filter(|days| PERIODS.contains(days))
        .unwrap_or(DEFAULT_PERIOD);
    let of_branch = RunFilter {
        branch: Some(branch.clone()),
        since: Some(now.plus_millis(-2 * i64::from(days) * DAY_MS)),
        ..RunFilter::default()
    };
    let recent = app
        .store
        .filtered_runs(suite.id, &of_branch, ListPage::new(1, MAX_RUNS))
        .await?
        .items;
    let marks = run_rows::marks(&app, &recent).await?;
    let latest = app
        .store
        .runs(suite.id, None, ListPage::new(1, LATEST_RUNS));
    let latest = latest.await?;
    let counts = app.store.suite_counts(suite.id).await?;
    let newest = run_rows::rows(&app, &suite, recent.get(..1).unwrap_or_default(), now).await?;
    let red = marks.iter().take_while(|mark| mark.class == "fail").count();
    let tests = recent.first().and_then(|run| run.tests).unwrap_or_default();
    let verdict = main_branch(&MainBranch {
        name: &branch,
        class: marks.first().map_or("", |mark: &Mark| mark.class),
        broken: tests.broken,
        recovered: tests.recovered,
        red_runs: red as u64,
        red_since: red
            .checked_sub(1)
            .map(|first| format::ago(recent[first].created_at, now))
            .unwrap_or_default(),
        has_runs: latest.total > 0,
    });
    let backfills = app.store.backfills(suite.id, ListPage::new(1, 1)).await?;
    let is_table = query.form == "table";
    let pulse = main_pictures::pulse(&recent, &marks, days, now, &address);
    let is_default = branch == suite.default_branch;
    let failing = if is_default {
        failing(&app, &suite, &address, is_table).await?
    } else {
        None
    };
    let period_start = now.plus_millis(-i64::from(days) * DAY_MS);
    show(&Page {
        frame: Frame::of_tab(&app, suite.name.clone(), &viewer, &suite, Tab::Overview).await?,
        periods: periods(&query, &address),
        figures: figures(&recent, &marks, period_start, counts, days),
        pulse: if is_table {
            pulse.table().html()
        } else {
            pulse.svg()
        },
        pulse_key: pulse_key(),
        failing,
        is_table,
        other_form: other_form(&query, &address, is_table),
        slowest: slowest(&app, &suite, days, now).await?,
        recent: since::of(&app, &suite, DAYS_OF_EVENTS, viewer.is_signed_in(), now).await?,
        known_commits: app.store.count_commits(suite.id).await?,
        history: backfills
            .items
            .into_iter()
            .next()
            .map(|backfill| History::new(backfill, now)),
        can_choose: false,
        runs: run_rows::rows(&app, &suite, &latest.items, now).await?,
        upload_hint: empty::upload_command(&app, &suite),
        newest: newest.into_iter().next(),
        name: suite.name,
        address,
        branch,
        days,
        counts,
        verdict,
    })
}

fn periods(query: &Query, address: &str) -> Vec<(u16, String)> {
    let link = |days| {
        let other = Query {
            period: Some(days),
            ..query.clone()
        };
        let query = serde_urlencoded::to_string(&other).unwrap_or_default();
        (days, format!("{address}?{query}"))
    };
    PERIODS.into_iter().map(link).collect()
}

fn other_form(query: &Query, address: &str, is_table: bool) -> String {
    let other = Query {
        form: if is_table { "" } else { "table" }.to_owned(),
        ..query.clone()
    };
    let query = serde_urlencoded::to_string(&other).unwrap_or_default();
    format!("{address}?{query}")
}

/// `None` if nothing failed.
async fn failing(
    app: &App,
    suite: &Suite,
    base: &str,
    is_table: bool,
) -> Result<Option<Failing>, PageError> {
    let mut found = app
        .store
        .failures_on_main(suite.id, COMMITS, CANDIDATES)
        .await?;
    main_pictures::keep_worst(&mut found, FAILING_TESTS);
    if found.tests.is_empty() {
        return Ok(None);
    }
    let raster = main_pictures::raster(&found, base);
    let rows = found.tests.iter().zip(&raster.rows).enumerate();
    let rows = rows.map(|(at, (failed, row))| {
        let (class, words) = pattern(row, failed.test.state);
        let (number, ran) = row.failed_and_ran();
        FailingRow {
            class,
            words,
            address: row.address.clone(),
            name: format::shortened(&failed.test.name, MAX_NAME),
            scope: format::shortened(&failed.test.scope, MAX_NAME),
            strip: raster.strip(at),
            rate: format!("{} %", (100 * number + ran / 2) / ran.max(1)),
        }
    });
    Ok(Some(Failing {
        commits: found.commits.len(),
        tests: found.tests_count,
        rows: rows.collect(),
        axis: raster.axis(),
        key: raster_key(),
        table: if is_table {
            raster.table().html()
        } else {
            String::new()
        },
    }))
}

async fn slowest(
    app: &App,
    suite: &Suite,
    days: u16,
    now: Timestamp,
) -> Result<Vec<Slow>, PageError> {
    let query = TestQuery {
        period: Period::last_days(i64::from(days), now),
        branch: None,
        state: None,
        search: None,
        labels: Vec::new(),
        terms: Vec::new(),
        order: TestOrder::DurationMean,
        descending: true,
        page: ListPage::new(1, SLOWEST_TESTS),
    };
    let listed = app.store.tests(suite.id, &query).await?;
    let base = Links::suite_path(suite);
    let rows = listed.items.into_iter().map(|item| Slow {
        address: format!("{base}/tests/{}", item.test.uuid),
        name: format::shortened(&item.test.name, MAX_NAME),
        scope: format::shortened(&item.test.scope, MAX_NAME),
        duration: format::maybe_duration(item.metrics.duration_mean()),
    });
    Ok(rows.collect())
}
