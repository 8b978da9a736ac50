//! Lower bounds for the longest node of any plan.
//!
//! Plans are measured against the public bound. The search stops at a tighter one, which applies
//! the same pigeonhole argument to every number of items per node.

/// A lower bound for the longest node, in the unit of the weights.
///
/// The largest of: the mean load of a node (rounded up), the longest item, and the sum of the two
/// shortest of the `nodes + 1` longest items, because two of those share a node. The optimum may be
/// longer. 0 nodes count as 1; saturates.
pub fn lower_bound(weights: &[u64], nodes: usize) -> u64 {
    let nodes = nodes.max(1);
    let mut descending = weights.to_vec();
    descending.sort_unstable_by(|a, b| b.cmp(a));
    let total: u128 = weights.iter().copied().map(u128::from).sum();
    let mean = u64::try_from(total.div_ceil(nodes as u128)).unwrap_or(u64::MAX);
    let longest = descending.first().copied().unwrap_or_default();
    let pair = match (descending.get(nodes - 1), descending.get(nodes)) {
        (Some(&one), Some(&other)) => one.saturating_add(other),
        _ => 0,
    };
    mean.max(longest).max(pair)
}

/// Bounds of a list of weights for any number of nodes.
pub(crate) struct Bounds {
    /// `sums[i]` is the sum of the `i` longest weights.
    sums: Vec<u64>,
}

impl Bounds {
    /// From weights sorted from longest to shortest, whose sum fits.
    pub(crate) fn new(descending: &[u64]) -> Self {
        let mut sums = Vec::with_capacity(descending.len() + 1);
        let mut sum = 0;
        sums.push(sum);
        for weight in descending {
            sum += weight;
            sums.push(sum);
        }
        Self { sums }
    }

    /// The bound for at least one node.
    ///
    /// Of the `k * nodes + 1` longest items, some node has at least `k + 1`, and so at least the
    /// sum of the `k + 1` shortest of them. `k = 0` is the longest item, `k = 1` the pair of
    /// [`lower_bound`].
    pub(crate) fn at(&self, nodes: usize) -> u64 {
        let count = self.sums.len() - 1;
        let mean = self.sums[count].div_ceil(nodes as u64);
        (0..count.div_ceil(nodes))
            .map(|k| self.sums[k * nodes + 1] - self.sums[k * nodes - k])
            .fold(mean, u64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_the_largest_of_three_bounds() {
        assert_eq!(lower_bound(&[1, 2, 3, 5], 2), 6, "mean, rounded up");
        assert_eq!(lower_bound(&[1, 9, 1], 2), 9, "longest");
        assert_eq!(lower_bound(&[4, 4, 4], 2), 8, "pair");
    }

    #[test]
    fn edges() {
        assert_eq!(lower_bound(&[], 3), 0);
        assert_eq!(lower_bound(&[3, 4], 0), 7);
        assert_eq!(lower_bound(&[u64::MAX, u64::MAX, u64::MAX], 2), u64::MAX);
    }

    #[test]
    fn bounds_three_items_per_node() {
        let weights = [10; 9];
        assert_eq!(lower_bound(&weights, 4), 23);
        assert_eq!(Bounds::new(&weights).at(4), 30);
    }

    #[test]
    fn the_tighter_bound_is_never_below_the_public_one() {
        let weights = [90, 71, 70, 44, 30, 12, 9, 9, 9, 2, 1];
        for nodes in 1..15 {
            assert!(
                Bounds::new(&weights).at(nodes) >= lower_bound(&weights, nodes),
                "{nodes} nodes"
            );
        }
    }
}
