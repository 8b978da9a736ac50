//! This job's node index and the number of nodes.
//!
//! Both numbers must come from one source. A job that wrongly takes itself for node 0 of 1, or
//! counts other nodes than its siblings, leaves tests that no node runs; an incomplete answer is
//! therefore an error that says what to set.

use super::build::Detected;
use super::problems::Problems;
use crate::ci::{Ci, Nodes, Value};
use crate::cli::NodeArgs;
use crate::env_vars as var;

pub(super) const MAX_PARALLELISM: i64 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandKind {
    /// Runs a share of the tests, so it needs both numbers.
    Node,
    /// Needs only the count, whose range is checked elsewhere.
    Planner,
    /// Runs what the nodes of a plan missed, so it needs neither.
    Missing,
}

/// A node index, from 0, and the number of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeOf {
    pub index: i64,
    pub count: i64,
}

/// `None` when a problem was found.
pub(super) fn node_of(
    args: &NodeArgs,
    ci: Option<&Ci>,
    kind: CommandKind,
    detected: &mut Detected,
    problems: &mut Problems,
) -> Option<NodeOf> {
    let before = problems.count();
    let index = problems.get(&args.parallel_job);
    let count = problems.get(&args.parallelism);
    if problems.count() > before {
        return None;
    }
    let node = match (index, count, ci) {
        (Some(index), Some(count), _) => NodeOf { index, count },
        (index, count, Some(ci)) => from_ci(index, count, ci, kind, detected, problems)?,
        (index, count, None) => from_options(index, count, kind, problems)?,
    };
    if kind == CommandKind::Planner {
        return Some(node);
    }
    if !(1..=MAX_PARALLELISM).contains(&node.count) {
        problems.push(args.parallelism.wrong(&format!("1 to {MAX_PARALLELISM}")));
        return None;
    }
    if !(0..node.count).contains(&node.index) {
        problems.push(args.parallel_job.wrong(&format!(
            "0 to {}, below {}",
            node.count - 1,
            args.parallelism.name()
        )));
        return None;
    }
    Some(node)
}

/// When the CI does not count nodes. At most one of the numbers is given.
fn from_options(
    index: Option<i64>,
    count: Option<i64>,
    kind: CommandKind,
    problems: &mut Problems,
) -> Option<NodeOf> {
    let index_variable = var::BUILDKITE_PARALLEL_JOB;
    let count_variable = var::BUILDKITE_PARALLEL_JOB_COUNT;
    match (index, count) {
        (Some(index), None) if kind == CommandKind::Node => {
            problems.add(
                count_variable,
                format_args!(
                    "must not be blank if {index_variable} is set ({index}) (or give \
                     --parallelism)"
                ),
            );
            None
        }
        (None, Some(count)) if count > 1 && kind == CommandKind::Node => {
            problems.add(
                index_variable,
                format_args!(
                    "must not be blank if {count_variable} is {count} (or give --parallel-job)"
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

/// When at most one number is given by options, and the CI may know the other.
fn from_ci(
    index: Option<i64>,
    count: Option<i64>,
    ci: &Ci,
    kind: CommandKind,
    detected: &mut Detected,
    problems: &mut Problems,
) -> Option<NodeOf> {
    let nodes = &ci.details.nodes;
    let title = ci.provider.title;
    let (ci_index, ci_count) = match (&nodes.index, &nodes.count) {
        (Some(index), Some(count)) => (index, count),
        (None, Some(one)) if one.text == "1" => {
            return from_options(index, count, kind, problems);
        }
        (None, None) => {
            let node = from_options(index, count, kind, problems)?;
            if index.is_none() && count.is_none() && kind == CommandKind::Node {
                detected.add(format!(
                    "node 0 of 1 (set {} and {} if several jobs share the tests)",
                    var::BUILDKITE_PARALLEL_JOB,
                    var::BUILDKITE_PARALLEL_JOB_COUNT
                ));
            }
            return Some(node);
        }
        (ci_index, ci_count) => {
            if kind == CommandKind::Planner && (count.is_some() || ci_count.is_none()) {
                return from_options(index, count, kind, problems);
            }
            let (value, missing) = match (ci_index, ci_count) {
                (Some(value), _) => (value, "count"),
                (None, value) => (value.as_ref()?, "index"),
            };
            problems.add(
                value.from,
                format_args!(
                    "was {:?}, but {title} sets no node {missing}: set both {} and {} (or give \
                     --parallel-job and --parallelism)",
                    value.text,
                    var::BUILDKITE_PARALLEL_JOB,
                    var::BUILDKITE_PARALLEL_JOB_COUNT
                ),
            );
            return None;
        }
    };
    let node = read(nodes, ci_index, ci_count, title, problems)?;
    let agreed = match (index, count) {
        (Some(index), _) => index == node.index,
        (_, Some(count)) => count == node.count,
        (None, None) => node.count == 1 || nodes.uncertainty.is_none(),
    };
    let source = format!(
        "node {} of {} ({} {}, {} {})",
        node.index, node.count, ci_index.from, ci_index.text, ci_count.from, ci_count.text
    );
    if agreed {
        if node.count > 1 || index.is_some() || count.is_some() {
            detected.add(source);
        }
        return Some(node);
    }
    if let (CommandKind::Planner, Some(count)) = (kind, count) {
        return Some(NodeOf { index: 0, count });
    }
    let conflict = |given: i64| {
        format!(
            "was {given}, but this is {source} on {title}: set both {} and {}",
            var::BUILDKITE_PARALLEL_JOB,
            var::BUILDKITE_PARALLEL_JOB_COUNT
        )
    };
    match (index, count) {
        (Some(index), _) => problems.add(var::BUILDKITE_PARALLEL_JOB, conflict(index)),
        (None, Some(count)) => problems.add(var::BUILDKITE_PARALLEL_JOB_COUNT, conflict(count)),
        (None, None) => problems.add(
            var::BUILDKITE_PARALLEL_JOB_COUNT,
            format_args!(
                "must not be blank: {from} is {count}, but {}. If all {count} run these tests, \
                 set it to {count} (or give --parallelism {count}); otherwise give both \
                 --parallel-job and --parallelism",
                nodes.uncertainty.unwrap_or_default(),
                from = ci_count.from,
                count = node.count
            ),
        ),
    }
    None
}

/// The numbers of the CI, with the index from 0.
fn read(
    nodes: &Nodes,
    index: &Value,
    count: &Value,
    title: &str,
    problems: &mut Problems,
) -> Option<NodeOf> {
    let mut wrong = |value: &Value, must_be: &str| {
        problems.add(
            value.from,
            format_args!(
                "was {:?}, must be {must_be} on {title} (or give both --parallel-job and \
                 --parallelism)",
                value.text
            ),
        );
    };
    let mut number = |value: &Value| -> Option<i64> {
        let number = value.text.trim().parse().ok();
        if number.is_none() {
            wrong(value, "a whole number");
        }
        number
    };
    let (index_number, count_number) = (number(index), number(count));
    let (index_number, count_number) = (index_number?, count_number?);
    if !(1..=MAX_PARALLELISM).contains(&count_number) {
        wrong(count, &format!("1 to {MAX_PARALLELISM}"));
        return None;
    }
    let (first, last) = (nodes.first, count_number - 1 + nodes.first);
    if !(first..=last).contains(&index_number) {
        let must_be = format!("{first} to {last}, since {} is {count_number}", count.from);
        wrong(index, &must_be);
        return None;
    }
    Some(NodeOf {
        index: index_number - first,
        count: count_number,
    })
}
