//! The list of tests of a suite, with duration, reliability and state.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use test_engine_store::{
    BranchFilter, Page as ListPage, Period, TestOrder, TestQuery, TestState, TestWithMetrics,
};

use super::format;
use super::page::{Frame, PageError, Pager, show};
use super::viewer::SuiteViewer;
use crate::App;
use crate::http::params::Params;
use crate::links::Links;

/// Days that the metrics cover.
const DAYS: i64 = 28;
/// Tests per page.
const PAGE_SIZE: u32 = 50;

/// The query of the address; also used to build links.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Query {
    #[serde(skip_serializing_if = "String::is_empty")]
    search: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    state: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    sort: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    order: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    branch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u32>,
}

impl Query {
    fn state(&self) -> Option<TestState> {
        match self.state.as_str() {
            "enabled" => Some(TestState::Enabled),
            "muted" => Some(TestState::Muted),
            "skipped" => Some(TestState::Skipped),
            _ => None,
        }
    }

    fn order(&self) -> TestOrder {
        match self.sort.as_str() {
            "reliability" => TestOrder::Reliability,
            "executions" => TestOrder::Executions,
            _ => TestOrder::DurationMean,
        }
    }

    /// By default slowest or most frequent first, but least reliable first.
    fn is_descending(&self) -> bool {
        match self.order.as_str() {
            "asc" => false,
            "desc" => true,
            _ => self.order() != TestOrder::Reliability,
        }
    }

    fn address(&self, base: &str) -> String {
        let query = serde_urlencoded::to_string(self).unwrap_or_default();
        format!("{base}?{query}")
    }
}

#[derive(Template)]
#[template(path = "tests.html")]
struct Page {
    frame: Frame,
    name: String,
    address: String,
    query: Query,
    total: String,
    columns: Vec<Column>,
    tests: Vec<Row>,
    pager: Pager,
}

/// A column heading that sorts the table.
struct Column {
    text: &'static str,
    address: String,
    /// `ascending`, `descending` or `none`.
    sorted: &'static str,
    arrow: &'static str,
}

struct Row {
    address: String,
    scope: String,
    name: String,
    location: String,
    state: &'static str,
    duration: String,
    reliability: String,
    executions: String,
    failed: u64,
}

impl Row {
    fn new(item: TestWithMetrics, base: &str) -> Self {
        let metrics = item.metrics;
        Self {
            address: format!("{base}/{}", item.test.uuid),
            scope: item.test.scope,
            name: item.test.name,
            location: item
                .test
                .location
                .or(item.test.file_name)
                .unwrap_or_default(),
            state: item.test.state.name(),
            duration: format::maybe_duration(metrics.duration_mean()),
            reliability: format::percent(metrics.counts.reliability()),
            executions: format::count(metrics.counts.executions()),
            failed: metrics.counts.failed,
        }
    }
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let base = format!("{}/tests", Links::suite_path(&suite));
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let text = |value: &str| Some(value.trim().to_owned()).filter(|value| !value.is_empty());
    let listed = app
        .store
        .tests(
            suite.id,
            &TestQuery {
                period: Period::last_days(DAYS, app.clock.now()),
                branch: text(&query.branch).map(BranchFilter::Is),
                state: query.state(),
                search: text(&query.search),
                labels: Vec::new(),
                order: query.order(),
                descending: query.is_descending(),
                page,
            },
        )
        .await?;
    let mut frame = Frame::of_suite(format!("Tests of {}", suite.name), &viewer, &suite);
    frame.crumb("Tests", base.clone());
    let at_page = |number| {
        let mut other = query.clone();
        other.page = Some(number);
        other.address(&base)
    };
    show(&Page {
        frame,
        name: suite.name.clone(),
        address: Links::suite_path(&suite),
        total: format::counted(listed.total, "test"),
        columns: columns(&query, &base),
        pager: Pager::new(page, listed.total, at_page),
        tests: listed
            .items
            .into_iter()
            .map(|item| Row::new(item, &base))
            .collect(),
        query,
    })
}

fn columns(query: &Query, base: &str) -> Vec<Column> {
    let all = [
        ("Mean duration", "duration", TestOrder::DurationMean),
        ("Reliability", "reliability", TestOrder::Reliability),
        ("Executions", "executions", TestOrder::Executions),
    ];
    all.into_iter()
        .map(|(text, sort, order)| {
            let is_current = query.order() == order;
            let mut other = query.clone();
            other.page = None;
            sort.clone_into(&mut other.sort);
            other.order = if is_current {
                if query.is_descending() { "asc" } else { "desc" }.to_owned()
            } else {
                String::new()
            };
            let (sorted, arrow) = match (is_current, query.is_descending()) {
                (false, _) => ("none", ""),
                (true, true) => ("descending", "▼"),
                (true, false) => ("ascending", "▲"),
            };
            Column {
                text,
                address: other.address(base),
                sorted,
                arrow,
            }
        })
        .collect()
}
