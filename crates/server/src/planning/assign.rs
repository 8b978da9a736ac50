//! Assigns weighted cases to nodes and picks the node count.
//!
//! Knows which examples belong to one file. Balancing is done by `test-engine-planner`.

use std::collections::{HashMap, HashSet};

use test_engine_planner::{Item, Node, Place, nodes_for_target, nodes_that_help, split_by_file};
use test_engine_wire::Case;

use super::build::{Kind, kind};
use super::examples;
use super::node_count::NodeCount;

/// With history for fewer cases than this, in percent, the durations are too uncertain to choose a
/// node count by them.
const MIN_KNOWN_PERCENT: usize = 50;

/// Whether a node count can be chosen by the durations, `known` of which have history.
pub(crate) const fn has_enough_history(known: usize, cases: usize) -> bool {
    known * 100 >= cases * MIN_KNOWN_PERCENT
}

/// Cases, as indexes, with their weights.
pub(super) struct WeightedCases {
    /// Microseconds.
    pub(super) weights: Vec<u64>,
    /// Those of examples; `None` for files and selectors.
    places: Vec<Option<Place>>,
    file_load: u64,
}

impl WeightedCases {
    pub(super) fn new(cases: &[Case], weights: Vec<u64>, file_load: u64) -> Self {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut number = |name| {
            let next = numbers.len();
            *numbers.entry(name).or_insert(next)
        };
        let places = cases
            .iter()
            .map(|case| {
                if kind(case) != Kind::Example {
                    return None;
                }
                let file = number(examples::file_of(case)?);
                let function = examples::function_of(case).map(&mut number);
                Some(Place { file, function })
            })
            .collect();
        Self {
            weights,
            places,
            file_load,
        }
    }

    /// The indexes of the cases of each node. `known` is the number of cases with history.
    pub(super) fn assign(&self, nodes: NodeCount, known: usize) -> Vec<Node<usize>> {
        match nodes {
            NodeCount::Fixed(nodes) => self.split(nodes),
            NodeCount::UpTo { max, .. } if !has_enough_history(known, self.weights.len()) => {
                self.split(self.weights.len().min(max))
            }
            NodeCount::UpTo {
                max,
                target: Some(target),
            } => self.within(target, max),
            NodeCount::UpTo { max, target: None } => {
                self.split(nodes_that_help(&self.weights, max))
            }
        }
    }

    /// The fewest nodes that meet a target. Loading files on several nodes may require more nodes
    /// than the tests alone.
    fn within(&self, target: u64, max: usize) -> Vec<Node<usize>> {
        let fewest = nodes_for_target(&self.loaded_once(), target, max);
        let max = max.min(self.weights.len());
        let mut plan = self.split(fewest);
        while longest(&plan) > target && plan.len() < max {
            // In large steps, because each computes a complete plan.
            let next = (plan.len() + plan.len().div_ceil(8)).min(max);
            let wider = self.split(next);
            if longest(&wider) >= longest(&plan) {
                break;
            }
            plan = wider;
        }
        plan
    }

    /// The weights, with the load time of each file added to its first example.
    fn loaded_once(&self) -> Vec<u64> {
        let mut loaded = HashSet::new();
        let is_first = |place: &Option<Place>| place.is_some_and(|place| loaded.insert(place.file));
        let first: Vec<bool> = self.places.iter().map(is_first).collect();
        self.weights
            .iter()
            .zip(first)
            .map(|(&weight, first)| weight.saturating_add(if first { self.file_load } else { 0 }))
            .collect()
    }

    /// No nodes for 0, which means that there are no cases.
    fn split(&self, nodes: usize) -> Vec<Node<usize>> {
        if nodes == 0 {
            return Vec::new();
        }
        let items: Vec<Item<usize>> = self
            .weights
            .iter()
            .enumerate()
            .map(|(value, &weight)| Item { value, weight })
            .collect();
        split_by_file(items, nodes, self.file_load, |&index| self.places[index])
    }
}

