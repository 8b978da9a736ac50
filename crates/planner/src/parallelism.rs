//! Chooses the number of nodes.
//!
//! Based on the plan that [`split`](crate::split) would make, not on the mean load, which a plan
//! may not reach.

use crate::balance::balance;
use crate::bounds::Bounds;

/// The smallest number of nodes, at most `max_nodes`, whose longest node takes at most `target`, in
/// the unit of the weights.
///
/// If not even `max_nodes` meet the target, as many as still help: see [`nodes_that_help`]. 0
/// without weights, otherwise at least 1, even if `max_nodes` is 0.
pub fn nodes_for_target(weights: &[u64], target: u64, max_nodes: usize) -> usize {
    let most = clamp_nodes(weights, max_nodes);
    let descending = positive_weights(weights);
    if most == 0 || descending.is_empty() {
        return most.min(1);
    }
    fewest_within(&descending, target, most).unwrap_or_else(|| fewest_as_good(&descending, most))
}

/// The smallest number of nodes whose longest node is as short as with `max_nodes`, or with one
/// node per item if those are fewer. More nodes would only wait for the longest one.
///
/// 0 without weights, otherwise at least 1, even if `max_nodes` is 0. If all weights are 0, there
/// is a node per item.
pub fn nodes_that_help(weights: &[u64], max_nodes: usize) -> usize {
    let most = clamp_nodes(weights, max_nodes);
    let descending = positive_weights(weights);
    if most == 0 || descending.is_empty() {
        return most;
    }
    fewest_as_good(&descending, most)
}

fn clamp_nodes(weights: &[u64], max_nodes: usize) -> usize {
    max_nodes.max(1).min(weights.len())
}

/// The weights above 0 from longest to shortest, clamped so that their sum fits.
fn positive_weights(weights: &[u64]) -> Vec<u64> {
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
/// Not by bisection: a heuristic plan may become longer with an additional node. Plans come so
/// close to the bound that few numbers are tried.
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
    fn finds_the_fewest_nodes_that_meet_the_target() {
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
    fn uses_nodes_that_help_if_the_target_is_out_of_reach() {
        assert_eq!(
            nodes_for_target(&[10, 5, 5], 7, 8),
            2,
            "the longest item takes 10"
        );
        assert_eq!(nodes_for_target(&[5; 12], 7, 4), 4);
        assert_eq!(
            nodes_for_target(&[5; 9], 7, 4),
            3,
            "with a fourth node, one would still have 15"
        );
    }

    #[test]
    fn more_nodes_than_the_longest_item_allows_do_not_help() {
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
