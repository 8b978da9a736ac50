//! Which ranks each node holds, while a plan is being made.
//!
//! A rank is a position in the weights sorted from long to short. Working on ranks keeps the
//! search free of the items' type and makes a node's list, sorted by rank, sorted by weight too.

/// The nodes of a plan in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Ranks per node, ascending: longest item first.
    pub(crate) items: Vec<Vec<usize>>,
    /// Sum of the weights per node.
    pub(crate) loads: Vec<u64>,
}

impl Shares {
    /// As many empty nodes.
    pub(crate) fn empty(nodes: usize) -> Self {
        Self {
            items: vec![Vec::new(); nodes],
            loads: vec![0; nodes],
        }
    }

    /// Gives a rank to a node. Ranks must come in ascending order.
    pub(crate) fn push(&mut self, node: usize, rank: usize, weight: u64) {
        self.items[node].push(rank);
        self.loads[node] += weight;
    }

    /// The load of the longest node.
    pub(crate) fn longest(&self) -> u64 {
        self.loads.iter().copied().max().unwrap_or_default()
    }
}
