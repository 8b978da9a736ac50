//! Splits items of any type.
//!
//! Sorts the items, so that their input order does not matter, balances their weights, and compares
//! the result with a round-robin plan.

use crate::balance::balance;
use crate::shares::Shares;

/// An item and its expected duration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Item<T> {
    /// Its order breaks ties between equal weights and sorts the items of a node.
    pub value: T,
    /// In any unit, the same for all items of a plan; usually microseconds.
    pub weight: u64,
}

/// The share of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<T> {
    /// Ordered by value: a list in path order is readable, and keeps the examples of a file
    /// together, so that its set-up runs once.
    pub items: Vec<Item<T>>,
    /// The sum of the weights; saturates.
    pub total: u64,
}

/// Splits the items so that the longest node is as short as possible.
///
/// - Every item is in exactly one node. There are exactly `nodes` nodes, including empty ones; 0
///   counts as 1, because no item may be lost.
/// - The plan depends on the items only, not on their order.
/// - The longest node is never longer than with [`round_robin`](crate::round_robin), and at most
///   `4/3 - 1/(3 * nodes)` times the optimum (Graham 1969). In practice it is within a few
///   millionths of [`lower_bound`](crate::lower_bound).
/// - Items of equal weight, including 0, are spread evenly by count.
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

/// The node of each weight. The weights are ordered by the values of their items.
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
    let in_turn: Vec<usize> = (0..weights.len())
        .map(|position| position % nodes)
        .collect();
    if longest(weights, &in_turn, nodes) < longest(weights, &node_of, nodes) {
        return in_turn;
    }
    assign_weightless(weights, &shares, nodes, &mut node_of);
    node_of
}

/// Assigns items of weight 0 in turn, starting with the least loaded node.
fn assign_weightless(weights: &[u64], shares: &Shares, nodes: usize, node_of: &mut [usize]) {
    let mut turns: Vec<usize> = (0..nodes).collect();
    turns.sort_unstable_by_key(|&node| (shares.loads[node], shares.items[node].len(), node));
    let mut turn = turns.into_iter().cycle();
    for (position, &weight) in weights.iter().enumerate() {
        if weight == 0 {
            node_of[position] = turn.next().unwrap_or_default();
        }
    }
}

/// The exact load of the longest node. Fewer than 2^64 weights cannot overflow `u128`.
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
    fn splits_no_items_into_empty_nodes() {
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
    fn treats_zero_nodes_as_one() {
        assert_eq!(plan(&[1, 2], 0).len(), 1);
        assert_eq!(plan(&[1, 2], 0)[0].total, 3);
        assert_eq!(plan(&[], 0).len(), 1);
    }

    #[test]
    fn leaves_nodes_empty_with_fewer_items() {
        assert_eq!(totals(&[5, 7], 4), [0, 0, 5, 7]);
        assert_eq!(totals(&[9], 3), [0, 0, 9]);
    }

    #[test]
    fn improves_on_longest_first() {
        assert_eq!(totals(&[3, 3, 2, 2, 2], 2), [6, 6]);
        assert_eq!(totals(&[5, 5, 4, 4, 3, 3, 3], 3), [9, 9, 9]);
    }

    #[test]
    fn spreads_equal_weights_by_count() {
        assert_eq!(counts(&[7; 10], 4), [2, 2, 3, 3]);
        assert_eq!(counts(&[0; 10], 4), [2, 2, 3, 3]);
    }

    #[test]
    fn spreads_weightless_items_evenly() {
        let mut weights = vec![0; 9];
        weights.extend([100, 1, 1]);
        let plan = plan(&weights, 3);
        for node in plan {
            assert_eq!(node.items.iter().filter(|item| item.weight == 0).count(), 3);
        }
    }

    #[test]
    fn huge_weights_do_not_overflow() {
        let plan = plan(&[u64::MAX, u64::MAX, u64::MAX, u64::MAX - 1, 1, 0], 2);
        assert_eq!(plan.iter().map(|node| node.items.len()).sum::<usize>(), 6);
        assert!(
            plan.iter()
                .all(|node| node.total == u64::MAX && node.items.len() == 3)
        );
    }

    #[test]
    fn sorts_items_of_a_node_by_value() {
        let items = ["spec/c", "spec/a", "spec/d", "spec/b"].map(|value| Item { value, weight: 1 });
        let plan = split(items.to_vec(), 1);
        let values: Vec<&str> = plan[0].items.iter().map(|item| item.value).collect();
        assert_eq!(values, ["spec/a", "spec/b", "spec/c", "spec/d"]);
    }
}
