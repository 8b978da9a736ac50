//! What is assumed of items that have no history.
//!
//! A suite's unknown files are most likely like its known ones, so the median of those it is. How
//! a known item is estimated is `estimate`'s matter.

/// What an item is taken to weigh when nothing at all is known: one second.
pub const UNKNOWN_MICROS: u64 = 1_000_000;

/// What to assume for items without history, per kind of item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Median of the known estimates in microseconds; `None` when none is known.
    pub median_micros: Option<u64>,
    /// Microseconds to assume without a median: [`UNKNOWN_MICROS`].
    pub default_micros: u64,
}

impl Defaults {
    /// From the known estimates of one kind (files, examples or selectors), in microseconds.
    pub fn from_known(known: impl IntoIterator<Item = u64>) -> Self {
        let mut known: Vec<u64> = known.into_iter().collect();
        known.sort_unstable();
        let middle = known.len() / 2;
        let median_micros = match known.len() {
            0 => None,
            count if count % 2 == 1 => Some(known[middle]),
            _ => Some(known[middle - 1].midpoint(known[middle])),
        };
        Self {
            median_micros,
            default_micros: UNKNOWN_MICROS,
        }
    }

    /// The microseconds to assume for an item without history.
    pub fn micros(&self) -> u64 {
        self.median_micros.unwrap_or(self.default_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::{Defaults, UNKNOWN_MICROS};

    #[test]
    fn unknown_items_take_the_median_of_the_known() {
        assert_eq!(Defaults::from_known([]).micros(), UNKNOWN_MICROS);
        assert_eq!(Defaults::from_known([]).median_micros, None);
        assert_eq!(Defaults::from_known([9, 1, 5]).micros(), 5);
        assert_eq!(Defaults::from_known([9, 1, 5, 7]).micros(), 6);
        assert_eq!(
            Defaults::from_known([u64::MAX, u64::MAX]).micros(),
            u64::MAX
        );
    }
}
