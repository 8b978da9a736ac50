//! The table of nodes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use test_engine_wire::{NodeReport, NodeState, PlanSource};

use crate::coverage::parallelism;
use crate::input::Input;
use crate::jobs::runs_missing_targets;
use crate::targets::was_given;

/// One node in the table of a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeRow {
    /// Its index.
    pub node: u32,
    /// The job that ran it; empty if none reported.
    pub job_id: String,
    /// The job ran targets that the nodes of the step had missed.
    #[serde(default)]
    pub runs_missing_targets: bool,
    /// Origin of its share; absent if no job reported.
    pub source: Option<PlanSource>,
    /// How far it got; absent if no job reported.
    pub state: Option<NodeState>,
    /// Number of targets it was given: those of the plan, and those it ran in addition because the
    /// plan lacks them.
    pub planned: u64,
    /// Number of those with results.
    pub ran: u64,
    /// Sum of the plan's estimates, in milliseconds, if the plan is known.
    pub estimated_ms: Option<u64>,
    /// Exit code of the job.
    pub exit_code: Option<i32>,
    /// RFC 3339; absent if no job reported.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub started_at: String,
    /// RFC 3339.
    pub finished_at: Option<String>,
}

impl NodeRow {
    /// Whether the node has reported its end.
    pub fn has_ended(&self) -> bool {
        !matches!(self.state, None | Some(NodeState::Started))
    }
}

/// By node index; nodes that no job reported for included.
pub(crate) fn rows(input: &Input<'_>, nodes: &BTreeMap<u32, Vec<&NodeReport>>) -> Vec<NodeRow> {
    let task = |node: u32| input.plan?.tasks.get(&node.to_string());
    let estimated_ms = |node: u32| {
        let cases = task(node)?.tests.iter();
        let known = cases.filter_map(|case| u64::try_from(case.estimated_duration?).ok());
        Some(known.sum())
    };
    let silent = (0..parallelism(input.plan, nodes))
        .filter(|node| !nodes.contains_key(node))
        .map(|node| NodeRow {
            node,
            planned: task(node).map_or(0, |task| task.tests.len() as u64),
            estimated_ms: estimated_ms(node),
            ..NodeRow::default()
        });
    let reported = nodes
        .iter()
        .flat_map(|(&node, reports)| reports.iter().map(move |report| (node, *report)));
    let reported = reported.map(|(node, report)| {
        let given = report.targets.iter().filter(|target| was_given(target));
        let ran = given.clone().filter(|target| target.tests > 0);
        NodeRow {
            node,
            job_id: report.job_id.clone(),
            runs_missing_targets: runs_missing_targets(report),
            source: Some(report.plan_source),
            state: Some(report.state),
            planned: given.count() as u64,
            ran: ran.count() as u64,
            estimated_ms: estimated_ms(node),
            exit_code: report.exit_code,
            started_at: report.started_at.clone(),
            finished_at: report.finished_at.clone(),
        }
    });
    let mut rows: Vec<NodeRow> = silent.chain(reported).collect();
    rows.sort_by_key(|row| row.node);
    rows
}
