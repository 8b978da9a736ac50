//! The page of one decision: what changed, and every item in its order, with the cut and a search.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use test_engine_duration::Micros;
use test_engine_store::{Page as ListPage, Suite, Timestamp};
use test_engine_wire::{SelectionDecision, SelectionItem, SelectionVerdict};

use super::super::page::{Frame, PageError, Pager, Tab, of_page, show};
use super::super::viewer::SuiteViewer;
use super::super::{format, words};
use crate::App;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::links::Links;
use crate::selection::DecisionQuery;

/// Items per page.
const PAGE_SIZE: u32 = 50;
/// A search with so few results shows what links each of them with the change.
const MAX_EXPLAINED: usize = 20;
/// Changed files that are named.
const MAX_FILES: usize = 30;
/// Items of a decision; a plan request cannot have more.
const ALL: u32 = u32::MAX;
/// Characters of a name.
const MAX_NAME: usize = 300;

#[derive(Template)]
#[template(path = "decision.html")]
struct Page {
    frame: Frame,
    address: String,
    query: Query,
    /// `None` if the request names no plan.
    decision: Option<Shown>,
}

struct Shown {
    identifier: String,
    class: &'static str,
    sentence: String,
    branch: String,
    commit: String,
    ago: String,
    time: String,
    strategy: String,
    files: Vec<File>,
    more_files: usize,
    always: Vec<(String, String)>,
    items: Vec<Item>,
    total: String,
    is_known: bool,
    /// The decision about selected items and about the others.
    words: [&'static str; 2],
    all_address: String,
    left_out_address: String,
    pager: Pager,
}

struct File {
    path: String,
    previous: String,
    lines: String,
}

struct Item {
    name: String,
    is_in: bool,
    reason: String,
    rank: String,
    value: String,
    duration: String,
    causes: Vec<String>,
    /// It is the first one below the cut.
    is_first_below: bool,
}

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(in crate::http::web) struct Query {
    identifier: String,
    /// A part of the name of an item.
    #[serde(skip_serializing_if = "String::is_empty")]
    search: String,
    /// `left_out` for those that were left out.
    #[serde(skip_serializing_if = "String::is_empty")]
    show: String,
    #[serde(skip_serializing)]
    page: Option<u32>,
}

impl Query {
    /// The items of a decision whose names contain a text.
    pub(in crate::http::web) fn of_item(identifier: &str, item: &str) -> Self {
        Self {
            identifier: identifier.to_owned(),
            search: item.to_owned(),
            ..Self::default()
        }
    }

    pub(in crate::http::web) fn address(&self, base: &str) -> String {
        let query = serde_urlencoded::to_string(self).unwrap_or_default();
        format!("{base}/selection/decision?{query}")
    }

    fn showing(&self, show: &str) -> Self {
        Self {
            show: show.to_owned(),
            ..self.clone()
        }
    }
}

pub(in crate::http::web) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let base = Links::suite_path(&suite);
    let decision = if query.identifier.is_empty() {
        None
    } else {
        let decision = all(&app, &suite, &query).await?;
        Some(shown(&app, &suite, &query, decision).await?)
    };
    let title = format!("Decision on a plan of {}", suite.name);
    let mut frame = Frame::of_tab(&app, title, &viewer, &suite, Tab::Selection).await?;
    frame.crumb("Decision", query.address(&base));
    show(&Page {
        frame,
        address: format!("{base}/selection/decision"),
        query,
        decision,
    })
}

/// The decision with all items, or all that were left out.
async fn all(app: &App, suite: &Suite, query: &Query) -> Result<SelectionDecision, PageError> {
    let wanted = DecisionQuery::Page {
        page: ListPage::new(1, ALL),
        only_left_out: query.show == "left_out",
    };
    let found = app
        .selections
        .decision(suite, &query.identifier, wanted)
        .await;
    let found = found.map_err(ApiError::from)?;
    Ok(found.ok_or(PageError::NotFound)?.0)
}

