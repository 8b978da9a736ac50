//! Weighed cases and a wish for nodes, as the cases of each node.
//!
//! Chooses how many nodes there are and knows which examples are parts of one file. Balance is the
//! planner's matter; what a plan looks like is `build`'s.

use std::collections::{HashMap, HashSet};

use test_engine_planner::{Item, Node, nodes_for_target, nodes_that_help, split_by_file};
use test_engine_wire::Case;

use super::build::{Kind, kind};
use super::examples;
use super::wanted::Nodes;

/// Below this share of cases with history, in percent, sizes are guesses and a target means little.
const ENOUGH_KNOWN_PERCENT: usize = 50;

/// The cases as the planner sees them.
pub(super) struct Weighed {
    /// Microseconds of each.
    pub(super) weights: Vec<u64>,
    /// The file that an example is a part of, as a number.
    files: Vec<Option<usize>>,
    file_load: u64,
}

impl Weighed {
    pub(super) fn new(cases: &[Case], weights: Vec<u64>, file_load: u64) -> Self {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let files = cases
            .iter()
            .map(|case| {
                let file = examples::file_of(case).filter(|_| kind(case) == Kind::Example)?;
                let next = numbers.len();
                Some(*numbers.entry(file).or_insert(next))
            })
            .collect();
        Self {
            weights,
            files,
            file_load,
        }
    }

    /// The nodes, and on each the places of its cases.
    pub(super) fn deal(&self, wanted: Nodes, known: usize) -> Vec<Node<usize>> {
        match wanted {
            Nodes::Fixed(nodes) => self.split(nodes),
            Nodes::UpTo { most, .. } if known * 100 < self.weights.len() * ENOUGH_KNOWN_PERCENT => {
                self.split(self.weights.len().min(most))
            }
            Nodes::UpTo {
                most,
                target: Some(target),
            } => self.within(target, most),
            Nodes::UpTo { most, target: None } => self.split(nodes_that_help(&self.weights, most)),
        }
    }

    /// The fewest nodes that meet a target. Files that are loaded on several nodes may want more
    /// nodes than their tests do.
    fn within(&self, target: u64, most: usize) -> Vec<Node<usize>> {
        let fewest = nodes_for_target(&self.loaded_once(), target, most);
        let most = most.min(self.weights.len());
        let mut plan = self.split(fewest);
        while longest(&plan) > target && plan.len() < most {
            // Few steps: each is a whole plan.
            let next = (plan.len() + plan.len().div_ceil(8)).min(most);
            let wider = self.split(next);
            if longest(&wider) >= longest(&plan) {
                break;
            }
            plan = wider;
        }
        plan
    }

    /// The weights, with the loading of each file added to its first example.
    fn loaded_once(&self) -> Vec<u64> {
        let mut loaded = HashSet::new();
        let is_first = |file: &Option<usize>| file.is_some_and(|file| loaded.insert(file));
        let first: Vec<bool> = self.files.iter().map(is_first).collect();
        self.weights
            .iter()
            .zip(first)
            .map(|(&weight, first)| weight.saturating_add(if first { self.file_load } else { 0 }))
            .collect()
    }

    /// No nodes for 0: there are no cases then, or none are left.
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
        split_by_file(items, nodes, self.file_load, |&place| self.files[place])
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

    use super::super::wanted::Nodes;
    use super::Weighed;

    /// `count` examples of each of these files, each of this weight.
    fn examples(files: &[&str], count: usize, weight: u64, file_load: u64) -> Weighed {
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
        Weighed::new(&cases, weights, file_load)
    }

    fn up_to(most: usize, target: u64) -> Nodes {
        Nodes::UpTo {
            most,
            target: Some(target),
        }
    }

    fn totals(plan: &[Node<usize>]) -> Vec<u64> {
        plan.iter().map(|node| node.total).collect()
    }

    #[test]
    fn a_file_is_charged_on_every_node_that_loads_it() {
        let one_file = examples(&["a_spec.rb"], 10, 10, 7);
        assert_eq!(totals(&one_file.deal(Nodes::Fixed(1), 10)), [107]);
        assert_eq!(totals(&one_file.deal(Nodes::Fixed(2), 10)), [57, 57]);
    }

    #[test]
    fn files_stay_whole_where_that_is_as_quick() {
        let suite = examples(&["a_spec.rb", "b_spec.rb", "c_spec.rb"], 10, 10, 7);
        for node in suite.deal(Nodes::Fixed(3), 30) {
            let files: BTreeSet<usize> = node.items.iter().map(|item| item.value / 10).collect();
            assert_eq!((files.len(), node.items.len(), node.total), (1, 10, 107));
        }
    }

    #[test]
    fn whole_files_and_selectors_are_not_charged() {
        let cases = ["a_spec.rb", "b_spec.rb"].map(|path| Case {
            path: path.to_owned(),
            ..Case::default()
        });
        let suite = Weighed::new(&cases, vec![10, 20], 1_000);
        let mut totals = totals(&suite.deal(Nodes::Fixed(2), 2));
        totals.sort_unstable();
        assert_eq!(totals, [10, 20]);
    }

    #[test]
    fn a_target_counts_the_loading_of_files() {
        // 100 of tests: two nodes would do, were it not for loading the file on each.
        let suite = examples(&["a_spec.rb"], 10, 10, 20);
        let plan = suite.deal(up_to(10, 50), 10);
        assert!(totals(&plan).iter().all(|&total| total <= 50), "{plan:?}");
        assert_eq!(plan.len(), 4);
        let free = examples(&["a_spec.rb"], 10, 10, 0);
        assert_eq!(free.deal(up_to(10, 50), 10).len(), 2);
        // No number of nodes meets this one.
        let out_of_reach = suite.deal(up_to(10, 25), 10);
        assert!((1..=10).contains(&out_of_reach.len()), "{out_of_reach:?}");
    }

    #[test]
    fn with_little_history_there_are_as_many_nodes_as_may_be() {
        let suite = examples(&["a_spec.rb"], 10, 10, 0);
        for (known, most, nodes) in [(4, 8, 8), (4, 20, 10), (0, 3, 3), (5, 8, 1)] {
            assert_eq!(
                suite.deal(up_to(most, 1_000), known).len(),
                nodes,
                "{known}"
            );
        }
    }

    #[test]
    fn nothing_is_left_to_deal() {
        let none = examples(&[], 0, 0, 0);
        assert_eq!(
            none.deal(
                Nodes::UpTo {
                    most: 3,
                    target: None
                },
                0
            )
            .len(),
            0
        );
        assert_eq!(none.deal(up_to(3, 5), 0).len(), 0);
        assert_eq!(none.deal(Nodes::Fixed(3), 0).len(), 3);
    }
}
