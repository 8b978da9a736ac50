//! Finds the optimum for suites that are small enough to try everything relevant.
//!
//! Branch and bound: assigns items, from longest to shortest, to every node that could still
//! improve on the best plan so far. Stops after a fixed number of steps instead of a time, so that
//! every machine stops at the same point, and keeps the best plan so far.

use crate::shares::Shares;

/// Larger suites are left to `exchange`, which is as good there and never slow.
pub(crate) const FEW_ITEMS: usize = 16;

/// More than the ways to partition 10 items (Bell numbers), so the result is optimal for up to 10
/// items.
const STEPS: usize = 250_000;

/// Replaces `shares` by the best plan found; stops at `bound`.
pub(crate) fn search(descending: &[u64], shares: &mut Shares, bound: u64) {
    let nodes = shares.loads.len();
    let mut search = Search {
        descending,
        bound,
        steps: STEPS,
        loads: vec![0; nodes],
        node_of: vec![0; descending.len()],
        best: shares.longest(),
        best_node_of: None,
    };
    search.place(0, 0);
    if let Some(node_of) = search.best_node_of {
        *shares = Shares::empty(nodes);
        for (rank, (&weight, node)) in descending.iter().zip(node_of).enumerate() {
            shares.push(node, rank, weight);
        }
    }
}

struct Search<'a> {
    descending: &'a [u64],
    bound: u64,
    steps: usize,
    loads: Vec<u64>,
    node_of: Vec<usize>,
    best: u64,
    best_node_of: Option<Vec<usize>>,
}

impl Search<'_> {
    /// Tries every node for `rank` and those after it. The first `used` nodes are not empty.
    fn place(&mut self, rank: usize, used: usize) {
        let Some(&weight) = self.descending.get(rank) else {
            self.best = self.loads.iter().copied().max().unwrap_or_default();
            self.best_node_of = Some(self.node_of.clone());
            return;
        };
        // Empty nodes are interchangeable, so try one of them.
        for node in 0..self.loads.len().min(used + 1) {
            if self.best <= self.bound || self.steps == 0 {
                return;
            }
            let load = self.loads[node];
            if load + weight >= self.best || self.loads[..node].contains(&load) {
                continue;
            }
            self.steps -= 1;
            self.loads[node] = load + weight;
            self.node_of[rank] = node;
            self.place(rank + 1, used.max(node + 1));
            self.loads[node] = load;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::longest_first::longest_first;

    #[test]
    fn finds_plans_that_longest_first_misses() {
        let weights = [5, 5, 4, 4, 3, 3, 3];
        let mut shares = longest_first(&weights, 3);
        assert_eq!(shares.longest(), 11);
        search(&weights, &mut shares, 9);
        assert_eq!(shares.longest(), 9);
        assert_eq!(shares.items.iter().map(Vec::len).sum::<usize>(), 7);
    }

    #[test]
    fn keeps_the_start_if_nothing_is_better() {
        let weights = [10, 10, 10];
        let start = longest_first(&weights, 2);
        let mut shares = start.clone();
        search(&weights, &mut shares, 0);
        assert_eq!(shares, start);
    }
}
