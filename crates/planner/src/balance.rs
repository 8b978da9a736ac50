//! Weights and a number of nodes, as balanced shares: the order of the steps, and when to stop.
//!
//! Longest-first, then trades, then MULTIFIT where nodes hold few items, then an exact search for
//! tiny suites. Each step can only shorten the longest node, and every step is left out once the
//! bound is met, which for large suites is usually after the first.

use crate::bounds::Bounds;
use crate::shares::Shares;
use crate::{exact, exchange, first_fit, longest_first};

/// Up to this many items a node, first-fit finds packings that trades do not. Measured: with more
/// it never won.
const FEW_ITEMS_PER_NODE: usize = 4;

/// Bits of the sum of all weights. Two are left free, so that rounding up cannot overflow.
const SUM_BITS: u32 = 62;

/// Balances weights sorted from long to short, all above 0, over `nodes` nodes (at least 1).
pub(crate) fn balance(descending: &[u64], nodes: usize) -> Shares {
    match narrowed(descending) {
        Some(narrow) => widened(balance_narrow(&narrow, nodes), descending),
        None => balance_narrow(descending, nodes),
    }
}

fn balance_narrow(descending: &[u64], nodes: usize) -> Shares {
    let bound = Bounds::new(descending).at(nodes);
    let mut shares = longest_first::longest_first(descending, nodes);
    if shares.longest() <= bound {
        return shares;
    }
    exchange::exchange(descending, &mut shares, bound);
    if shares.longest() > bound && descending.len() <= FEW_ITEMS_PER_NODE * nodes {
        let packed = first_fit::multifit(descending, nodes, bound, shares.longest());
        if let Some(mut packed) = packed {
            exchange::exchange(descending, &mut packed, bound);
            if packed.longest() < shares.longest() {
                shares = packed;
            }
        }
    }
    if shares.longest() > bound && descending.len() <= exact::FEW_ITEMS {
        exact::search(descending, &mut shares, bound);
    }
    shares
}

/// The weights with their lowest bits cut off, when their sum would overflow otherwise.
///
/// Only absurd weights get here (microseconds of hundreds of millennia), and then the bits lost
/// are far below what matters.
fn narrowed(descending: &[u64]) -> Option<Vec<u64>> {
    let total: u128 = descending.iter().copied().map(u128::from).sum();
    let excess = (u128::BITS - total.leading_zeros()).saturating_sub(SUM_BITS);
    (excess > 0).then(|| {
        descending
            .iter()
            .map(|weight| weight.checked_shr(excess).unwrap_or_default().max(1))
            .collect()
    })
}

/// The same shares with the loads of the full weights.
fn widened(mut shares: Shares, descending: &[u64]) -> Shares {
    for (load, ranks) in shares.loads.iter_mut().zip(&shares.items) {
        *load = ranks
            .iter()
            .fold(0, |sum: u64, &rank| sum.saturating_add(descending[rank]));
    }
    shares
}
