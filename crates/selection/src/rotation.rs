//! The rotating sample: some items run in turn, whatever their value (§3 of the design).

use sha2::{Digest as _, Sha256};
use test_engine_duration::Micros;

use crate::holdout::leading_bits;
use crate::postings::index;
use crate::share::Share;

/// Up to where the items of a round were taken. A suite keeps one and moves it with each selected
/// plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RotationPointer {
    /// Each round has its own order.
    pub round: u32,
    /// Items whose hash is below were taken in this round.
    pub taken_below: u64,
}

/// The order of all items in one round. It depends only on the items, so a server keeps it as long
/// as the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationOrder {
    round: u32,
    /// Hashes and positions, sorted.
    order: Vec<(u64, u32)>,
}

impl RotationOrder {
    /// The order of a round. `tests` are the UUIDs of the items, by position.
    pub fn new(round: u32, tests: &[[u8; 16]]) -> Self {
        let hash = |test: &[u8; 16]| {
            let digest = Sha256::new()
                .chain_update(test)
                .chain_update(round.to_be_bytes());
            leading_bits(&digest.finalize())
        };
        let positions = tests.iter().enumerate();
        let mut order: Vec<(u64, u32)> = positions
            .map(|(position, test)| (hash(test), index(position)))
            .collect();
        order.sort_unstable();
        Self { round, order }
    }

    /// The round that this is the order of.
    pub const fn round(&self) -> u32 {
        self.round
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Takes the next items until they fill this share of the time, and at least one. Returns them
    /// with the pointer after them. The end of a round ends the sample, so that every item is taken
    /// once in each round, which has at most 1 / share plans. A pointer of another round starts at
    /// the beginning.
    pub(crate) fn take(
        &self,
        pointer: RotationPointer,
        durations: &[Micros],
        share: Share,
    ) -> (Vec<u32>, RotationPointer) {
        let total = durations
            .iter()
            .fold(Micros::ZERO, |sum, one| sum.saturating_add(*one));
        let budget = share.of(total);
        let start = if pointer.round == self.round {
            self.order
                .partition_point(|item| item.0 < pointer.taken_below)
        } else {
            0
        };
        let mut taken = Vec::new();
        let mut time = Micros::ZERO;
        let mut next = start;
        while let Some((hash, position)) = self.order.get(next) {
            // Equal hashes stay together, because the pointer cannot divide them.
            let is_same = next > start && self.order[next - 1].0 == *hash;
            if !taken.is_empty() && time >= budget && !is_same {
                break;
            }
            time = time.saturating_add(durations[*position as usize]);
            taken.push(*position);
            next += 1;
        }
        let pointer = match self.order.get(next) {
            Some((hash, _)) => RotationPointer {
                round: self.round,
                taken_below: *hash,
            },
            None => RotationPointer {
                round: self.round.wrapping_add(1),
                taken_below: 0,
            },
        };
        (taken, pointer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tests(count: u8) -> Vec<[u8; 16]> {
        (0..count).map(|number| [number; 16]).collect()
    }

    proptest! {
        #[test]
        fn every_item_is_taken_once_in_a_round(
            durations in proptest::collection::vec(0_u64..5_000, 1..60),
            percent in 1_u32..=100,
            round in any::<u32>(),
        ) {
            let durations: Vec<Micros> = durations.into_iter().map(Micros::new).collect();
            let items = tests(u8::try_from(durations.len()).unwrap());
            let order = RotationOrder::new(round, &items);
            let mut pointer = RotationPointer { round, taken_below: 0 };
            let mut counts = vec![0; items.len()];
            let mut plans = 0;
            while pointer.round == round {
                let (taken, next) = order.take(pointer, &durations, Share::from_percent(percent));
                for position in taken {
                    counts[position as usize] += 1;
                }
                pointer = next;
                plans += 1;
            }
            prop_assert!(counts.iter().all(|count| *count == 1), "{counts:?}");
            let total: u64 = durations.iter().map(|duration| duration.get()).sum();
            // With hardly any time to share, each plan takes an item.
            if total >= 100 {
                prop_assert!(plans <= 100_u32.div_ceil(percent) + 1, "{plans} plans");
            }
            prop_assert_eq!((pointer.round, pointer.taken_below), (round.wrapping_add(1), 0));
        }
    }

    #[test]
    fn rounds_have_different_orders_and_take_at_least_one_item() {
        let items = tests(30);
        let [first, second] = [0, 1].map(|round| RotationOrder::new(round, &items));
        let positions = |order: &RotationOrder| order.order.iter().map(|o| o.1).collect::<Vec<_>>();
        assert_ne!(positions(&first), positions(&second));
        let durations = vec![Micros::ZERO; 30];
        let start = RotationPointer::default();
        let (taken, _) = first.take(start, &durations, Share::from_percent(1));
        assert_eq!(taken.len(), 1);
        let (stale, _) = second.take(start, &durations, Share::from_percent(1));
        assert_eq!(stale, [second.order[0].1]);
        let none = RotationOrder::new(0, &[]);
        let (taken, pointer) = none.take(start, &[], Share::from_percent(1));
        assert_eq!((taken.len(), pointer.round), (0, 1));
    }
}
