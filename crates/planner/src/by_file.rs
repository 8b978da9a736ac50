//! Splits files into examples, taking into account the cost of loading a file.
//!
//! Every node with a part of a file loads the file. Without this, the examples of a file would be
//! spread over all nodes, and so would its loading. Here examples of a file stay together in parts
//! that are as large as the balance allows.

use std::collections::BTreeSet;

use crate::split::{Item, Node, split};

/// Where a test is: its file, and its function if that has several tests, such as the parametrised
/// cases of pytest. Both are numbers of the caller's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Is loaded on every node that runs a part of it.
    pub file: usize,
    /// Adjacent items of one file and function stay together if that costs no time.
    pub function: Option<usize>,
}

/// Parts are tried down to this fraction of a node's share; after that, single examples.
const MIN_PART: u64 = 64;

/// A finer plan must be shorter by more than this fraction, since it loads more files.
const MIN_GAIN: u64 = 512;

/// [`split`] for items of which some belong to the same file.
///
/// `place_of` returns `None` for items that are loaded once in any plan. Loading a file takes
/// `load`, in the unit of the weights. It is part of the `total` of a node, once for each file of
/// which the node has a part.
///
/// Every item is in exactly one node, and the plan depends on the items only. The longest node,
/// including loading, is at most a five-hundredth longer than with [`split`]. A function is divided
/// only if it is longer than a node's share, or if that makes the longest node shorter.
pub fn split_by_file<T: Ord>(
    mut items: Vec<Item<T>>,
    nodes: usize,
    load: u64,
    place_of: impl Fn(&T) -> Option<Place>,
) -> Vec<Node<T>> {
    let nodes = nodes.max(1);
    items.sort_unstable_by(|a, b| a.value.cmp(&b.value).then(a.weight.cmp(&b.weight)));
    let weights: Vec<u64> = items.iter().map(|item| item.weight).collect();
    let places: Vec<Option<Place>> = items.iter().map(|item| place_of(&item.value)).collect();
    if places.iter().all(Option::is_none) {
        return split(items, nodes);
    }
    let groups = groups(&places);
    let suite = Suite {
        weights: &weights,
        groups: &groups,
        places: &places,
        load,
    };
    let node_of = suite.best(nodes);

    let totals = suite.totals(&node_of, nodes);
    let mut plan: Vec<Node<T>> = totals
        .into_iter()
        .map(|total| Node {
            items: Vec::new(),
            total,
        })
        .collect();
    for (item, node) in items.into_iter().zip(node_of) {
        plan[node].items.push(item);
    }
    plan
}

/// The positions of the items of each file, and of each item without a file.
fn groups(places: &[Option<Place>]) -> Vec<Vec<usize>> {
    let file_of = |position: usize| places[position].map(|place| place.file);
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|&position| file_of(position));
    order
        .chunk_by(|&a, &b| file_of(a).is_some() && file_of(a) == file_of(b))
        .map(<[usize]>::to_vec)
        .collect()
}

struct Suite<'a> {
    weights: &'a [u64],
    places: &'a [Option<Place>],
    groups: &'a [Vec<usize>],
    load: u64,
}

/// The items of one group that stay together.
type Unit<'a> = &'a [usize];

impl<'a> Suite<'a> {
    /// The node of each item, with the coarsest parts that are about as good as finer ones.
    fn best(&self, nodes: usize) -> Vec<usize> {
        let bound = self.bound(nodes);
        let halves = std::iter::successors(Some(bound), |limit| Some(limit / 2));
        let halves = halves.take_while(|&limit| limit > self.load && limit >= bound / MIN_PART);
        // What a node takes if all nodes load the file.
        let coarsest = bound.saturating_add(self.load);
        let mut limits: Vec<u64> = [coarsest].into_iter().chain(halves).chain([0]).collect();
        limits.dedup();
        let items: Vec<Vec<Unit<'a>>> = self
            .groups
            .iter()
            .map(|group| group.chunks(1).collect())
            .collect();
        let mut best = self.by_parts(&items, u64::MAX, nodes);
        let mut longest = self.longest(&best, nodes);
        let mut improve = |units: &[Vec<Unit<'a>>]| {
            for &limit in &limits {
                if longest <= bound.saturating_add(bound / MIN_GAIN) {
                    break;
                }
                let finer = self.by_parts(units, limit, nodes);
                let length = self.longest(&finer, nodes);
                if length < longest - longest / MIN_GAIN {
                    (best, longest) = (finer, length);
                }
            }
        };
        let functions = self.functions(coarsest);
        if functions.iter().flatten().any(|cases| cases.len() > 1) {
            improve(&functions);
        }
        improve(&items);
        best
    }

