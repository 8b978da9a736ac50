//! Which of the parallel jobs this is, and how many there are.
//!
//! Half an answer is worse than none: a machine that takes itself for node 0 of 1, or counts to
//! another number than its siblings, leaves tests that nobody runs. So both numbers come from one
//! place, and where they do not it is said what to give.

use super::build::Found;
use super::fields::Field;
use super::problems::Problems;
use crate::ci::{Ci, Nodes, Value};
use crate::cli::BuildArgs;
use crate::env_vars as var;

/// The most nodes a plan may have.
pub(super) const MAX_PARALLELISM: i64 = 1000;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandKind {
    /// A node, which needs both numbers.
    Node,
    /// A planner. It runs nothing, so only the count matters, and its range is looked at elsewhere.
    Planner,
}

/// A node's number, from 0, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeOf {
    pub index: i64,
    pub count: i64,
}

/// `None` when a problem was noted.
pub(super) fn node_of(
    args: &BuildArgs,
    ci: Option<&Ci>,
    asker: CommandKind,
    found: &mut Found,
    problems: &mut Problems,
) -> Option<NodeOf> {
    let count_field = count_field(args);
    let index_field = Field::new(
        var::BUILDKITE_PARALLEL_JOB,
        "--parallel-job",
        args.parallel_job.as_ref(),
    );
    let mut unreadable = Problems::default();
    let any = i64::MIN..=i64::MAX;
    let given_count = given(count_field, || {
        count_field.integer(1, any.clone(), &mut unreadable)
    });
    let mut unreadable_index = Problems::default();
    let given_index = given(index_field, || {
        index_field.integer(0, any.clone(), &mut unreadable_index)
    });
    unreadable.take(unreadable_index);
    if !unreadable.is_empty() {
        problems.take(unreadable);
        return None;
    }
    let node = match (given_index, given_count, ci) {
        (Some(index), Some(count), _) => NodeOf { index, count },
        (index, count, Some(ci)) => from_ci(index, count, ci, asker, found, problems)?,
        (index, count, None) => half(index, count, asker, problems)?,
    };
    if asker == CommandKind::Planner {
        return Some(node);
    }
    in_range(node, count_field, index_field, problems)
}

pub(super) fn count_field(args: &BuildArgs) -> Field<'_> {
    Field::new(
        var::BUILDKITE_PARALLEL_JOB_COUNT,
        "--parallelism",
        args.parallelism.as_ref(),
    )
}

fn given(field: Field<'_>, read: impl FnOnce() -> i64) -> Option<i64> {
    field.text.is_some().then(read)
}

/// Where only options are there, and not both of them.
fn half(
    index: Option<i64>,
    count: Option<i64>,
    asker: CommandKind,
    problems: &mut Problems,
) -> Option<NodeOf> {
    match (index, count) {
        (Some(index), None) if asker == CommandKind::Node => {
            problems.add(
                var::BUILDKITE_PARALLEL_JOB_COUNT,
                format!(
                    "must not be blank where {} is set, here to {index} (or give --parallelism)",
                    var::BUILDKITE_PARALLEL_JOB
                ),
            );
            None
        }
        (None, Some(count)) if count > 1 && asker == CommandKind::Node => {
            problems.add(
                var::BUILDKITE_PARALLEL_JOB,
                format!(
                    "must not be blank where {} is {count} (or give --parallel-job)",
                    var::BUILDKITE_PARALLEL_JOB_COUNT
                ),
            );
            None
        }
        (index, count) => Some(NodeOf {
            index: index.unwrap_or(0),
            count: count.unwrap_or(1),
        }),
    }
}

