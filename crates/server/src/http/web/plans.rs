//! The plans of a suite: is the split good?

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use test_engine_store::{AccountingVerdict, Page as ListPage, PlanSummary, Suite, Timestamp};

use super::format;
use super::page::{Frame, PageError, Pager, Tab, show};
use super::viewer::SuiteViewer;
use super::words;
use crate::App;
use crate::clock::rfc3339;
use crate::http::params::Params;
use crate::links::Links;

/// Plans per page.
const PAGE_SIZE: u32 = 30;
/// Plans that the first line is about.
const PACES: u32 = 10;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Query {
    page: Option<u32>,
}

#[derive(Template)]
#[template(path = "plans.html")]
struct Page {
    frame: Frame,
    sentence: String,
    plans: Vec<Row>,
    total: String,
    pager: Pager,
    upload_hint: String,
}

struct Row {
    identifier: String,
    address: String,
    branch: String,
    class: &'static str,
    word: &'static str,
    nodes: String,
    targets: String,
    pace: String,
    took: String,
    /// The planned time of the node that set the pace.
    planned: String,
    fastest: String,
    ago: String,
    time: String,
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let now = app.clock.now();
    let address = format!("{}/plans", Links::suite_path(&suite));
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let listed = app.store.plans(suite.id, page).await?;
    let paces = app.store.paces(suite.id, PACES).await?;
    let title = format!("Plans of {}", suite.name);
    show(&Page {
        frame: Frame::of_tab(&app, title, &viewer, &suite, Tab::Plans).await?,
        sentence: words::plans(listed.total > 0, &paces),
        total: format::counted(listed.total, "plan"),
        plans: listed
            .items
            .into_iter()
            .map(|plan| Row::new(plan, &suite, now))
            .collect(),
        pager: Pager::new(page, listed.total, |number| {
            format!("{address}?page={number}")
        }),
        upload_hint: super::empty::upload_command(&app, &suite),
    })
}

impl Row {
    fn new(plan: PlanSummary, suite: &Suite, now: Timestamp) -> Self {
        let ran = plan.ran;
        let pace = ran.and_then(|ran| ran.pace);
        let (class, word) = match ran.map(|ran| (ran.pending_nodes, ran.verdict)) {
            None => ("skip", "No reports"),
            Some((0, AccountingVerdict::Complete)) => ("pass", "Complete"),
            Some((0, AccountingVerdict::Incomplete)) => ("fail", "Incomplete"),
            Some((0, AccountingVerdict::Unknown)) => ("skip", "Unknown"),
            Some(_) => ("run", "Running"),
        };
        let none = || "–".to_owned();
        Self {
            address: Links::plan_path(suite, &plan.identifier),
            identifier: plan.identifier,
            branch: plan.branch,
            class,
            word,
            nodes: ran.map_or_else(none, |ran| format::count(ran.nodes)),
            targets: ran.map_or_else(none, |ran| format::count(ran.targets)),
            pace: pace.map_or_else(none, |pace| format!("Node {}", pace.node)),
            took: pace.map_or_else(none, |pace| format::duration(pace.took)),
            planned: format::maybe_duration(pace.and_then(|pace| pace.planned)),
            fastest: pace.map_or_else(none, |pace| format::duration(pace.fastest)),
            ago: format::ago(plan.created_at, now),
            time: rfc3339(plan.created_at),
        }
    }
}
