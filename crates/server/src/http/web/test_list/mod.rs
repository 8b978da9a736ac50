//! The list of tests of a suite: found by a query, sorted, in chosen columns, as a page and as a
//! file.

mod address;
mod amounts;
mod columns;
mod fields;
mod parse;
mod query;
mod rows;
mod select;
mod views;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use test_engine_store::{Listed, Page as ListPage, TestWithMetrics};

use self::address::{Asked, Shown};
use self::columns::{Column, Heading};
use self::fields::Fields;
use self::parse::{MAX_QUERY, QueryError};
use self::query::{Condition, Query};
use self::rows::{Around, Content, Details, Row};
use self::select::{DAYS, Selection};
use self::views::{MAX_NAME, ViewLink};
use super::bulk::{self, Done};
use super::export::{Export, FileLinks};
use super::format;
use super::page::{Frame, PageError, Pager, Tab, show};
use super::viewer::SuiteViewer;
use super::words;
use crate::App;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::http::test_owners::owners;
use crate::labels::MAX_LABEL;
use crate::links::Links;
use crate::quarantine::{MAX_OWNER, MAX_REASON};

pub(super) use self::views::change as change_view;

/// The address of the tests with a text in their scope or name.
pub(super) fn tests_with_text(base: &str, text: &str) -> String {
    rows::address_of(base, Condition::Name(text.to_owned()))
}

/// The address of the tests of a team, or of nobody, that meet a further condition.
pub(super) fn tests_of_owner(base: &str, owner: &str, condition: &str) -> String {
    let owner = Query::of_condition(Condition::Owner(owner.to_owned())).print();
    let separator = if condition.is_empty() { "" } else { " " };
    let text = format!("{owner}{separator}{condition}");
    let query = serde_urlencoded::to_string([("q", text)]).unwrap_or_default();
    format!("{base}?{query}")
}

/// Tests per page.
const PAGE_SIZE: u32 = 50;

