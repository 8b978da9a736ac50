//! The suites of an organization: which of them is broken on its default branch?

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use test_engine_charts::{Column, Mark as Drawn, Raster, Row as RasterRow};
use test_engine_store::{Run, Suite, SuiteCounts, SuiteId, Timestamp};

use super::format;
use super::page::{Frame, PageError, Pager, show};
use super::run_rows::{self, RunRow};
use super::status::{Mark, is_outage};
use super::viewer::Viewer;
use crate::App;
use crate::http::paging::PageQuery;
use crate::http::params::Params;
use crate::links::Links;

/// Runs of the default branch that are read, to draw them and to tell since when it is red.
const MAX_RUNS: u32 = 120;
/// What the strip of runs covers.
const DAYS: i64 = 28;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

#[derive(Template)]
#[template(path = "suites.html")]
struct Page {
    frame: Frame,
    organization: String,
    owners_address: String,
    sentence: String,
    days: i64,
    suites: Vec<Row>,
    pager: Pager,
}

struct Row {
    name: String,
    slug: String,
    address: String,
    default_branch: String,
    /// The state of the default branch; `None` without runs.
    main: Option<Mark>,
    /// Since when it is red; else the age of its newest run.
    since: String,
    /// Its runs, as a picture; empty without runs.
    strip: String,
    tests: String,
    flaky: u64,
    quarantined: u64,
    /// The newest run of any branch.
    latest: Option<RunRow>,
}

pub(super) async fn get(
    State(app): State<App>,
    viewer: Viewer,
    Path(slug): Path<String>,
    Params(query): Params<PageQuery>,
) -> Result<Response, PageError> {
    let organization = viewer.organization(&app, &slug).await?;
    let page = query.page();
    let listed = app.store.suites(organization.id, page).await?;
    let suites = rows(&app, &listed.items).await?;
    let broken = suites
        .iter()
        .filter(|suite| suite.main.is_some_and(|mark| mark.class == "fail"))
        .count();
    let address = Links::organization_page(&organization.slug);
    let mut frame = Frame::new(format!("Suites of {}", organization.slug), &viewer);
    frame.crumb(&organization.slug, address.clone());
    show(&Page {
        frame,
        sentence: sentence(broken as u64, suites.len() as u64),
        days: DAYS,
        owners_address: format!("{address}/owners"),
        organization: organization.slug,
        suites,
        pager: Pager::new(page, listed.total, |number| {
            format!("{address}?page={number}")
        }),
    })
}

async fn rows(app: &App, suites: &[Suite]) -> Result<Vec<Row>, PageError> {
    let store = &app.store;
    let now = app.clock.now();
    let ids: Vec<SuiteId> = suites.iter().map(|suite| suite.id).collect();
    let counts = store.counts_of_suites(&ids).await?;
    let of_any: Vec<(SuiteId, Option<&str>)> = ids.iter().map(|id| (*id, None)).collect();
    let latest = store.newest_runs(&of_any, 1).await?;
    let of_main = suites
        .iter()
        .map(|suite| (suite.id, Some(suite.default_branch.as_str())));
    let of_main: Vec<(SuiteId, Option<&str>)> = of_main.collect();
    let main = store.newest_runs(&of_main, MAX_RUNS).await?;
    let all: Vec<Run> = latest.iter().chain(&main).flatten().cloned().collect();
    let mut marks = run_rows::marks(app, &all).await?.into_iter();
    let latest: Vec<(&[Run], Vec<Mark>)> = latest
        .iter()
        .map(|runs| (runs.as_slice(), marks.by_ref().take(runs.len()).collect()))
        .collect();
    let main: Vec<(&[Run], Vec<Mark>)> = main
        .iter()
        .map(|runs| (runs.as_slice(), marks.by_ref().take(runs.len()).collect()))
        .collect();
    let rows = suites.iter().zip(latest.into_iter().zip(main));
    let rows = rows.map(|(suite, (latest, main))| {
        let counts = counts.get(&suite.id).copied().unwrap_or_default();
        row(suite, counts, latest, main, now)
    });
    Ok(rows.collect())
}

/// Runs are newest first, with their marks.
fn row(
    suite: &Suite,
    counts: SuiteCounts,
    (latest, latest_marks): (&[Run], Vec<Mark>),
    (main, marks): (&[Run], Vec<Mark>),
    now: Timestamp,
) -> Row {
    let red = marks.iter().take_while(|mark| mark.class == "fail").count();
    let since = match (red.checked_sub(1), main.first()) {
        (Some(first), _) => format!("since {}", format::ago(main[first].created_at, now)),
        (None, Some(run)) => format::ago(run.created_at, now),
        (None, None) => String::new(),
    };
    let address = Links::suite_path(suite);
    let newest = latest.first().zip(latest_marks.first());
    Row {
        name: suite.name.clone(),
        slug: suite.slug.clone(),
        default_branch: suite.default_branch.clone(),
        main: marks.first().copied(),
        since,
        strip: strip(main, &marks, now.plus_millis(-DAYS * DAY_MS)),
        tests: format::count(counts.tests),
        flaky: counts.flaky,
        quarantined: counts.quarantined,
        latest: newest.map(|(run, mark)| RunRow::new(run, *mark, &address, now)),
        address,
    }
}

/// The runs since then, newest on the right.
fn strip(runs: &[Run], marks: &[Mark], since: Timestamp) -> String {
    let shown = runs.iter().zip(marks);
    let shown: Vec<(&Run, &Mark)> = shown
        .take_while(|(run, _)| run.created_at >= since)
        .collect();
    let columns = shown.iter().rev().map(|(run, _)| Column {
        is_outage: is_outage(run),
        ..Column::default()
    });
    let marks = shown.iter().rev().map(|(run, mark)| match mark.class {
        "fail" if is_outage(run) => Drawn::NotRun,
        "fail" => Drawn::Failed,
        "flaky" => Drawn::Recovered,
        "pass" => Drawn::Passed,
        _ => Drawn::NotRun,
    });
    let row = RasterRow {
        marks: marks.collect(),
        ..RasterRow::default()
    };
    if shown.is_empty() {
        return String::new();
    }
    let raster = Raster {
        columns: columns.collect(),
        rows: vec![row],
    };
    raster.strip(0)
}

/// The first line.
fn sentence(broken: u64, suites: u64) -> String {
    match (broken, suites) {
        (_, 0) => String::new(),
        (0, 1) => "The suite is not broken on its default branch.".to_owned(),
        (0, _) => "No suite is broken on its default branch.".to_owned(),
        (1, _) => format!("1 of {suites} suites is broken on its default branch."),
        _ => format!("{broken} of {suites} suites are broken on their default branch."),
    }
}
