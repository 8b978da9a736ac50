//! Longest first: assigns items, from longest to shortest, to the least loaded node.
//!
//! Graham's rule (1969). It is the start of every plan and the basis of the guarantee; all later
//! steps only shorten it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::shares::Shares;

/// Assigns weights sorted from longest to shortest. Ties go to the node with fewer items, then to
/// the one with the lower number.
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
    fn assigns_the_next_longest_to_the_least_loaded_node() {
        let shares = longest_first(&[5, 4, 3, 3, 3], 2);
        assert_eq!(shares.items, [vec![0, 3], vec![1, 2, 4]]);
        assert_eq!(shares.loads, [8, 10]);
    }
}
