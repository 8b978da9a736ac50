//! The front door: items of any kind become nodes.
//!
//! Puts the items in an order that does not depend on how they came, hands their weights to
//! `balance`, compares the outcome with the plain round-robin, and deals the items out. It decides
//! nothing about balance itself.

use crate::balance::balance;
use crate::shares::Shares;

/// Something to place, and how long it is expected to take.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Item<T> {
    /// What is placed. Its order breaks ties between equal weights and sorts every node.
    pub value: T,
    /// Its size in any unit, the same for all items of a plan: here microseconds.
    pub weight: u64,
}

/// One node's share of the items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<T> {
    /// In the order of their values. Runners read a list in path order as people do, and the
    /// examples of one file stay together, so its set-up runs once.
    pub items: Vec<Item<T>>,
    /// Sum of the weights; stays at `u64::MAX` instead of overflowing.
    pub total: u64,
}

/// Splits the items so that the longest node is as short as we can make it.
///
/// - Every item is in exactly one node. There are exactly `nodes` nodes, empty ones included;
///   0 counts as 1, because leaving items out is never right.
/// - The plan depends on the items alone, not on their order.
/// - The longest node is never longer than with [`round_robin`](crate::round_robin), and at most
///   `4/3 - 1/(3 * nodes)` times the best possible one (Graham 1969). In practice it is within a
///   few millionths of [`lower_bound`](crate::lower_bound).
/// - Items of equal weight are spread by count, items of weight 0 too.
pub fn split<T: Ord>(mut items: Vec<Item<T>>, nodes: usize) -> Vec<Node<T>> {
    let nodes = nodes.max(1);
    items.sort_unstable_by(|a, b| a.value.cmp(&b.value).then(a.weight.cmp(&b.weight)));
    let weights: Vec<u64> = items.iter().map(|item| item.weight).collect();
    let node_of = assign(&weights, nodes);

    let mut counts = vec![0; nodes];
    for &node in &node_of {
        counts[node] += 1;
    }
    let mut plan: Vec<Node<T>> = counts
        .into_iter()
        .map(|count| Node {
            items: Vec::with_capacity(count),
            total: 0,
        })
        .collect();
    for (item, node) in items.into_iter().zip(node_of) {
        let node = &mut plan[node];
        node.total = node.total.saturating_add(item.weight);
        node.items.push(item);
    }
    plan
}

/// The node of each weight, the weights being in the order of their items' values.
fn assign(weights: &[u64], nodes: usize) -> Vec<usize> {
    let mut ranked: Vec<(u64, usize)> = weights
        .iter()
        .enumerate()
        .filter(|&(_, &weight)| weight > 0)
        .map(|(position, &weight)| (weight, position))
        .collect();
    ranked.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let descending: Vec<u64> = ranked.iter().map(|&(weight, _)| weight).collect();
    let shares = balance(&descending, nodes);

    let mut node_of = vec![0; weights.len()];
    for (node, share) in shares.items.iter().enumerate() {
        for &rank in share {
            node_of[ranked[rank].1] = node;
        }
    }
    let deal: Vec<usize> = (0..weights.len())
        .map(|position| position % nodes)
        .collect();
    if longest(weights, &deal, nodes) < longest(weights, &node_of, nodes) {
        return deal;
    }
    deal_weightless(weights, &shares, nodes, &mut node_of);
    node_of
}

/// Deals the items of weight 0 in turn, the least busy node first.
fn deal_weightless(weights: &[u64], shares: &Shares, nodes: usize, node_of: &mut [usize]) {
    let mut turns: Vec<usize> = (0..nodes).collect();
    turns.sort_unstable_by_key(|&node| (shares.loads[node], shares.items[node].len(), node));
    let mut turn = turns.into_iter().cycle();
    for (position, &weight) in weights.iter().enumerate() {
        if weight == 0 {
            node_of[position] = turn.next().unwrap_or_default();
        }
    }
}

/// The longest node's exact load; `u128` because 2^64 weights cannot overflow it.
fn longest(weights: &[u64], node_of: &[usize], nodes: usize) -> u128 {
    let mut loads = vec![0_u128; nodes];
    for (&weight, &node) in weights.iter().zip(node_of) {
        loads[node] += u128::from(weight);
    }
    loads.into_iter().max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(weights: &[u64], nodes: usize) -> Vec<Node<usize>> {
        split(
            weights
                .iter()
                .enumerate()
                .map(|(value, &weight)| Item { value, weight })
                .collect(),
            nodes,
        )
    }

    fn totals(weights: &[u64], nodes: usize) -> Vec<u64> {
        let mut totals: Vec<u64> = plan(weights, nodes).iter().map(|node| node.total).collect();
        totals.sort_unstable();
        totals
    }

    fn counts(weights: &[u64], nodes: usize) -> Vec<usize> {
        let mut counts: Vec<usize> = plan(weights, nodes)
            .iter()
            .map(|node| node.items.len())
            .collect();
        counts.sort_unstable();
        counts
    }

    #[test]
    fn no_items_is_empty_nodes() {
        assert_eq!(
            plan(&[], 3),
            vec![
                Node {
                    items: vec![],
                    total: 0
                };
                3
            ]
        );
    }

    #[test]
    fn no_nodes_counts_as_one_so_that_nothing_is_lost() {
        assert_eq!(plan(&[1, 2], 0).len(), 1);
        assert_eq!(plan(&[1, 2], 0)[0].total, 3);
        assert_eq!(plan(&[], 0).len(), 1);
    }

    #[test]
    fn more_nodes_than_items_leaves_nodes_empty() {
        assert_eq!(totals(&[5, 7], 4), [0, 0, 5, 7]);
        assert_eq!(totals(&[9], 3), [0, 0, 9]);
    }

    #[test]
    fn longest_first_alone_would_miss_this() {
        assert_eq!(totals(&[3, 3, 2, 2, 2], 2), [6, 6]);
        assert_eq!(totals(&[5, 5, 4, 4, 3, 3, 3], 3), [9, 9, 9]);
    }

    #[test]
    fn equal_weights_are_spread_by_count() {
        assert_eq!(counts(&[7; 10], 4), [2, 2, 3, 3]);
        assert_eq!(counts(&[0; 10], 4), [2, 2, 3, 3]);
    }

    #[test]
    fn weightless_items_are_spread_beside_the_others() {
        let mut weights = vec![0; 9];
        weights.extend([100, 1, 1]);
        let plan = plan(&weights, 3);
        for node in plan {
            assert_eq!(node.items.iter().filter(|item| item.weight == 0).count(), 3);
        }
    }

    #[test]
    fn absurd_weights_do_not_overflow() {
        let plan = plan(&[u64::MAX, u64::MAX, u64::MAX, u64::MAX - 1, 1, 0], 2);
        assert_eq!(plan.iter().map(|node| node.items.len()).sum::<usize>(), 6);
        assert!(
            plan.iter()
                .all(|node| node.total == u64::MAX && node.items.len() == 3)
        );
    }

    #[test]
    fn a_node_lists_its_items_by_value() {
        let items = ["spec/c", "spec/a", "spec/d", "spec/b"].map(|value| Item { value, weight: 1 });
        let plan = split(items.to_vec(), 1);
        let values: Vec<&str> = plan[0].items.iter().map(|item| item.value).collect();
        assert_eq!(values, ["spec/a", "spec/b", "spec/c", "spec/d"]);
    }
}
