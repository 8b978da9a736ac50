//! How many nodes a suite deserves.
//!
//! Both questions are answered with the plan that [`split`](crate::split) would make, never with
//! the mean alone: a number of nodes that only works on paper is no answer.

use crate::balance::balance;
use crate::bounds::Bounds;

/// The fewest nodes, at most `max_nodes`, whose longest node takes at most `target`.
///
/// When not even `max_nodes` meets the target, as many as still help: see [`nodes_that_help`].
/// 0 when there are no weights; else at least 1, also for `max_nodes` 0. Unit of the target: that
/// of the weights.
pub fn nodes_for_target(weights: &[u64], target: u64, max_nodes: usize) -> usize {
    let most = most_nodes(weights, max_nodes);
    let descending = weighing(weights);
    if most == 0 || descending.is_empty() {
        return most.min(1);
    }
    fewest_within(&descending, target, most).unwrap_or_else(|| fewest_as_good(&descending, most))
}

/// The fewest nodes whose longest node is as short as with `max_nodes` (or with one node an item,
/// if those are fewer): more would wait for the same longest node.
///
/// 0 when there are no weights; else at least 1, also for `max_nodes` 0. Weights that are all 0 say
/// nothing, so every item is taken to deserve a node.
pub fn nodes_that_help(weights: &[u64], max_nodes: usize) -> usize {
    let most = most_nodes(weights, max_nodes);
    let descending = weighing(weights);
    if most == 0 || descending.is_empty() {
        return most;
    }
    fewest_as_good(&descending, most)
}

fn most_nodes(weights: &[u64], max_nodes: usize) -> usize {
    max_nodes.max(1).min(weights.len())
}

/// The weights above 0 from long to short, short enough for their sum to fit.
fn weighing(weights: &[u64]) -> Vec<u64> {
    let most = u64::MAX / (weights.len() as u64).max(1);
    let mut descending: Vec<u64> = weights
        .iter()
        .filter(|&&weight| weight > 0)
        .map(|&weight| weight.min(most))
        .collect();
    descending.sort_unstable_by(|a, b| b.cmp(a));
    descending
}

fn fewest_as_good(descending: &[u64], most: usize) -> usize {
    let most = most.min(descending.len());
    let target = balance(descending, most).longest();
    fewest_within(descending, target, most).unwrap_or(most)
}

/// Tries numbers of nodes from the smallest that the bound allows.
///
/// One by one, since a heuristic plan may get longer with a node more, which would lead a
/// bisection astray. The bound is so close to what plans reach that few are tried.
fn fewest_within(descending: &[u64], target: u64, most: usize) -> Option<usize> {
    let bounds = Bounds::new(descending);
    (1..=most)
        .filter(|&nodes| bounds.at(nodes) <= target)
        .find(|&nodes| balance(descending, nodes).longest() <= target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_nodes_that_meet_the_target() {
        let weights = [4, 4, 4, 3, 3, 3];
        for (target, nodes) in [(21, 1), (20, 2), (11, 2), (10, 3), (7, 3), (6, 5), (4, 6)] {
            assert_eq!(
                nodes_for_target(&weights, target, 10),
                nodes,
                "target {target}"
            );
        }
    }

    #[test]
    fn a_target_out_of_reach_takes_what_helps() {
        assert_eq!(
            nodes_for_target(&[10, 5, 5], 7, 8),
            2,
            "10 is the longest whatever we do"
        );
        assert_eq!(nodes_for_target(&[5; 12], 7, 4), 4);
        assert_eq!(
            nodes_for_target(&[5; 9], 7, 4),
            3,
            "a fourth node would still leave one with 15"
        );
    }

    #[test]
    fn helping_ends_at_the_longest_item() {
        assert_eq!(nodes_that_help(&[100, 40, 30, 30], 10), 2);
        assert_eq!(nodes_that_help(&[1, 1, 1], 10), 3);
        assert_eq!(nodes_that_help(&[7], 10), 1);
    }

    #[test]
    fn edges() {
        assert_eq!(nodes_for_target(&[], 5, 5), 0);
        assert_eq!(nodes_that_help(&[], 5), 0);
        assert_eq!(nodes_for_target(&[3, 3], 5, 0), 1);
        assert_eq!(nodes_that_help(&[3, 3], 0), 1);
        assert_eq!(nodes_for_target(&[0, 0], 5, 2), 1);
        assert_eq!(nodes_that_help(&[0, 0, 0], 2), 2);
        assert_eq!(nodes_for_target(&[3, 3], 0, 9), 2);
        assert_eq!(nodes_for_target(&[u64::MAX; 4], 1, 3), 2);
    }
}