    /// The items of each group by function. A function that takes longer than `limit` is divided.
    fn functions(&self, limit: u64) -> Vec<Vec<Unit<'a>>> {
        let function_of = |position: usize| self.places[position].and_then(|place| place.function);
        let functions_of = |group: &'a Vec<usize>| {
            group
                .chunk_by(|&a, &b| function_of(a).is_some() && function_of(a) == function_of(b))
                .flat_map(|cases| self.pieces(cases, limit))
                .collect()
        };
        self.groups.iter().map(functions_of).collect()
    }

    fn pieces(&self, mut cases: Unit<'a>, limit: u64) -> Vec<Unit<'a>> {
        let mut pieces = Vec::new();
        while !cases.is_empty() {
            let mut size = self.load;
            let fits = |&&position: &&usize| {
                size = size.saturating_add(self.weights[position]);
                size <= limit
            };
            let count = cases.iter().take_while(fits).count().max(1);
            let (piece, rest) = cases.split_at(count);
            pieces.push(piece);
            cases = rest;
        }
        pieces
    }

    /// A lower bound: each file is loaded somewhere, and so is the longest item's.
    fn bound(&self, nodes: usize) -> u64 {
        let loads = self.groups.iter().filter(|group| self.is_loaded(group[0]));
        let total = self
            .weights
            .iter()
            .map(|&weight| u128::from(weight))
            .sum::<u128>()
            .saturating_add(loads.count() as u128 * u128::from(self.load));
        let share = u64::try_from(total.div_ceil(nodes as u128)).unwrap_or(u64::MAX);
        let longest = (0..self.weights.len())
            .map(|position| self.with_load(&[position]))
            .max();
        share.max(longest.unwrap_or_default())
    }

    fn is_loaded(&self, position: usize) -> bool {
        self.places[position].is_some()
    }

    /// The duration of items that are the only ones of their file on a node.
    fn with_load(&self, unit: Unit<'_>) -> u64 {
        let load = if self.is_loaded(unit[0]) {
            self.load
        } else {
            0
        };
        self.weight(unit).saturating_add(load)
    }

    fn weight(&self, unit: Unit<'_>) -> u64 {
        let weights = unit.iter().map(|&position| self.weights[position]);
        weights.fold(0, u64::saturating_add)
    }

    /// The node of each item if files are cut into parts of at most `limit`, or of one unit. A
    /// limit of 0 ignores loading, as in [`split`].
    fn by_parts(&self, units: &[Vec<Unit<'a>>], limit: u64, nodes: usize) -> Vec<usize> {
        let mut parts: Vec<Vec<usize>> = Vec::new();
        let mut sizes: Vec<u64> = Vec::new();
        for group in units {
            let mut is_new = true;
            for &unit in group {
                let weight = self.weight(unit);
                match (parts.last_mut(), sizes.last_mut()) {
                    (Some(part), Some(size)) if !is_new && size.saturating_add(weight) <= limit => {
                        part.extend(unit);
                        *size = size.saturating_add(weight);
                    }
                    _ => {
                        parts.push(unit.to_vec());
                        sizes.push(if limit == 0 {
                            weight
                        } else {
                            self.with_load(unit)
                        });
                    }
                }
                is_new = false;
            }
        }
        let items = parts
            .iter()
            .zip(&sizes)
            .map(|(part, &weight)| Item {
                value: part[0],
                weight,
            })
            .collect();
        let mut node_of_first = vec![0; self.weights.len()];
        for (node, share) in split(items, nodes).into_iter().enumerate() {
            for part in share.items {
                node_of_first[part.value] = node;
            }
        }
        let mut node_of = vec![0; self.weights.len()];
        for part in &parts {
            for &position in part {
                node_of[position] = node_of_first[part[0]];
            }
        }
        node_of
    }

    /// The load of each node, including one load per file.
    fn totals(&self, node_of: &[usize], nodes: usize) -> Vec<u64> {
        let mut totals = vec![0_u64; nodes];
        for (position, &node) in node_of.iter().enumerate() {
            totals[node] = totals[node].saturating_add(self.weights[position]);
        }
        for group in self.groups.iter().filter(|group| self.is_loaded(group[0])) {
            let loading: BTreeSet<usize> = group.iter().map(|&at| node_of[at]).collect();
            for node in loading {
                totals[node] = totals[node].saturating_add(self.load);
            }
        }
        totals
    }

    fn longest(&self, node_of: &[usize], nodes: usize) -> u64 {
        let totals = self.totals(node_of, nodes);
        totals.into_iter().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items `(file, number)` of these files and weights; file 0 means no file.
    fn suite(files: &[(usize, &[u64])]) -> Vec<Item<(usize, usize)>> {
        files
            .iter()
            .flat_map(|&(file, weights)| {
                weights
                    .iter()
                    .enumerate()
                    .map(move |(number, &weight)| Item {
                        value: (file, number),
                        weight,
                    })
            })
            .collect()
    }

    fn plan(files: &[(usize, &[u64])], nodes: usize, load: u64) -> Vec<Node<(usize, usize)>> {
        split_by_file(suite(files), nodes, load, |&(file, _)| {
            (file > 0).then_some(Place {
                file,
                function: None,
            })
        })
    }

    fn files_of(node: &Node<(usize, usize)>) -> BTreeSet<usize> {
        node.items.iter().map(|item| item.value.0).collect()
    }

    fn totals(plan: &[Node<(usize, usize)>]) -> Vec<u64> {
        let mut totals: Vec<u64> = plan.iter().map(|node| node.total).collect();
        totals.sort_unstable();
        totals
    }

    #[test]
    fn keeps_files_whole_that_fit() {
        let files: [(usize, &[u64]); 4] =
            [(1, &[5; 10]), (2, &[5; 10]), (3, &[5; 10]), (4, &[5; 10])];
        for load in [0, 3] {
            let plan = plan(&files, 2, load);
            assert!(
                plan.iter().all(|node| files_of(node).len() == 2),
                "{plan:?}"
            );
            assert_eq!(totals(&plan), [100 + 2 * load; 2]);
        }
    }

    #[test]
    fn cuts_a_long_file_into_a_part_per_node() {
        let plan = plan(&[(1, &[5; 40])], 4, 7);
        assert_eq!(totals(&plan), [57; 4]);
    }

    #[test]
    fn keeps_files_whole_if_loading_costs_more() {
        let plan = plan(&[(1, &[5; 4]), (0, &[30])], 2, 100);
        assert_eq!(totals(&plan), [30, 120]);
        let plan = self::plan(&[(1, &[50; 4]), (0, &[10])], 2, 20);
        assert_eq!(totals(&plan), [120, 130]);
    }

    /// The longest node, and how many functions of a file are on several nodes. `tests` are the
    /// numbers of tests of the functions; each test takes 10.
    fn longest_and_divided(tests: &[usize], nodes: usize, load: u64) -> (u64, usize) {
        let items = tests.iter().enumerate().flat_map(|(function, &count)| {
            (0..count).map(move |case| Item {
                value: (function, case),
                weight: 10,
            })
        });
        let plan = split_by_file(items.collect(), nodes, load, |&(function, _)| {
            Some(Place {
                file: 1,
                function: Some(function),
            })
        });
        let nodes_of = |function| {
            let has = |node: &&Node<(usize, usize)>| {
                node.items.iter().any(|item| item.value.0 == function)
            };
            plan.iter().filter(has).count()
        };
        let divided = (0..tests.len()).filter(|&function| nodes_of(function) > 1);
        (*totals(&plan).last().unwrap(), divided.count())
    }

    #[test]
    fn keeps_a_function_together_unless_that_takes_longer() {
        for load in [0, 3, 200] {
            // In the order of the tests, the second function would be divided.
            let found = longest_and_divided(&[3, 3, 2, 2], 2, load);
            assert_eq!(found, (50 + load, 0), "{load}");
        }
        // Together, one node would have five tests.
        assert_eq!(longest_and_divided(&[3, 3, 2], 2, 3), (43, 1));
        // Longer than the share of a node.
        assert_eq!(longest_and_divided(&[40], 4, 3), (103, 1));
        assert_eq!(longest_and_divided(&[1, 40, 1, 1], 4, 3), (113, 1));
    }

    #[test]
    fn equals_split_without_files() {
        let items = suite(&[(0, &[9, 7, 5, 3, 1])]);
        assert_eq!(
            split_by_file(items.clone(), 2, 50, |_| None),
            split(items, 2)
        );
    }

    #[test]
    fn edges() {
        assert_eq!(plan(&[], 3, 5).len(), 3);
        assert_eq!(totals(&plan(&[(1, &[1, 2])], 0, 5)), [8]);
        assert_eq!(totals(&plan(&[(1, &[0, 0, 0])], 2, 0)), [0, 0]);
        let absurd = plan(&[(1, &[u64::MAX; 3]), (2, &[u64::MAX])], 2, u64::MAX);
        assert_eq!(absurd.iter().map(|node| node.items.len()).sum::<usize>(), 4);
    }
}
