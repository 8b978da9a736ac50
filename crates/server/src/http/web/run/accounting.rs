//! "Did every test run?" on the page of a run.

use test_engine_accounting::{Accounting, GroupAccounting, Level, NodeRow, Verdict, sections};
use test_engine_duration::Micros;
use test_engine_store::{Run, Suite};
use test_engine_wire::{NodeState, PlanSource};

use super::split::{Parts, pace, split};
use crate::App;
use crate::accounting::{AccountingError, is_recent, pending_nodes, took};
use crate::error_chain::ErrorChain;
use crate::http::web::format;
use crate::links::Links;

/// Plans on the page of a run.
const MAX_PLANS: usize = 20;

/// The accounting of one group of a plan.
pub(in crate::http::web) struct GroupSection {
    /// Empty if the run has one plan with one group.
    pub(in crate::http::web) name: String,
    /// Of the mark.
    pub(in crate::http::web) class: &'static str,
    /// `complete`, `running`, `incomplete` or `unknown`.
    pub(in crate::http::web) word: &'static str,
    /// Of the question whether every test ran.
    pub(in crate::http::web) answer: &'static str,
    /// The numbers in a sentence.
    pub(in crate::http::web) counts: String,
    pub(in crate::http::web) nodes: Vec<NodeLine>,
    /// Planned against actual, as a picture; empty until a node has ended.
    pub(in crate::http::web) split: String,
    /// Which node set the pace; empty until all nodes have ended.
    pub(in crate::http::web) pace: String,
    pub(in crate::http::web) lists: Vec<List>,
    /// Of the page of the plan; empty if the plan is not known.
    pub(in crate::http::web) plan_address: String,
}

pub(in crate::http::web) struct NodeLine {
    pub(in crate::http::web) node: String,
    pub(in crate::http::web) job: String,
    pub(in crate::http::web) source: &'static str,
    pub(in crate::http::web) is_fallback: bool,
    pub(in crate::http::web) targets: String,
    pub(in crate::http::web) estimated: String,
    pub(in crate::http::web) actual: String,
    /// The class of the mark and the text of the state.
    pub(in crate::http::web) class: &'static str,
    pub(in crate::http::web) state: String,
}

pub(in crate::http::web) struct List {
    pub(in crate::http::web) title: &'static str,
    pub(in crate::http::web) is_failure: bool,
    pub(in crate::http::web) is_open: bool,
    pub(in crate::http::web) count: String,
    pub(in crate::http::web) entries: Vec<String>,
    /// Entries that are not shown; empty if there are none.
    pub(in crate::http::web) rest: String,
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
    if accountings.is_empty() {
        return Ok(Vec::new());
    }
    let parts = app.store.job_parts(run).await?;
    Ok(sections_of(Some(suite), &accountings, &parts))
}

/// For the page of a plan; empty if no node reported.
pub(in crate::http::web) fn of_plan(
    accounting: Accounting,
    parts: &Parts,
    is_recent: bool,
) -> Vec<GroupSection> {
    let mut sections = sections_of(None, &[(accounting, is_recent)], parts);
    if let [only] = sections.as_mut_slice() {
        // The page begins with it.
        only.pace.clear();
    }
    sections
}

/// With links to plans, if the suite is given.
fn sections_of(
    suite: Option<&Suite>,
    accountings: &[(Accounting, bool)],
    parts: &Parts,
) -> Vec<GroupSection> {
    let groups: usize = accountings.iter().map(|(one, _)| one.groups.len()).sum();
    let all = accountings.iter().flat_map(|(one, is_recent)| {
        one.groups.iter().map(move |group| {
            let name = (groups > 1).then(|| name(one, group));
            let mut section = GroupSection::new(name.unwrap_or_default(), group, parts, *is_recent);
            let has_plan = group.nodes.iter().any(|row| row.estimated_ms.is_some());
            if let Some(suite) = suite.filter(|_| has_plan) {
                section.plan_address = Links::plan_path(suite, &one.identifier);
            }
            section
        })
    });
    all.collect()
}

fn name(accounting: &Accounting, group: &GroupAccounting) -> String {
    if group.group.is_empty() {
        accounting.identifier.clone()
    } else {
        format!("{} · {}", accounting.identifier, group.group)
    }
}

impl GroupSection {
    fn new(name: String, group: &GroupAccounting, parts: &Parts, is_recent: bool) -> Self {
        let is_running = is_recent && pending_nodes(group) > 0;
        let (class, word, answer) = match group.verdict {
            Verdict::Complete => ("pass", "complete", "Yes."),
            Verdict::Incomplete if is_running => ("run", "running", "Not yet."),
            Verdict::Incomplete => ("fail", "incomplete", "No."),
            Verdict::Unknown => ("skip", "unknown", "It is not known."),
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
            word,
            answer,
            counts,
            nodes: group
                .nodes
                .iter()
                .map(|row| NodeLine::new(row, is_recent))
                .collect(),
            split: split(&group.nodes, parts),
            pace: pace(&group.nodes, parts),
            lists: sections(group).into_iter().map(List::new).collect(),
            plan_address: String::new(),
        }
    }
}

impl NodeLine {
    fn new(row: &NodeRow, is_recent: bool) -> Self {
        let (class, state) = match (row.state, row.exit_code) {
            (None, _) if is_recent => ("run", "no report yet".to_owned()),
            (None, _) => ("fail", "no report".to_owned()),
            (Some(NodeState::Started), _) if is_recent => ("run", "running".to_owned()),
            (Some(NodeState::Started), _) => ("fail", "no end report".to_owned()),
            (Some(NodeState::Failed), code) => ("fail", ended("failed", code)),
            (Some(NodeState::Finished), None | Some(0)) => ("pass", "finished".to_owned()),
            (Some(NodeState::Finished), code) => ("fail", ended("finished", code)),
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
            actual: format::maybe_duration(took(row)),
            class,
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

    use super::{GroupSection, NodeLine, Parts};

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
            let section = GroupSection::new(String::new(), &group, &Parts::new(), is_recent);
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
            (None, None, true, "run", "no report yet"),
            (None, None, false, "fail", "no report"),
            (Some(NodeState::Started), None, true, "run", "running"),
            (
                Some(NodeState::Started),
                None,
                false,
                "fail",
                "no end report",
            ),
            (
                Some(NodeState::Finished),
                Some(0),
                false,
                "pass",
                "finished",
            ),
            (
                Some(NodeState::Finished),
                Some(1),
                true,
                "fail",
                "finished, exit 1",
            ),
            (
                Some(NodeState::Failed),
                Some(16),
                true,
                "fail",
                "failed, exit 16",
            ),
        ] {
            let line = NodeLine::new(&row(state, exit_code), is_recent);
            assert_eq!((line.class, line.state.as_str()), (class, text));
        }
    }
}
