//! What a plan would take with other numbers of nodes. Pure.

use test_engine_duration::Micros;
use test_engine_wire::{Case, Plan};

use super::assign::WeightedCases;
use super::node_count::NodeCount;

/// A number of nodes, and the planned time of the longest of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alternative {
    pub(crate) nodes: usize,
    pub(crate) longest: Micros,
}

/// Splits the cases of a plan again for each number of nodes. Its estimates stay as they are.
pub(super) fn alternatives(plan: Plan, nodes: &[usize], file_load: u64) -> Vec<Alternative> {
    let tasks = plan.tasks.into_values();
    let cases: Vec<Case> = tasks.flat_map(|task| task.tests).collect();
    let estimate = |case: &Case| {
        let milliseconds = u64::try_from(case.estimated_duration.unwrap_or(0)).unwrap_or(0);
        Micros::from_milliseconds(milliseconds).get()
    };
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
    nodes.iter().map(split).collect()
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
        let seconds = |seconds: u64| Micros::from_milliseconds(seconds * 1_000);
        let expected = [(1, 60), (2, 30), (3, 30), (4, 30)].map(|(nodes, longest)| Alternative {
            nodes,
            longest: seconds(longest),
        });
        assert_eq!(found, expected);
    }
}
