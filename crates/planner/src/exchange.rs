//! Shortens the longest node by repeatedly trading items with another node.
//!
//! Two nodes with few items in total are divided again in the best possible way. Larger ones trade
//! one item for another, or move one. Ends if no such trade shortens the longest node, at the
//! bound, or after a fixed amount of work, which is counted instead of timed so that every machine
//! stops at the same point.

use std::collections::BTreeSet;

use crate::shares::Shares;

/// Up to this many items, all 2^11 ways to divide two nodes are tried.
const FEW_ITEMS: usize = 12;

/// Work allowed for any plan, in visited items.
const WORK: usize = 4_000_000;

/// Additional work allowed per item of a plan.
const WORK_PER_ITEM: usize = 100;

/// Improves `shares` in place; never lengthens the longest node.
pub(crate) fn exchange(descending: &[u64], shares: &mut Shares, bound: u64) {
    let mut work = WORK + WORK_PER_ITEM * descending.len();
    let mut by_load: BTreeSet<(u64, usize)> = shares
        .loads
        .iter()
        .enumerate()
        .map(|(node, &load)| (load, node))
        .collect();
    while let Some(&(longest, giver)) = by_load.last() {
        if longest <= bound {
            return;
        }
        let trade = by_load
            .iter()
            .take_while(|&&(load, _)| longest - load > 1)
            .find_map(|&(_, taker)| {
                let (trade, cost) = best_trade(descending, shares, giver, taker);
                work = work.saturating_sub(cost);
                if work == 0 {
                    Some(None)
                } else {
                    trade.map(|trade| Some((taker, trade)))
                }
            })
            .flatten();
        let Some((taker, trade)) = trade else { return };
        for node in [giver, taker] {
            by_load.remove(&(shares.loads[node], node));
        }
        trade.apply(descending, shares, giver, taker);
        for node in [giver, taker] {
            by_load.insert((shares.loads[node], node));
        }
    }
}

enum Trade {
    /// A rank of the giver, and one of the taker in return or none.
    Swap(usize, Option<usize>),
    /// The ranks of the giver and those of the taker after the trade.
    Divide(Vec<usize>, Vec<usize>),
}

impl Trade {
    fn apply(self, descending: &[u64], shares: &mut Shares, giver: usize, taker: usize) {
        match self {
            Self::Swap(given, taken) => {
                shift(&mut shares.items[giver], Some(given), taken);
                shift(&mut shares.items[taker], taken, Some(given));
            }
            Self::Divide(of_giver, of_taker) => {
                shares.items[giver] = of_giver;
                shares.items[taker] = of_taker;
            }
        }
        for node in [giver, taker] {
            shares.loads[node] = shares.items[node]
                .iter()
                .map(|&rank| descending[rank])
                .sum();
        }
    }
}

/// Removes one rank from a sorted list and inserts another.
fn shift(ranks: &mut Vec<usize>, out: Option<usize>, into: Option<usize>) {
    if let Some(Ok(at)) = out.map(|rank| ranks.binary_search(&rank)) {
        ranks.remove(at);
    }
    if let Some(rank) = into {
        let at = ranks.partition_point(|&held| held < rank);
        ranks.insert(at, rank);
    }
}

/// The trade after which the longer of both nodes is shortest, if it is an improvement, and the
/// work that finding it took. The giver is the longer node.
fn best_trade(
    descending: &[u64],
    shares: &Shares,
    giver: usize,
    taker: usize,
) -> (Option<Trade>, usize) {
    let (of_giver, of_taker) = (&shares.items[giver], &shares.items[taker]);
    let gap = shares.loads[giver] - shares.loads[taker];
    let count = of_giver.len() + of_taker.len();
    if count <= FEW_ITEMS {
        (
            divide(descending, of_giver, of_taker, shares.loads[giver]),
            1 << count.saturating_sub(1),
        )
    } else {
        (swap(descending, of_giver, of_taker, gap), count)
    }
}

