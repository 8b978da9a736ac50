//! What a plan would take with other numbers of nodes. Pure.

use std::collections::HashSet;

use test_engine_duration::Micros;
use test_engine_wire::{Case, Plan, Task};

use super::assign::WeightedCases;
use super::build::{Kind, kind};
use super::examples::file_of;
use super::node_count::NodeCount;

/// A number of nodes, and the planned time of the longest of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alternative {
    pub(crate) nodes: usize,
    pub(crate) longest: Micros,
}

/// What a plan takes, and would take with other numbers of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alternatives {
    /// The planned time of the longest node of the plan, with loading its files.
    pub(crate) longest: Micros,
    pub(crate) others: Vec<Alternative>,
}

/// Splits the cases of a plan again for each number of nodes. Its estimates stay as they are.
pub(super) fn alternatives(plan: Plan, nodes: &[usize], file_load: u64) -> Alternatives {
    let tasks = plan.tasks.values();
    let longest = tasks.map(|task| planned(task, file_load)).max();
    let tasks = plan.tasks.into_values();
    let cases: Vec<Case> = tasks.flat_map(|task| task.tests).collect();
    let weights = cases.iter().map(estimate).collect();
    let suite = WeightedCases::new(&cases, weights, file_load);
    let split = |nodes: &usize| {
        let split = suite.assign(NodeCount::Fixed(*nodes), 0);
        let totals = split.iter().map(|node| node.total);
        Alternative {
            nodes: *nodes,
            longest: Micros::new(totals.max().unwrap_or(0)),
        }
    };
    Alternatives {
        longest: Micros::new(longest.unwrap_or(0)),
        others: nodes.iter().map(split).collect(),
    }
}

/// Microseconds.
fn estimate(case: &Case) -> u64 {
    let milliseconds = u64::try_from(case.estimated_duration.unwrap_or(0)).unwrap_or(0);
    Micros::from_milliseconds(milliseconds).get()
}

/// The microseconds of a node, with loading the files of its examples.
fn planned(task: &Task, file_load: u64) -> u64 {
    let examples = task.tests.iter().filter(|case| kind(case) == Kind::Example);
    let files: HashSet<&str> = examples.filter_map(file_of).collect();
    let loading = file_load.saturating_mul(files.len() as u64);
    let tests = task.tests.iter().map(estimate);
    tests.fold(loading, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use test_engine_duration::Micros;
    use test_engine_wire::{Case, CaseFormat, Plan, Task};

    use super::{Alternative, alternatives};

    #[test]
    fn the_longest_node_is_as_short_as_its_longest_case() {
        let case = |name: &str, seconds: i64| Case {
            value: name.to_owned(),
            format: CaseFormat::Selector,
            estimated_duration: Some(seconds * 1_000),
            ..Case::default()
        };
        let tests = vec![case("a", 30), case("b", 20), case("c", 10)];
        let task = Task {
            node_number: 0,
            tests,
        };
        let plan = Plan {
            tasks: [("0".to_owned(), task)].into(),
            ..Plan::default()
        };
        let found = alternatives(plan, &[1, 2, 3, 4], 0);
        assert_eq!(found.longest, Micros::from_milliseconds(60_000));
        let seconds = |seconds: u64| Micros::from_milliseconds(seconds * 1_000);
        let expected = [(1, 60), (2, 30), (3, 30), (4, 30)].map(|(nodes, longest)| Alternative {
            nodes,
            longest: seconds(longest),
        });
        assert_eq!(found.others, expected);
    }

    #[test]
    fn loading_a_file_counts_once_on_every_node_that_has_its_examples() {
        let case = |path: &str| Case {
            path: path.to_owned(),
            format: CaseFormat::Example,
            name: path.to_owned(),
            estimated_duration: Some(1_000),
            ..Case::default()
        };
        let task = |node, paths: &[&str]| {
            let tests = paths.iter().map(|path| case(path)).collect();
            let task = Task {
                node_number: node,
                tests,
            };
            (node.to_string(), task)
        };
        let plan = Plan {
            tasks: [
                task(0, &["a.py::x", "a.py::y"]),
                task(1, &["a.py::z", "b.py::x"]),
            ]
            .into(),
            ..Plan::default()
        };
        let second = Micros::from_milliseconds(1_000).get();
        let found = alternatives(plan, &[1], 10 * second);
        assert_eq!(found.longest, Micros::new(22 * second));
        assert_eq!(found.others[0].longest, Micros::new(24 * second));
    }
}
