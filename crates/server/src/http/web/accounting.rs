//! "Did every test run?" on the page of a run, and in short in lists of runs.

use std::collections::HashMap;

use jiff::Timestamp as Time;
use test_engine_accounting::{Accounting, GroupAccounting, Level, NodeRow, Verdict, sections};
use test_engine_duration::Micros;
use test_engine_store::{AccountingSummary, Run, Suite, Timestamp};
use test_engine_wire::{NodeState, PlanSource};

use super::format;
use super::page::PageError;
use crate::App;
use crate::accounting::LOST_AFTER_MS;
use crate::http::error::ApiError;

/// Plans on the page of a run.
const MAX_PLANS: usize = 20;

/// The accountings of the plans that a run executed, as one entry in a list.
pub(super) struct RunAccounting {
    /// Of the text: `failed`, or `muted-text`.
    pub(super) class: &'static str,
    pub(super) text: String,
    /// A sentence.
    pub(super) title: String,
}

/// By the keys of the runs.
pub(super) async fn of_runs(
    app: &App,
    suite: &Suite,
    runs: &[Run],
) -> Result<HashMap<String, RunAccounting>, PageError> {
    let keys: Vec<&str> = runs.iter().map(|run| run.key.as_str()).collect();
    let now = app.clock.now();
    let mut by_run: HashMap<String, AccountingSummary> = HashMap::new();
    for one in app.store.accountings_of_runs(suite.id, &keys).await? {
        match by_run.get_mut(&one.run_key) {
            Some(all) => add(all, &one),
            None => {
                by_run.insert(one.run_key.clone(), one);
            }
        }
    }
    let short = by_run.into_iter();
    Ok(short
        .map(|(key, one)| (key, RunAccounting::new(&one, now)))
        .collect())
}

/// Whether nodes without an end report may still be running.
fn is_recent(summary: &AccountingSummary, now: Timestamp) -> bool {
    now.millis() - summary.updated_at.millis() < LOST_AFTER_MS
}

fn add(all: &mut AccountingSummary, one: &AccountingSummary) {
    all.complete &= one.complete;
    all.targets += one.targets;
    all.complete_targets += one.complete_targets;
    all.nodes += one.nodes;
    all.pending_nodes += one.pending_nodes;
    all.fallback_nodes += one.fallback_nodes;
    all.updated_at = all.updated_at.max(one.updated_at);
}

impl RunAccounting {
    fn new(summary: &AccountingSummary, now: Timestamp) -> Self {
        let nodes = format::counted(summary.nodes, "node");
        let targets = format!(
            "{} of {}",
            format::count(summary.complete_targets),
            format::count(summary.targets)
        );
        let title = format!("{targets} targets ran to the end on {nodes}");
        let missing = summary.targets.saturating_sub(summary.complete_targets);
        let (class, text) = if summary.complete {
            ("muted-text", format!("{targets} targets · {nodes}"))
        } else if summary.pending_nodes > 0 && is_recent(summary, now) {
            let ended = summary.nodes.saturating_sub(summary.pending_nodes);
            (
                "muted-text",
                format!("{} of {nodes} ended", format::count(ended)),
            )
        } else if missing > 0 {
            (
                "failed",
                format!("✗ {} missing", format::counted(missing, "target")),
            )
        } else {
            ("failed", "✗ incomplete".to_owned())
        };
        Self { class, text, title }
    }
}

/// The accounting of one group of a plan.
pub(super) struct GroupSection {
    /// Empty if the run has one plan with one group.
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) word: &'static str,
    /// The numbers in a sentence.
    pub(super) counts: String,
    pub(super) nodes: Vec<NodeLine>,
    pub(super) lists: Vec<List>,
}

pub(super) struct NodeLine {
    pub(super) node: String,
    pub(super) job: String,
    pub(super) source: &'static str,
    pub(super) is_fallback: bool,
    pub(super) targets: String,
    pub(super) estimated: String,
    pub(super) actual: String,
    /// The class, sign and text of the state.
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) state: String,
}

pub(super) struct List {
    pub(super) title: &'static str,
    pub(super) is_failure: bool,
    pub(super) is_open: bool,
    pub(super) count: String,
    pub(super) entries: Vec<String>,
    /// Entries that are not shown; empty if there are none.
    pub(super) rest: String,
}

/// For the page of a run; empty if no node reported.
pub(super) async fn of_run(
    app: &App,
    suite: &Suite,
    run: &Run,
) -> Result<Vec<GroupSection>, PageError> {
    let now = app.clock.now();
    let plans = app.store.accountings_of_runs(suite.id, &[&run.key]).await?;
    let mut accountings = Vec::new();
    for plan in plans.iter().take(MAX_PLANS) {
        let accounting = app.accountant.of_plan(suite, &plan.identifier, now).await;
        let accounting = accounting.map_err(ApiError::from)?;
        accountings.extend(accounting.map(|one| (one, is_recent(plan, now))));
    }
    let groups: usize = accountings.iter().map(|(one, _)| one.groups.len()).sum();
    let all = accountings.iter().flat_map(|(one, is_recent)| {
        one.groups.iter().map(move |group| {
            let name = (groups > 1).then(|| name(one, group));
            GroupSection::new(name.unwrap_or_default(), group, *is_recent)
        })
    });
    Ok(all.collect())
}

fn name(accounting: &Accounting, group: &GroupAccounting) -> String {
    if group.group.is_empty() {
        accounting.identifier.clone()
    } else {
        format!("{} · {}", accounting.identifier, group.group)
    }
}

