//! Coordinates in whole tenths, so that they are the same on every machine.

use std::fmt::{self, Display};

/// A coordinate or length in tenths of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tenths(pub(crate) u64);

impl Tenths {
    pub(crate) const fn units(units: u64) -> Self {
        Self(units * 10)
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(crate) const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    pub(crate) fn part(self, numerator: u64, denominator: u64) -> Self {
        Self(scaled(self.0, numerator, denominator))
    }
}

impl Display for Tenths {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (units, 0) => write!(formatter, "{units}"),
            (units, tenths) => write!(formatter, "{units}.{tenths}"),
        }
    }
}

/// `value · numerator / denominator`, rounded; 0 for a denominator of 0.
pub(crate) fn scaled(value: u64, numerator: u64, denominator: u64) -> u64 {
    if denominator == 0 {
        return 0;
    }
    let product = u128::from(value) * u128::from(numerator);
    let rounded = (product + u128::from(denominator / 2)) / u128::from(denominator);
    u64::try_from(rounded).unwrap_or(u64::MAX)
}

/// The number of items as a quantity.
pub(crate) fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

/// The place of an item of several that share a width evenly.
#[derive(Clone, Copy)]
pub(crate) struct Slots {
    start: u64,
    width: u64,
    parts: u64,
}

impl Slots {
    /// Slots that share the width.
    pub(crate) fn new(width: Tenths, slots: usize) -> Self {
        Self {
            start: 0,
            width: width.0,
            parts: count(slots).max(1),
        }
    }

    /// At the right end of the width if there are fewer items than `least`.
    pub(crate) fn at_the_end(width: Tenths, items: usize, least: usize) -> Self {
        let parts = count(items.max(least).max(1));
        Self {
            start: parts - count(items),
            width: width.0,
            parts,
        }
    }

    pub(crate) fn left(self, index: usize) -> Tenths {
        Tenths(scaled(self.width, self.start + count(index), self.parts))
    }

    pub(crate) fn middle(self, index: usize) -> Tenths {
        let twice = 2 * (self.start + count(index)) + 1;
        Tenths(scaled(self.width, twice, 2 * self.parts))
    }

    pub(crate) fn step(self) -> Tenths {
        Tenths(self.width / self.parts)
    }
}

/// The least round number that is not below a quantity, at least 1: 1, 2 or 5 times a power of ten.
pub(crate) fn round_up(value: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let round = power.saturating_mul(factor);
            if round >= value {
                return round;
            }
        }
        let Some(next) = power.checked_mul(10) else {
            return u64::MAX;
        };
        power = next;
    }
}

/// Round values from zero to the greatest, at most four without zero.
pub(crate) fn ticks(greatest: u64) -> Vec<u64> {
    let step = round_up(greatest.div_ceil(4).max(1));
    (1..=4)
        .map(|index| step.saturating_mul(index))
        .filter(|tick| *tick <= greatest.max(step))
        .collect()
}

/// The value at a percentage of the sorted values.
pub(crate) fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last * percent + 50) / 100).copied()
}

#[cfg(test)]
mod tests {
    use super::{Slots, Tenths, percentile, round_up, scaled, ticks};

    #[test]
    fn coordinates_have_at_most_one_digit() {
        let shown = [0, 5, 10, 1_234].map(|tenths| Tenths(tenths).to_string());
        assert_eq!(shown, ["0", "0.5", "1", "123.4"]);
    }

    #[test]
    fn scaling_rounds_and_does_not_overflow() {
        assert_eq!(scaled(1_000, 1, 3), 333);
        assert_eq!(scaled(1_000, 2, 3), 667);
        assert_eq!(scaled(7, 1, 0), 0);
        assert_eq!(scaled(u64::MAX, u64::MAX, 1), u64::MAX);
    }

    #[test]
    fn slots_share_the_width_or_stand_at_its_end() {
        let slots = Slots::new(Tenths::units(100), 4);
        assert_eq!((slots.left(3).0, slots.middle(0).0), (750, 125));
        let slots = Slots::at_the_end(Tenths::units(100), 1, 4);
        assert_eq!((slots.left(0).0, slots.step().0), (750, 250));
        assert_eq!(Slots::new(Tenths::units(100), 0).step().0, 1_000);
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0), [1]);
        assert_eq!(ticks(158), [50, 100, 150]);
        assert_eq!(ticks(200), [50, 100, 150, 200]);
        assert_eq!(ticks(23), [10, 20]);
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn percentiles_of_few_values() {
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[7], 90), Some(7));
        assert_eq!(percentile(&[1, 2, 3, 4, 5], 50), Some(3));
        assert_eq!(percentile(&[1, 2, 3, 4, 5], 90), Some(5));
    }
}
