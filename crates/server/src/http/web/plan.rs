//! A plan: who set the pace, how far the estimates were off, and why it has so many nodes.

use std::collections::BTreeMap;
use std::fmt::Display;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use test_engine_accounting::Accounting;
use test_engine_duration::Micros;
use test_engine_store::{AccountingSummary, Pace, PlanOrigin, Run, Suite, Timestamp};
use test_engine_wire::{Case, Plan};

use super::format;
use super::page::{Frame, PageError, Tab, show};
use super::plan_estimates::{self, Compared, estimate, has_history};
use super::run::{GroupSection, Parts, of_plan, split_key};
use super::viewer::SuiteViewer;
use super::words::{self, NodesFacts, PlanFacts};
use crate::App;
use crate::accounting::{is_recent, pace};
use crate::clock::rfc3339;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::params::{Params, PlanInPath};
use crate::links::Links;
use crate::planning::{Alternative, PlanBytes, has_enough_history};

/// Items in a list of the page.
const MAX_ITEMS: usize = 20;
/// Estimates in the list of the worst.
const MAX_WORST: usize = 10;
/// Larger plans are split again only for a number of nodes that somebody asks for.
const MAX_SPLIT: usize = 20_000;
/// As for plan requests.
const MAX_NODES: usize = 1_000;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Query {
    /// A number of nodes to try.
    nodes: String,
}

#[derive(Template)]
#[template(path = "plan.html")]
struct Page {
    frame: Frame,
    identifier: String,
    sentence: String,
    address: String,
    branch: String,
    items: String,
    ago: String,
    time: String,
    run: Option<(String, String)>,
    accounting: Vec<GroupSection>,
    split_key: String,
    /// Until nodes have reported.
    planned: Vec<PlannedNode>,
    why: String,
    nodes: String,
    alternatives: Vec<AlternativeRow>,
    estimates: String,
    worst: Vec<Estimate>,
    unknown: Vec<String>,
    unknown_count: String,
    unknown_rest: String,
}

struct PlannedNode {
    node: String,
    items: String,
    planned: String,
}

struct AlternativeRow {
    nodes: String,
    is_current: bool,
    longest: String,
    /// Against the plan.
    difference: String,
}

struct Estimate {
    name: String,
    planned: String,
    took: String,
    difference: String,
    samples: String,
}

/// What is stored of a plan.
struct Known {
    plan: Plan,
    origin: PlanOrigin,
    created_at: Timestamp,
    accounting: Option<Accounting>,
    summaries: Vec<AccountingSummary>,
    run: Option<Run>,
    /// What its jobs spent the time of their tests on.
    parts: Parts,
}