/// Tries to swap one item of the giver for one or none of the taker.
///
/// A trade moves `given - taken` of load; the ideal is half the gap. Both lists are sorted from
/// longest to shortest, so one pass finds the best partner of every item.
fn swap(descending: &[u64], of_giver: &[usize], of_taker: &[usize], gap: u64) -> Option<Trade> {
    let half = gap / 2;
    let mut best: Option<(u64, usize, Option<usize>)> = None;
    let mut consider = |given: usize, taken: Option<usize>| {
        let moved = descending[given].saturating_sub(taken.map_or(0, |rank| descending[rank]));
        if moved == 0 || moved >= gap {
            return;
        }
        let miss = moved.abs_diff(half);
        if best.is_none_or(|(least, _, _)| miss < least) {
            best = Some((miss, given, taken));
        }
    };
    let mut at = 0;
    for &given in of_giver {
        let wanted = descending[given].saturating_sub(half);
        while of_taker
            .get(at)
            .is_some_and(|&taken| descending[taken] > wanted)
        {
            at += 1;
        }
        consider(given, of_taker.get(at).copied());
        if at > 0 {
            consider(given, Some(of_taker[at - 1]));
        }
    }
    best.map(|(_, given, taken)| Trade::Swap(given, taken))
}

/// Tries every way to divide the items of both nodes.
fn divide(
    descending: &[u64],
    of_giver: &[usize],
    of_taker: &[usize],
    longest: u64,
) -> Option<Trade> {
    let mut ranks = [of_giver, of_taker].concat();
    ranks.sort_unstable();
    let total: u64 = ranks.iter().map(|&rank| descending[rank]).sum();
    // The first item stays, because swapping both nodes as a whole changes nothing. The choices are
    // enumerated as a Gray code, so that each differs from the previous one by one item.
    let (&first, rest) = ranks.split_first()?;
    let mut load = descending[first];
    let (mut best, mut best_code) = (longest, None);
    let mut code = 0_usize;
    for turn in 1..=1_usize << rest.len() {
        let worse = load.max(total - load);
        if worse < best {
            (best, best_code) = (worse, Some(code));
        }
        let bit = turn.trailing_zeros() as usize;
        if let Some(&rank) = rest.get(bit) {
            code ^= 1 << bit;
            if code >> bit & 1 == 1 {
                load += descending[rank];
            } else {
                load -= descending[rank];
            }
        }
    }
    let code = best_code?;
    let (mut staying, mut moving) = (vec![first], Vec::new());
    for (bit, &rank) in rest.iter().enumerate() {
        if code >> bit & 1 == 1 {
            staying.push(rank);
        } else {
            moving.push(rank);
        }
    }
    Some(Trade::Divide(staying, moving))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::longest_first::longest_first;

    fn holding(descending: &[u64], items: &[&[usize]]) -> Shares {
        let mut shares = Shares::empty(items.len());
        for (node, ranks) in items.iter().enumerate() {
            for &rank in *ranks {
                shares.push(node, rank, descending[rank]);
            }
        }
        shares
    }

    #[test]
    fn swaps_items_to_halve_the_gap() {
        let trade = swap(&[10, 9, 4, 3], &[0, 2], &[1, 3], 2);
        assert!(matches!(trade, Some(Trade::Swap(0, Some(1)))));
    }

    #[test]
    fn does_not_move_the_whole_gap() {
        assert!(swap(&[9, 7, 4, 4], &[0, 2], &[1, 3], 2).is_none());
    }

    #[test]
    fn moves_an_item_without_return() {
        let trade = swap(&[8, 5, 5, 3], &[1, 2, 3], &[0], 5);
        assert!(matches!(trade, Some(Trade::Swap(3, None))));
    }

    #[test]
    fn divides_small_nodes_optimally() {
        let weights = [8, 7, 6, 5, 4];
        let mut shares = holding(&weights, &[&[0, 1, 2], &[3, 4]]);
        exchange(&weights, &mut shares, 15);
        assert_eq!(shares.longest(), 15);
    }

    #[test]
    fn comes_close_to_the_bound_with_many_items() {
        let weights: Vec<u64> = (1..=500).rev().collect();
        let mut shares = longest_first(&weights, 7);
        exchange(&weights, &mut shares, 0);
        assert!(
            shares.longest() - 125_250_u64.div_ceil(7) <= 2,
            "{}",
            shares.longest()
        );
        let mut ranks: Vec<usize> = shares.items.concat();
        ranks.sort_unstable();
        assert_eq!(ranks, (0..500).collect::<Vec<_>>());
        assert!(shares.items.iter().all(|node| node.is_sorted()));
    }
}
