//! Longest first: each item, from long to short, goes to the node that is least busy.
//!
//! Graham's rule of 1969. It is the start of every plan, and what the guarantee rests on; the
//! other steps only ever shorten it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::shares::Shares;

/// Places weights sorted from long to short. Equally busy nodes are told apart by how many items
/// they hold, then by number.
pub(crate) fn longest_first(descending: &[u64], nodes: usize) -> Shares {
    let mut shares = Shares::empty(nodes);
    let mut idle: BinaryHeap<Reverse<(u64, usize, usize)>> =
        (0..nodes).map(|node| Reverse((0, 0, node))).collect();
    for (rank, &weight) in descending.iter().enumerate() {
        if let Some(mut top) = idle.peek_mut() {
            let Reverse((load, count, node)) = &mut *top;
            shares.push(*node, rank, weight);
            *load += weight;
            *count += 1;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_busy_node_takes_the_next_longest() {
        let shares = longest_first(&[5, 4, 3, 3, 3], 2);
        assert_eq!(shares.items, [vec![0, 3], vec![1, 2, 4]]);
        assert_eq!(shares.loads, [8, 10]);
    }
}
