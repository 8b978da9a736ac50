//! Balances weights over nodes: the order of the steps and when to stop.
//!
//! Longest first, then trades, then MULTIFIT if nodes have few items, then an exact search for tiny
//! suites. Each step can only shorten the longest node, and all steps stop at the bound, which
//! large suites usually reach after the first.

use crate::bounds::Bounds;
use crate::shares::Shares;
use crate::{exact, exchange, first_fit, longest_first};

/// Items per node up to which first-fit finds better packings than trades. It never did with more
/// in measurements.
const FEW_ITEMS_PER_NODE: usize = 4;

/// Bits of the sum of all weights. Two bits of `u64` are spare, so that rounding up cannot
/// overflow.
const SUM_BITS: u32 = 62;

/// Balances positive weights, sorted from longest to shortest, over at least one node.
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

/// The weights without their lowest bits, if their sum would overflow otherwise.
///
/// That takes durations of hundreds of millennia, for which the lost bits do not matter.
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

/// The same shares with the loads of the original weights.
fn widened(mut shares: Shares, descending: &[u64]) -> Shares {
    for (load, ranks) in shares.loads.iter_mut().zip(&shares.items) {
        *load = ranks
            .iter()
            .fold(0, |sum: u64, &rank| sum.saturating_add(descending[rank]));
    }
    shares
}
