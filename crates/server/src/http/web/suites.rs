//! The suites of an organization: which of them is broken on its default branch? As a page and as
//! a file.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use test_engine_charts::{Column, Mark as Drawn, Raster, Row as RasterRow};
use test_engine_store::{
    OrganizationId, Page as ListPage, Run, Suite, SuiteCounts, SuiteId, Timestamp,
};

use super::export::{self, Export, FileLinks};
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
    files: FileLinks,
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
    export: Export,
    Params(query): Params<PageQuery>,
) -> Result<Response, PageError> {
    let organization = viewer.organization(&app, &slug).await?;
    if let Some(file) = export.file(format!("{}-suites", organization.slug)) {
        let chunks = chunks(app, organization.id);
        return file.chunks(&COLUMNS, chunks).await;
    }
    let page = query.page();
    let listed = app.store.suites(organization.id, page).await?;
    let known = known(&app, &listed.items).await?;
    let now = app.clock.now();
    let suites = listed.items.iter().zip(known);
    let suites: Vec<Row> = suites
        .map(|(suite, known)| Row::new(suite, known, now))
        .collect();
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
        files: export.links(),
        suites,
        pager: Pager::new(page, listed.total, |number| {
            format!("{address}?page={number}")
        }),
    })
}

/// What is known of a suite. Runs are newest first, with their marks.
struct Known {
    counts: SuiteCounts,
    /// The newest run of any branch.
    latest: Option<(Run, Mark)>,
    /// Runs of the default branch.
    main: Vec<Run>,
    marks: Vec<Mark>,
}

/// In the order of the suites.
async fn known(app: &App, suites: &[Suite]) -> Result<Vec<Known>, PageError> {
    let store = &app.store;
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
    let latest = latest.into_iter().map(|runs| runs.into_iter().next());
    let latest: Vec<Option<(Run, Mark)>> = latest.map(|run| Some((run?, marks.next()?))).collect();
    let suites = suites.iter().zip(latest).zip(main);
    let known = suites.map(|((suite, latest), main)| Known {
        counts: counts.get(&suite.id).copied().unwrap_or_default(),
        latest,
        marks: marks.by_ref().take(main.len()).collect(),
        main,
    });
    Ok(known.collect())
}

impl Known {
    /// The runs of the default branch since it is red; empty if it is not.
    fn red(&self) -> &[Run] {
        let red = self.marks.iter().take_while(|mark| mark.class == "fail");
        self.main.get(..red.count()).unwrap_or_default()
    }
}

impl Row {
    fn new(suite: &Suite, known: Known, now: Timestamp) -> Self {
        let since = match (known.red().last(), known.main.first()) {
            (Some(first), _) => format!("since {}", format::ago(first.created_at, now)),
            (None, Some(run)) => format::ago(run.created_at, now),
            (None, None) => String::new(),
        };
        let address = Links::suite_path(suite);
        Self {
            name: suite.name.clone(),
            slug: suite.slug.clone(),
            default_branch: suite.default_branch.clone(),
            main: known.marks.first().copied(),
            since,
            strip: strip(&known.main, &known.marks, now.plus_millis(-DAYS * DAY_MS)),
            tests: format::count(known.counts.tests),
            flaky: known.counts.flaky,
            quarantined: known.counts.quarantined,
            latest: known
                .latest
                .map(|(run, mark)| RunRow::new(&run, mark, &address, now)),
            address,
        }
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

/// Suites that are read at once, with their runs.
const AT_ONCE: u32 = 50;
/// `result` is that of the default branch; `red_since` is empty if it is not red, or
/// for all of the runs that are read.
const COLUMNS: [&str; 12] = [
    "slug",
    "name",
    "default_branch",
    "result",
    "red_since",
    "runs",
    "tests",
    "flaky",
    "quarantined",
    "last_run_result",
    "last_run_at",
    "url",
];

fn chunks(app: App, organization: OrganizationId) -> export::Chunks {
    export::from_position(1_u32, move |number| {
        let app = App::clone(&app);
        async move {
            let page = ListPage::new(number, AT_ONCE);
            let suites = app.store.suites(organization, page).await?.items;
            let known = known(&app, &suites).await?;
            let rows = suites.iter().zip(&known);
            let rows = rows.map(|(suite, known)| {
                let address = app.links.suite_page(suite);
                file_row(suite, known, address)
            });
            let is_full = suites.len() >= AT_ONCE as usize;
            Ok((rows.collect(), is_full.then_some(number + 1)))
        }
    })
}

/// Not known if every run that was read is red.
fn red_since(red: &[Run]) -> Option<Timestamp> {
    let is_known = red.len() < MAX_RUNS as usize;
    red.last().filter(|_| is_known).map(|run| run.created_at)
}

fn file_row(suite: &Suite, known: &Known, address: String) -> export::Row {
    let counts = known.counts;
    let latest = known.latest.as_ref();
    vec![
        suite.slug.clone().into(),
        suite.name.clone().into(),
        suite.default_branch.clone().into(),
        known.marks.first().map(|mark| mark.word).into(),
        red_since(known.red()).into(),
        counts.runs.into(),
        counts.tests.into(),
        counts.flaky.into(),
        counts.quarantined.into(),
        latest.map(|(_, mark)| mark.word).into(),
        latest.map(|(run, _)| run.created_at).into(),
        address.into(),
    ]
}