async fn shown(
    app: &App,
    suite: &Suite,
    query: &Query,
    mut decision: SelectionDecision,
) -> Result<Shown, PageError> {
    let base = Links::suite_path(suite);
    let items = std::mem::take(&mut decision.items);
    let is_known = !items.is_empty();
    let first_below = decision.least_value.and_then(|least| {
        let below = items.iter().find(|item| item.value < least);
        below.map(|item| item.rank)
    });
    let search = query.search.trim().to_lowercase();
    let matches = |item: &SelectionItem| item.item.to_lowercase().contains(&search);
    let mut items: Vec<SelectionItem> = items.into_iter().filter(matches).collect();
    if !search.is_empty() && items.len() <= MAX_EXPLAINED {
        items = explained(app, suite, query, items).await?;
    }
    let total = items.len() as u64;
    let page = ListPage::new(query.page.unwrap_or(1), PAGE_SIZE);
    let pager = Pager::new(page, total, |number| {
        format!("{}&page={number}", query.address(&base))
    });
    let rows = of_page(items, page);
    let rows = rows.into_iter().map(|item| Item::new(item, first_below));
    let selection = &decision.selection;
    let at: Option<jiff::Timestamp> = decision.created_at.parse().ok();
    let at = at.map(|at| Timestamp::from_millis(at.as_millisecond()));
    let params = decision.params.iter();
    let params: Vec<String> = params
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let always = selection.always.iter();
    Ok(Shown {
        class: words::selection_class(selection.verdict),
        sentence: words::selection_of_plan(selection),
        branch: format::shortened(&decision.branch, MAX_NAME),
        commit: decision
            .commit_sha
            .as_deref()
            .map_or_else(String::new, |sha| format::commit(Some(sha))),
        ago: at.map_or_else(String::new, |at| format::ago(at, app.clock.now())),
        strategy: [std::slice::from_ref(&selection.strategy), &params]
            .concat()
            .join(" "),
        files: decision
            .changed_files
            .iter()
            .take(MAX_FILES)
            .map(File::new)
            .collect(),
        more_files: decision.changed_files.len().saturating_sub(MAX_FILES),
        always: always
            .map(|(code, number)| (format::count(*number), words::item_reason(code).to_owned()))
            .collect(),
        items: rows.collect(),
        total: format::counted(total, "item"),
        is_known,
        words: if selection.verdict == SelectionVerdict::Selected {
            ["selected", "left out"]
        } else {
            ["would have been selected", "would have been left out"]
        },
        all_address: query.showing("").address(&base),
        left_out_address: query.showing("left_out").address(&base),
        pager,
        time: decision.created_at,
        identifier: decision.identifier,
    })
}

/// The same items with what links them with the change.
async fn explained(
    app: &App,
    suite: &Suite,
    query: &Query,
    items: Vec<SelectionItem>,
) -> Result<Vec<SelectionItem>, PageError> {
    if items.is_empty() {
        return Ok(items);
    }
    let names = items.iter().map(|item| item.item.clone()).collect();
    let wanted = DecisionQuery::Items(names);
    let found = app
        .selections
        .decision(suite, &query.identifier, wanted)
        .await;
    let found = found.map_err(ApiError::from)?;
    // Deleted in the meantime.
    Ok(found.map_or(items, |(decision, _)| decision.items))
}

impl File {
    fn new(file: &test_engine_wire::SelectionChange) -> Self {
        Self {
            path: format::shortened(&file.path, MAX_NAME),
            previous: file
                .previous_path
                .as_deref()
                .map_or_else(String::new, |path| format::shortened(path, MAX_NAME)),
            lines: format::counted(file.lines.into(), "line"),
        }
    }
}

impl Item {
    fn new(item: SelectionItem, first_below: Option<u64>) -> Self {
        let cause = |cause: test_engine_wire::SelectionCause| match cause.path {
            Some(path) => format!("{}: {}", format::shortened(&path, MAX_NAME), cause.why),
            None => cause.why,
        };
        Self {
            name: format::shortened(&item.item, MAX_NAME),
            is_in: item.is_in,
            reason: item
                .reason
                .as_deref()
                .map_or_else(String::new, |code| words::item_reason(code).to_owned()),
            rank: format::count(item.rank),
            value: words::value(item.value),
            duration: format::duration(Micros::from_seconds(item.duration)),
            causes: item.why.into_iter().map(cause).collect(),
            is_first_below: first_below == Some(item.rank),
        }
    }
}