pub(super) async fn get(
    State(app): State<App>,
    SuiteViewer { viewer, suite }: SuiteViewer,
    PlanInPath(identifier): PlanInPath,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let now = app.clock.now();
    let known = read(&app, &suite, &identifier).await?;
    let (plan, prefix) = (&known.plan, &known.origin.location_prefix);
    let items = plan_estimates::items(plan, prefix);
    let times = match &known.run {
        Some(run) => {
            let names = plan_estimates::names(&items);
            app.store.selector_times(suite.id, run.id, &names).await?
        }
        None => BTreeMap::new(),
    };
    let compared = plan_estimates::compare(items, &times);
    let cases: Vec<&Case> = plan.tasks.values().flat_map(|task| &task.tests).collect();
    let with_history = cases.iter().filter(|case| has_history(case)).count();
    let mut unknown: Vec<String> = cases
        .iter()
        .filter(|case| !has_history(case))
        .map(|case| case.target().to_owned())
        .collect();
    let rest = unknown.len().saturating_sub(MAX_ITEMS) as u64;
    let longest_item = cases.iter().map(|case| estimate(case)).max();
    let nodes = plan.tasks.len();
    let longest_node = longest(plan);
    let pace = pace_of(known.accounting.as_ref());
    let (ended, reported) = nodes_of(known.accounting.as_ref());
    let cause = pace.and_then(|pace| cause(plan, &pace, &compared));
    let sentence = words::plan(&PlanFacts {
        pace,
        ended,
        nodes: reported.max(nodes as u64),
        cause: cause.as_ref().map(|(name, took)| (name.as_str(), *took)),
        planned: longest_node,
    });
    let wanted = node_counts(nodes, cases.len(), &query.nodes);
    let items = format::counted(cases.len() as u64, "item");
    let unknown_count = format::counted(unknown.len() as u64, "item");
    let enough = has_enough_history(with_history, cases.len());
    unknown.truncate(MAX_ITEMS);
    let file_load = known.origin.file_load;
    let alternatives = app.planner.alternatives(plan.clone(), file_load, wanted);
    let alternatives = alternatives.await;
    let alternatives = alternatives.map_err(ApiError::from)?;
    let latest = known.summaries.iter().map(|one| one.updated_at).max();
    let is_recent = latest.is_some_and(|latest| is_recent(latest, now));
    let title = format!("Plan {identifier}");
    let mut frame = Frame::of_tab(&app, title, &viewer, &suite, Tab::Plans).await?;
    let base = Links::suite_path(&suite);
    frame.crumb("Plans", format!("{base}/plans"));
    let address = Links::plan_path(&suite, &identifier);
    show(&Page {
        frame,
        sentence,
        branch: known.origin.branch.clone(),
        items,
        ago: format::ago(known.created_at, now),
        time: rfc3339(known.created_at),
        run: known.run.as_ref().map(|run| {
            let title = run.message.as_deref().or(Some(&run.key));
            let title = format::shortened(&format::first_line(title), 100);
            (title, format!("{base}/runs/{}", run.uuid))
        }),
        split_key: split_key(),
        planned: planned(plan),
        why: words::why_nodes(NodesFacts {
            requested: known.origin.nodes,
            nodes: nodes as u64,
            has_enough_history: enough,
            longest_node,
            longest_item: longest_item.unwrap_or_default(),
        }),
        nodes: query.nodes,
        alternatives: alternatives
            .others
            .into_iter()
            .map(|one| AlternativeRow::new(one, nodes, alternatives.longest))
            .collect(),
        estimates: words::estimates(compared.facts),
        worst: compared.items.iter().take(MAX_WORST).map(worst).collect(),
        unknown,
        unknown_count,
        unknown_rest: if rest > 0 {
            format!("… and {} more", format::count(rest))
        } else {
            String::new()
        },
        accounting: known
            .accounting
            .map(|accounting| of_plan(accounting, &known.parts, is_recent))
            .unwrap_or_default(),
        identifier,
        address,
    })
}

async fn read(app: &App, suite: &Suite, identifier: &str) -> Result<Known, PageError> {
    let now = app.clock.now();
    let stored = app.store.plan(suite.id, identifier, now).await?;
    let stored = stored.ok_or(PageError::NotFound)?;
    let bytes = PlanBytes::from_gzip(stored.body);
    let unreadable = |error: &dyn Display| ApiError::internal("read the plan", error);
    // Large plans have tens of megabytes.
    let decode = move || {
        let plain = bytes.plain().map_err(|error| unreadable(&error))?;
        serde_json::from_slice(&plain).map_err(|error| unreadable(&error))
    };
    let plan: Plan = body::run_blocking(usize::MAX, decode).await?;
    let summaries = app.store.accounting_of_plan(suite.id, identifier).await?;
    // Without reports there is nothing to account for: other clients do not send any.
    let accounting = if summaries.is_empty() {
        None
    } else {
        let accounting = app.accountant.of_plan(suite, identifier, now).await;
        accounting.map_err(ApiError::from)?
    };
    let run = match summaries.first() {
        Some(summary) => app.store.run_with_key(suite.id, &summary.run_key).await?,
        None => None,
    };
    let parts = match &run {
        Some(run) => app.store.job_parts(run).await?,
        None => Parts::new(),
    };
    Ok(Known {
        plan,
        origin: stored.origin,
        created_at: stored.created_at,
        accounting,
        summaries,
        run,
        parts,
    })
}

/// The planned time of the longest node.
fn longest(plan: &Plan) -> Micros {
    let nodes = plan.tasks.values();
    let times = nodes.map(|task| task.tests.iter().map(estimate).sum());
    times.max().unwrap_or_default()
}