#[derive(Template)]
#[template(path = "test_list.html")]
struct Page {
    frame: Frame,
    address: String,
    quarantine_address: String,
    sentence: String,
    notice: String,
    /// What is wrong with the query; empty if nothing is.
    problem: String,
    views: Vec<ViewLink>,
    /// The name of the current saved view, or empty.
    view: String,
    is_default: bool,
    text: String,
    fields: Fields,
    /// Whether any field but the one for all other terms says something.
    has_fields: bool,
    teams: Vec<String>,
    /// The part of the address after `?`.
    shown: String,
    /// The parts of the address that are neither query nor page.
    kept: Vec<(&'static str, String)>,
    choices: Vec<(Column, bool)>,
    headings: Vec<Heading>,
    found: String,
    /// Days that the figures cover, and in which tests have executions.
    covered_days: i64,
    tests: Vec<Row>,
    may_write: bool,
    days: Vec<u32>,
    default_days: u32,
    pager: Pager,
    files: FileLinks,
    upload_hint: String,
    limits: Limits,
}

/// Characters of the form's fields.
struct Limits {
    query: usize,
    name: usize,
    reason: usize,
    owner: usize,
    label: usize,
}

const LIMITS: Limits = Limits {
    query: MAX_QUERY,
    name: MAX_NAME,
    reason: MAX_REASON,
    owner: MAX_OWNER,
    label: MAX_LABEL,
};

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    export: Export,
    Params(pairs): Params<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let base = format!("{}/tests", Links::suite_path(&suite));
    let asked = Asked::of(pairs)?;
    let file = export.file(format!("{}-tests", suite.slug));
    let now = app.clock.now();
    let owners = owners(&app, &suite).await?;
    if let (None, Some(address)) = (&file, asked.canonical(&base)) {
        return Ok(Redirect::to(&address).into_response());
    }
    let views = app.store.saved_views(suite.id).await?;
    let shown = asked.shown(&views);
    let parsed = Query::parse(&shown.text);
    let page = ListPage::new(shown.page, PAGE_SIZE);
    if let Some(file) = file {
        let query = parsed.map_err(|problem| ApiError::bad_request(problem.to_string()))?;
        let all = ListPage::new(1, u32::MAX);
        let selection = Selection::new(&query, shown.sort, all, &owners, now);
        let found = selection.find(&app, &suite).await?;
        let chunks = rows::chunks(app, suite, owners, &found.items);
        return file.chunks(&rows::FILE_COLUMNS, chunks).await;
    }
    let (listed, days) = match &parsed {
        Ok(query) => {
            let selection = Selection::new(query, shown.sort, page, &owners, now);
            let found = selection.find(&app, &suite).await?;
            let listed = Listed {
                items: app.store.with_metrics(&found.items).await?,
                total: found.total,
            };
            (listed, selection.days())
        }
        Err(_invalid) => (
            Listed {
                items: Vec::new(),
                total: 0,
            },
            DAYS,
        ),
    };
    let title = format!("Tests of {}", suite.name);
    let mut frame = Frame::of_tab(&app, title, &viewer, &suite, Tab::Tests).await?;
    frame.crumb("Tests", base.clone());
    let counts = frame.counts.unwrap_or_default();
    let details = Details::of(&app, &listed.items).await?;
    let may_write = viewer.may_write(&suite.organization_slug);
    let around = Around {
        suite: &suite,
        owners: &owners,
        back: may_write.then_some(viewer.path()),
        now,
    };
    let fields = parsed.as_ref().map(Fields::of).unwrap_or_default();
    let current = views.iter().find(|view| shown.is_view(&view.settings));
    let (sort, direction) = shown.sort.names();
    let kept = [
        ("sort", sort.to_owned()),
        ("order", direction.to_owned()),
        ("columns", columns::names(&shown.columns)),
    ];
    show(&Page {
        sentence: words::tests_of_suite(counts.tests, counts.flaky),
        notice: Done::new(asked.changed, asked.refused).text(),
        views: views::links(&views, &shown, &base),
        view: current.map_or_else(String::new, |view| view.name.clone()),
        is_default: current.is_some_and(|view| view.settings.is_default),
        has_fields: fields.is_used(),
        fields,
        teams: owners.teams().into_iter().map(str::to_owned).collect(),
        kept: kept
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect(),
        choices: choices(&shown),
        headings: headings(&shown, &base),
        found: found(&listed, days),
        tests: rows::rows(&listed.items, &details, &shown.columns, &around),
        may_write,
        covered_days: days,
        days: bulk::days(&suite),
        default_days: suite.quarantine.default_days(),
        pager: Pager::new(page, listed.total, |number| {
            let other = Shown {
                page: number,
                ..shown.clone()
            };
            other.address(&base)
        }),
        files: export.links(),
        upload_hint: if counts.tests == 0 {
            super::empty::upload_command(&app, &suite)
        } else {
            String::new()
        },
        limits: LIMITS,
        quarantine_address: format!("{}/quarantine", Links::suite_path(&suite)),
        problem: parsed
            .err()
            .map_or_else(String::new, |problem: QueryError| problem.to_string()),
        shown: shown.query_string(),
        text: shown.text,
        address: base,
        frame,
    })
}

fn choices(shown: &Shown) -> Vec<(Column, bool)> {
    let all = Column::ALL.into_iter();
    all.map(|column| (column, shown.columns.contains(&column)))
        .collect()
}

fn headings(shown: &Shown, base: &str) -> Vec<Heading> {
    let columns = shown.columns.iter();
    let heading = |column: &Column| {
        Heading::new(*column, shown.sort, |sort| {
            let other = Shown {
                sort,
                page: 1,
                ..shown.clone()
            };
            other.address(base)
        })
    };
    columns.map(heading).collect()
}

/// How many tests match, and what their figures cover.
fn found(listed: &Listed<TestWithMetrics>, days: i64) -> String {
    let tests = format::counted(listed.total, "test");
    format!("{tests} with executions in the last {days} days")
}
