//! The items of each node while a plan is built, as ranks.
//!
//! A rank is a position in the weights sorted from longest to shortest. With ranks the search is
//! independent of the items' type, and lists sorted by rank are sorted by weight.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// The ranks of each node, ascending: longest item first.
    pub(crate) items: Vec<Vec<usize>>,
    /// The sum of the weights of each node.
    pub(crate) loads: Vec<u64>,
}

impl Shares {
    pub(crate) fn empty(nodes: usize) -> Self {
        Self {
            items: vec![Vec::new(); nodes],
            loads: vec![0; nodes],
        }
    }

    /// Ranks must be added in ascending order.
    pub(crate) fn push(&mut self, node: usize, rank: usize, weight: u64) {
        self.items[node].push(rank);
        self.loads[node] += weight;
    }

    pub(crate) fn longest(&self) -> u64 {
        self.loads.iter().copied().max().unwrap_or_default()
    }
}
