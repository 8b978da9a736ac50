//! Assigns sorted items to nodes in turn.
//!
//! The client's fallback plan without a server. Every node of a build computes it from its own copy
//! of the list, so it must depend on nothing else.

/// Item `i` in sorted order goes to node `i mod nodes`. 0 nodes count as 1.
pub fn round_robin<T: Ord>(mut items: Vec<T>, nodes: usize) -> Vec<Vec<T>> {
    let nodes = nodes.max(1);
    items.sort_unstable();
    let mut plan: Vec<Vec<T>> = (0..nodes)
        .map(|_| Vec::with_capacity(items.len().div_ceil(nodes)))
        .collect();
    for (position, item) in items.into_iter().enumerate() {
        plan[position % nodes].push(item);
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assigns_in_sorted_order() {
        assert_eq!(
            round_robin(vec!["c", "a", "e", "b", "d"], 2),
            [vec!["a", "c", "e"], vec!["b", "d"]]
        );
    }

    #[test]
    fn sorts_by_bytes_not_by_letters() {
        assert_eq!(
            round_robin(vec!["b", "Z", "é", "a"], 1),
            [vec!["Z", "a", "b", "é"]]
        );
    }

    #[test]
    fn edges() {
        assert_eq!(round_robin(vec![2, 1], 0), [vec![1, 2]]);
        assert_eq!(round_robin(vec![1], 3), [vec![1], vec![], vec![]]);
        assert_eq!(round_robin(Vec::<u8>::new(), 2), [vec![], vec![]]);
    }
}