/// Where a CI may know what the options do not say.
fn from_ci(
    index: Option<i64>,
    count: Option<i64>,
    ci: &Ci,
    asker: CommandKind,
    found: &mut Found,
    problems: &mut Problems,
) -> Option<NodeOf> {
    let nodes = &ci.facts.nodes;
    let title = ci.provider.title;
    let (ci_index, ci_count) = match (&nodes.index, &nodes.count) {
        (Some(index), Some(count)) => (index, count),
        (None, Some(one)) if one.text == "1" => return half(index, count, asker, problems),
        (None, None) => {
            let node = half(index, count, asker, problems)?;
            if index.is_none() && count.is_none() && asker == CommandKind::Node {
                found.note(format!(
                    "node 0 of 1 (set {} and {} where several jobs share the tests)",
                    var::BUILDKITE_PARALLEL_JOB,
                    var::BUILDKITE_PARALLEL_JOB_COUNT
                ));
            }
            return Some(node);
        }
        (there, other) => {
            // Of a planner's numbers the index means nothing.
            if asker == CommandKind::Planner && (count.is_some() || other.is_none()) {
                return half(index, count, asker, problems);
            }
            let lone = there.as_ref().or(other.as_ref())?;
            problems.add(
                lone.from,
                format!(
                    "was {:?}, but {title} says only half: give both {} and {} (or --parallel-job \
                     and --parallelism)",
                    lone.text,
                    var::BUILDKITE_PARALLEL_JOB,
                    var::BUILDKITE_PARALLEL_JOB_COUNT
                ),
            );
            return None;
        }
    };
    let says = read(nodes, ci_index, ci_count, title, problems)?;
    let agreed = match (index, count) {
        (Some(index), _) => index == says.index,
        (_, Some(count)) => count == says.count,
        (None, None) => says.count == 1 || nodes.doubt.is_none(),
    };
    if agreed {
        if says.count > 1 || index.is_some() || count.is_some() {
            found.note(format!(
                "node {} of {} ({} {}, {} {})",
                says.index, says.count, ci_index.from, ci_index.text, ci_count.from, ci_count.text
            ));
        }
        return Some(says);
    }
    if asker == CommandKind::Planner
        && let Some(count) = count
    {
        return Some(NodeOf { index: 0, count });
    }
    let (given, field) = match (index, count) {
        (Some(index), _) => (Some(index), var::BUILDKITE_PARALLEL_JOB),
        (None, count) => (count, var::BUILDKITE_PARALLEL_JOB_COUNT),
    };
    problems.add(
        field,
        match (given, nodes.doubt) {
            (Some(given), _) => format!(
                "was {given}, but {title} says node {} of {} ({} {}, {} {}): give both {} and {}",
                says.index,
                says.count,
                ci_index.from,
                ci_index.text,
                ci_count.from,
                ci_count.text,
                var::BUILDKITE_PARALLEL_JOB,
                var::BUILDKITE_PARALLEL_JOB_COUNT
            ),
            (None, doubt) => format!(
                "must not be blank: {} is {}, but {}. If all {} run these tests, set it to {} (or \
                 give --parallelism {}); if not, give both --parallel-job and --parallelism",
                ci_count.from,
                ci_count.text,
                doubt.unwrap_or("that is not certain"),
                says.count,
                says.count,
                says.count
            ),
        },
    );
    None
}

/// What the CI says, from 0.
fn read(
    nodes: &Nodes,
    index: &Value,
    count: &Value,
    title: &str,
    problems: &mut Problems,
) -> Option<NodeOf> {
    let number = |value: &Value, problems: &mut Problems| -> Option<i64> {
        let number = value.text.trim().parse().ok();
        if number.is_none() {
            wrong(value, "a whole number", title, problems);
        }
        number
    };
    let (index_number, count_number) = (number(index, problems), number(count, problems));
    let (index_number, count_number) = (index_number?, count_number?);
    if !(1..=MAX_PARALLELISM).contains(&count_number) {
        wrong(count, &format!("1 to {MAX_PARALLELISM}"), title, problems);
        return None;
    }
    let last = count_number - 1 + nodes.first;
    if !(nodes.first..=last).contains(&index_number) {
        let must_be = format!(
            "{} to {last}, since {} is {count_number}",
            nodes.first, count.from
        );
        wrong(index, &must_be, title, problems);
        return None;
    }
    Some(NodeOf {
        index: index_number - nodes.first,
        count: count_number,
    })
}

fn wrong(value: &Value, must_be: &str, title: &str, problems: &mut Problems) {
    problems.add(
        value.from,
        format!(
            "was {:?}, must be {must_be} on {title} (or give both --parallel-job and --parallelism)",
            value.text
        ),
    );
}

fn in_range(
    node: NodeOf,
    count_field: Field<'_>,
    index_field: Field<'_>,
    problems: &mut Problems,
) -> Option<NodeOf> {
    if !(1..=MAX_PARALLELISM).contains(&node.count) {
        count_field.wrong(&format!("1 to {MAX_PARALLELISM}"), problems);
        return None;
    }
    if !(0..node.count).contains(&node.index) {
        let must_be = format!(
            "0 to {}, below {}",
            node.count - 1,
            var::BUILDKITE_PARALLEL_JOB_COUNT
        );
        index_field.wrong(&must_be, problems);
        return None;
    }
    Some(node)
}
