//! The plans of a suite: is the split good? As a page and as a file.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use test_engine_store::{
    AccountingVerdict, Page as ListPage, PlanSummary, RanPlan, Suite, Timestamp,
};

use super::export::{self, CHUNK, Export, FileLinks};
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
    files: FileLinks,
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
    export: Export,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    if let Some(file) = export.file(format!("{}-plans", suite.slug)) {
        return file.chunks(&COLUMNS, chunks(app, suite)).await;
    }
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
        files: export.links(),
        upload_hint: super::empty::upload_command(&app, &suite),
    })
}

impl Row {
    fn new(plan: PlanSummary, suite: &Suite, now: Timestamp) -> Self {
        let ran = plan.ran;
        let pace = ran.and_then(|ran| ran.pace);
        let (class, word) = mark(ran);
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

/// The class of the mark, and what it says.
fn mark(ran: Option<RanPlan>) -> (&'static str, &'static str) {
    match ran.map(|ran| (ran.pending_nodes, ran.verdict)) {
        None => ("skip", "No reports"),
        Some((0, AccountingVerdict::Complete)) => ("pass", "Complete"),
        Some((0, AccountingVerdict::Incomplete)) => ("fail", "Incomplete"),
        Some((0, AccountingVerdict::Unknown)) => ("skip", "Unknown"),
        Some(_) => ("run", "Running"),
    }
}

/// Those of `pace` are about the node that took longest.
const COLUMNS: [&str; 12] = [
    "identifier",
    "result",
    "branch",
    "nodes",
    "targets",
    "pace_node",
    "pace_seconds",
    "pace_planned_seconds",
    "fastest_seconds",
    "created_at",
    "expires_at",
    "url",
];

fn chunks(app: App, suite: Suite) -> export::Chunks {
    export::from_position(None, move |last: Option<PlanSummary>| {
        let (app, suite) = (App::clone(&app), suite.clone());
        async move {
            let plans = app.store.plans_after(suite.id, last.as_ref(), CHUNK);
            let mut plans = plans.await?;
            let rows = plans.iter().map(|plan| file_row(&app, &suite, plan));
            Ok((rows.collect(), plans.pop().map(Some)))
        }
    })
}

fn file_row(app: &App, suite: &Suite, plan: &PlanSummary) -> export::Row {
    let ran = plan.ran;
    let pace = ran.and_then(|ran| ran.pace);
    vec![
        plan.identifier.clone().into(),
        mark(ran).1.into(),
        plan.branch.clone().into(),
        ran.map(|ran| ran.nodes).into(),
        ran.map(|ran| ran.targets).into(),
        pace.map(|pace| u64::from(pace.node)).into(),
        pace.map(|pace| pace.took).into(),
        pace.and_then(|pace| pace.planned).into(),
        pace.map(|pace| pace.fastest).into(),
        plan.created_at.into(),
        plan.expires_at.into(),
        format!(
            "{}{}",
            app.links.public_url(),
            Links::plan_path(suite, &plan.identifier)
        )
        .into(),
    ]
}
