//! "Did every test run?" on the page of a run.

use jiff::Timestamp as Time;
use test_engine_accounting::{Accounting, GroupAccounting, Level, NodeRow, Verdict, sections};
use test_engine_duration::Micros;
use test_engine_store::{Run, Suite};
use test_engine_wire::{NodeState, PlanSource};

use super::format;
use crate::App;
use crate::accounting::{AccountingError, is_recent, pending_nodes};
use crate::error_chain::ErrorChain;

/// Plans on the page of a run.
const MAX_PLANS: usize = 20;

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

/// For the page of a run; empty if no node reported. A plan whose accounting fails is left out: the
/// rest of the page is useful without it.
pub(super) async fn of_run(app: &App, suite: &Suite, run: &Run) -> Vec<GroupSection> {
    match read(app, suite, run).await {
        Ok(sections) => sections,
        Err(error) => {
            log(&run.key, &error);
            Vec::new()
        }
    }
}

fn log(key: &str, error: &AccountingError) {
    tracing::error!(cause = %ErrorChain(error), key, "failed to account for a run");
}

async fn read(app: &App, suite: &Suite, run: &Run) -> Result<Vec<GroupSection>, AccountingError> {
    let now = app.clock.now();
    let plans = app.store.accountings_of_runs(suite.id, &[&run.key]).await?;
    let mut accountings = Vec::new();
    for plan in plans.iter().take(MAX_PLANS) {
        match app.accountant.of_plan(suite, &plan.identifier, now).await {
            Ok(accounting) => {
                let is_recent = is_recent(plan.updated_at, now);
                accountings.extend(accounting.map(|one| (one, is_recent)));
            }
            Err(error) => log(&run.key, &error),
        }
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
        let is_running = is_recent && pending_nodes(group) > 0;
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

impl NodeLine {
    fn new(row: &NodeRow, is_recent: bool) -> Self {
        let (class, sign, state) = match (row.state, row.exit_code) {
            (None, _) if is_recent => ("unknown", "…", "no report yet".to_owned()),
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
    use test_engine_accounting::{GroupAccounting, NodeRow, Verdict};
    use test_engine_wire::NodeState;

    use super::{GroupSection, NodeLine};

    #[test]
    fn a_group_is_running_while_a_node_may_report() {
        let row = |state| NodeRow {
            state,
            ..NodeRow::default()
        };
        for (state, is_recent, word) in [
            (None, true, "running"),
            (Some(NodeState::Started), true, "running"),
            (None, false, "incomplete"),
            (Some(NodeState::Started), false, "incomplete"),
            (Some(NodeState::Failed), true, "incomplete"),
        ] {
            let group = GroupAccounting {
                verdict: Verdict::Incomplete,
                nodes: vec![row(Some(NodeState::Finished)), row(state)],
                ..GroupAccounting::default()
            };
            let section = GroupSection::new(String::new(), &group, is_recent);
            assert_eq!(section.word, word, "{state:?} {is_recent}");
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
            (None, None, true, "unknown", "no report yet"),
            (None, None, false, "failed", "no report"),
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