impl GroupSection {
    fn new(name: String, group: &GroupAccounting, is_recent: bool) -> Self {
        let is_running = is_recent && group.nodes.iter().any(is_started);
        let (class, sign, word) = match group.verdict {
            Verdict::Complete => ("passed", "✓", "complete"),
            Verdict::Incomplete if is_running => ("unknown", "…", "running"),
            Verdict::Incomplete => ("failed", "✗", "incomplete"),
            Verdict::Unknown => ("unknown", "?", "unknown"),
        };
        let counts = format!(
            "{} of {} ran to the end on {}, with {}.",
            format::count(group.complete_targets),
            format::counted(group.targets, "target"),
            format::counted(u64::from(group.parallelism), "node"),
            format::counted(group.tests, "test"),
        );
        Self {
            name,
            class,
            sign,
            word,
            counts,
            nodes: group
                .nodes
                .iter()
                .map(|row| NodeLine::new(row, is_recent))
                .collect(),
            lists: sections(group).into_iter().map(List::new).collect(),
        }
    }
}

fn is_started(row: &NodeRow) -> bool {
    row.state == Some(NodeState::Started)
}

impl NodeLine {
    fn new(row: &NodeRow, is_recent: bool) -> Self {
        let (class, sign, state) = match (row.state, row.exit_code) {
            (None, _) => ("failed", "✗", "no report".to_owned()),
            (Some(NodeState::Started), _) if is_recent => ("unknown", "…", "running".to_owned()),
            (Some(NodeState::Started), _) => ("failed", "✗", "no end report".to_owned()),
            (Some(NodeState::Failed), code) => ("failed", "✗", ended("failed", code)),
            (Some(NodeState::Finished), None | Some(0)) => ("passed", "✓", "finished".to_owned()),
            (Some(NodeState::Finished), code) => ("failed", "✗", ended("finished", code)),
        };
        Self {
            node: if row.runs_missing_targets {
                "missing".to_owned()
            } else {
                row.node.to_string()
            },
            job: row.job_id.clone(),
            source: row.source.map_or("–", source),
            is_fallback: row.source == Some(PlanSource::Fallback),
            targets: format!(
                "{} of {}",
                format::count(row.ran),
                format::count(row.planned)
            ),
            estimated: format::maybe_duration(row.estimated_ms.map(Micros::from_milliseconds)),
            actual: format::maybe_duration(actual(row)),
            class,
            sign,
            state,
        }
    }
}

fn source(source: PlanSource) -> &'static str {
    match source {
        PlanSource::Server => "server",
        PlanSource::File => "file",
        PlanSource::Fallback => "fallback",
    }
}

fn ended(word: &str, exit_code: Option<i32>) -> String {
    exit_code.map_or_else(|| word.to_owned(), |code| format!("{word}, exit {code}"))
}

fn actual(row: &NodeRow) -> Option<Micros> {
    let started: Time = row.started_at.parse().ok()?;
    let finished: Time = row.finished_at.as_deref()?.parse().ok()?;
    let took = finished.as_microsecond() - started.as_microsecond();
    u64::try_from(took).ok().map(Micros::new)
}

impl List {
    fn new(section: test_engine_accounting::Section) -> Self {
        let hidden = section.hidden as u64;
        Self {
            title: section.title,
            is_failure: section.level == Level::Failure,
            is_open: section.level != Level::Note,
            count: format::count(section.entries.len() as u64 + hidden),
            entries: section.entries,
            rest: if hidden > 0 {
                format!("… and {} more", format::count(hidden))
            } else {
                String::new()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use test_engine_accounting::NodeRow;
    use test_engine_store::{AccountingSummary, Timestamp};
    use test_engine_wire::NodeState;

    use super::{NodeLine, RunAccounting};

    #[test]
    fn a_list_shows_what_matters() {
        let summary = |complete, complete_targets, pending_nodes| AccountingSummary {
            complete,
            targets: 1204,
            complete_targets,
            nodes: 4,
            pending_nodes,
            updated_at: Timestamp::from_millis(0),
            ..AccountingSummary::default()
        };
        let minute = Timestamp::from_millis(60_000);
        let day = Timestamp::from_millis(86_400_000);
        for (summary, now, class, text) in [
            (
                summary(true, 1204, 0),
                day,
                "muted-text",
                "1\u{202f}204 of 1\u{202f}204 targets · 4 nodes",
            ),
            (
                summary(false, 1201, 0),
                minute,
                "failed",
                "✗ 3 targets missing",
            ),
            (summary(false, 1204, 0), minute, "failed", "✗ incomplete"),
            (
                summary(false, 300, 3),
                minute,
                "muted-text",
                "1 of 4 nodes ended",
            ),
            // The other nodes are lost.
            (
                summary(false, 1000, 1),
                day,
                "failed",
                "✗ 204 targets missing",
            ),
        ] {
            let short = RunAccounting::new(&summary, now);
            assert_eq!((short.class, short.text.as_str()), (class, text));
        }
    }

    #[test]
    fn a_node_shows_how_it_ended() {
        let row = |state, exit_code| NodeRow {
            state,
            exit_code,
            ..NodeRow::default()
        };
        for (state, exit_code, is_recent, class, text) in [
            (None, None, true, "failed", "no report"),
            (Some(NodeState::Started), None, true, "unknown", "running"),
            (
                Some(NodeState::Started),
                None,
                false,
                "failed",
                "no end report",
            ),
            (
                Some(NodeState::Finished),
                Some(0),
                false,
                "passed",
                "finished",
            ),
            (
                Some(NodeState::Finished),
                Some(1),
                true,
                "failed",
                "finished, exit 1",
            ),
            (
                Some(NodeState::Failed),
                Some(16),
                true,
                "failed",
                "failed, exit 16",
            ),
        ] {
            let line = NodeLine::new(&row(state, exit_code), is_recent);
            assert_eq!((line.class, line.state.as_str()), (class, text));
        }
    }
}