fn planned(plan: &Plan) -> Vec<PlannedNode> {
    let mut tasks: Vec<_> = plan.tasks.values().collect();
    tasks.sort_by_key(|task| task.node_number);
    let nodes = tasks.into_iter().map(|task| PlannedNode {
        node: task.node_number.to_string(),
        items: format::count(task.tests.len() as u64),
        planned: format::duration(task.tests.iter().map(estimate).sum()),
    });
    nodes.collect()
}

/// Of the slowest leg, if a matrix build shares the plan.
fn pace_of(accounting: Option<&Accounting>) -> Option<Pace> {
    let groups = accounting.iter().flat_map(|one| &one.groups);
    let paces = groups.filter_map(|group| pace(&group.nodes));
    paces.max_by_key(|pace| pace.took)
}

/// How many nodes have ended, and how many there are.
fn nodes_of(accounting: Option<&Accounting>) -> (u64, u64) {
    let groups = accounting.iter().flat_map(|one| &one.groups);
    let rows = groups.flat_map(|group| &group.nodes);
    let shares = rows.filter(|row| !row.runs_missing_targets);
    let ended = shares.clone().filter(|row| row.has_ended());
    (ended.count() as u64, shares.count() as u64)
}

/// The item that takes more than half of the time of the node that set the pace.
fn cause(plan: &Plan, pace: &Pace, compared: &Compared) -> Option<(String, Micros)> {
    let task = plan.tasks.get(&pace.node.to_string())?;
    let longest = task.tests.iter().map(|case| {
        let known = compared.items.iter();
        let took = known.clone().find(|(item, _)| item.name == case.target());
        let took = took.map_or_else(|| estimate(case), |(_, took)| *took);
        (took, case)
    });
    let (took, case) = longest.max_by_key(|(took, _)| *took)?;
    let is_most = took.get() > pace.took.get() / 2 && task.tests.len() > 1;
    is_most.then(|| (case.target().to_owned(), took))
}

/// The numbers of nodes to try: around that of the plan, and the one that somebody asks for.
fn node_counts(nodes: usize, items: usize, asked: &str) -> Vec<usize> {
    let mut counts = Vec::new();
    if items <= MAX_SPLIT && nodes > 0 {
        counts.extend([nodes / 2, nodes - 1, nodes, nodes + 1, nodes * 2]);
        counts.retain(|count| *count <= items.max(nodes));
    }
    counts.extend(asked.trim().parse::<usize>());
    counts.retain(|count| (1..=MAX_NODES).contains(count));
    counts.sort_unstable();
    counts.dedup();
    counts
}

fn difference(new: Micros, old: Micros) -> String {
    let sign = if new < old { "−" } else { "+" };
    let difference = Micros::new(new.get().abs_diff(old.get()));
    format!("{sign}{}", format::duration(difference))
}

impl AlternativeRow {
    fn new(one: Alternative, nodes: usize, longest: Micros) -> Self {
        let is_current = one.nodes == nodes;
        Self {
            nodes: format::count(one.nodes as u64),
            is_current,
            longest: format::duration(one.longest),
            difference: if is_current {
                "as planned".to_owned()
            } else {
                difference(one.longest, longest)
            },
        }
    }
}

fn worst((item, took): &(plan_estimates::Item, Micros)) -> Estimate {
    Estimate {
        name: item.name.clone(),
        planned: format::duration(item.estimate),
        took: format::duration(*took),
        difference: difference(*took, item.estimate),
        samples: format::count(item.samples),
    }
}

#[cfg(test)]
mod tests {
    use super::node_counts;

    #[test]
    fn a_plan_is_split_again_around_its_number_of_nodes() {
        assert_eq!(node_counts(4, 100, ""), [2, 3, 4, 5, 8]);
        assert_eq!(node_counts(4, 100, " 20 "), [2, 3, 4, 5, 8, 20]);
        // Not over more nodes than items.
        assert_eq!(node_counts(2, 3, ""), [1, 2, 3]);
        assert_eq!(node_counts(0, 0, ""), [0; 0]);
        assert_eq!(node_counts(1, 1, "x"), [1]);
        assert_eq!(node_counts(1, 1, "1001"), [1]);
        assert_eq!(node_counts(50, 100_000, "60"), [60]);
    }
}