fn longest(plan: &[Node<usize>]) -> u64 {
    plan.iter().map(|node| node.total).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use test_engine_planner::Node;
    use test_engine_wire::{Case, CaseFormat};

    use super::super::node_count::NodeCount;
    use super::WeightedCases;

    /// `count` examples in each file.
    fn examples(files: &[&str], count: usize, weight: u64, file_load: u64) -> WeightedCases {
        let cases: Vec<Case> = files
            .iter()
            .flat_map(|file| {
                (0..count).map(move |line| Case {
                    path: format!("{file}:{line}"),
                    format: CaseFormat::Example,
                    ..Case::default()
                })
            })
            .collect();
        let weights = vec![weight; cases.len()];
        WeightedCases::new(&cases, weights, file_load)
    }

    fn up_to(max: usize, target: u64) -> NodeCount {
        NodeCount::UpTo {
            max,
            target: Some(target),
        }
    }

    fn totals(plan: &[Node<usize>]) -> Vec<u64> {
        plan.iter().map(|node| node.total).collect()
    }

    #[test]
    fn adds_the_load_time_on_every_node_that_loads_a_file() {
        let one_file = examples(&["a_spec.rb"], 10, 10, 7);
        assert_eq!(totals(&one_file.assign(NodeCount::Fixed(1), 10)), [107]);
        assert_eq!(totals(&one_file.assign(NodeCount::Fixed(2), 10)), [57, 57]);
    }

    #[test]
    fn keeps_files_together_if_that_takes_no_longer() {
        let suite = examples(&["a_spec.rb", "b_spec.rb", "c_spec.rb"], 10, 10, 7);
        for node in suite.assign(NodeCount::Fixed(3), 30) {
            let files: BTreeSet<usize> = node.items.iter().map(|item| item.value / 10).collect();
            assert_eq!((files.len(), node.items.len(), node.total), (1, 10, 107));
        }
    }

    /// With pytest, they often share what is set up for the function.
    #[test]
    fn keeps_the_parametrised_cases_of_a_function_together() {
        let functions = [("test_a", 3), ("test_b", 3), ("test_c", 2), ("test_d", 2)];
        let cases: Vec<Case> = functions
            .iter()
            .flat_map(|(name, count)| {
                (0..*count).map(move |number| Case {
                    path: format!("app/[id]/test_x.py::TestX::{name}[a::{number}]"),
                    format: CaseFormat::Example,
                    ..Case::default()
                })
            })
            .collect();
        let suite = WeightedCases::new(&cases, vec![10; cases.len()], 3);
        let plan = suite.assign(NodeCount::Fixed(2), cases.len());
        assert_eq!(totals(&plan), [53, 53]);
        let function_of = |index: usize| cases[index].path.rsplit_once("[a").unwrap().0;
        let functions = plan.iter().map(|node| {
            let items = node.items.iter().map(|item| function_of(item.value));
            items.collect::<BTreeSet<&str>>().len()
        });
        assert_eq!(functions.sum::<usize>(), 4);
    }

    #[test]
    fn adds_no_load_time_to_whole_files() {
        let cases = ["a_spec.rb", "b_spec.rb"].map(|path| Case {
            path: path.to_owned(),
            ..Case::default()
        });
        let suite = WeightedCases::new(&cases, vec![10, 20], 1_000);
        let mut totals = totals(&suite.assign(NodeCount::Fixed(2), 2));
        totals.sort_unstable();
        assert_eq!(totals, [10, 20]);
    }

    #[test]
    fn a_target_includes_load_times() {
        // 100 in total: two nodes would suffice without the load time on each.
        let suite = examples(&["a_spec.rb"], 10, 10, 20);
        let plan = suite.assign(up_to(10, 50), 10);
        assert!(totals(&plan).iter().all(|&total| total <= 50), "{plan:?}");
        assert_eq!(plan.len(), 4);
        let free = examples(&["a_spec.rb"], 10, 10, 0);
        assert_eq!(free.assign(up_to(10, 50), 10).len(), 2);
        // No node count meets this target.
        let unreachable = suite.assign(up_to(10, 25), 10);
        assert!((1..=10).contains(&unreachable.len()), "{unreachable:?}");
    }

    #[test]
    fn uses_the_maximum_with_little_history() {
        let suite = examples(&["a_spec.rb"], 10, 10, 0);
        for (known, max, nodes) in [(4, 8, 8), (4, 20, 10), (0, 3, 3), (5, 8, 1)] {
            let plan = suite.assign(up_to(max, 1_000), known);
            assert_eq!(plan.len(), nodes, "{known}");
        }
    }

    #[test]
    fn assigns_no_cases() {
        let none = examples(&[], 0, 0, 0);
        let without_target = NodeCount::UpTo {
            max: 3,
            target: None,
        };
        assert_eq!(none.assign(without_target, 0).len(), 0);
        assert_eq!(none.assign(up_to(3, 5), 0).len(), 0);
        assert_eq!(none.assign(NodeCount::Fixed(3), 0).len(), 3);
    }
}
