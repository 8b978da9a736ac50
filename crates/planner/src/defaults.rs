//! What is assumed of items that have no history.
//!
//! A suite's unknown files are most likely like its known ones, so the median of those it is. How
//! a known item is estimated is `estimate`'s matter.

use test_engine_duration::Micros;

/// What an item is taken to weigh when nothing at all is known: one second.
pub const UNKNOWN_DURATION: Micros = Micros::SECOND;

/// What to assume for items without history, per kind of item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Median of the known estimates; `None` when none is known.
    pub median: Option<Micros>,
    /// Assumed without a median: [`UNKNOWN_DURATION`].
    pub fallback: Micros,
}

impl Defaults {
    /// From the known estimates of one kind (files, examples or selectors).
    pub fn from_known(known: impl IntoIterator<Item = Micros>) -> Self {
        let mut known: Vec<u64> = known.into_iter().map(Micros::get).collect();
        known.sort_unstable();
        let middle = known.len() / 2;
        let median = match known.len() {
            0 => None,
            count if count % 2 == 1 => Some(known[middle]),
            _ => Some(known[middle - 1].midpoint(known[middle])),
        };
        Self {
            median: median.map(Micros::new),
            fallback: UNKNOWN_DURATION,
        }
    }

    /// To assume for an item without history.
    pub fn duration(&self) -> Micros {
        self.median.unwrap_or(self.fallback)
    }
}

#[cfg(test)]
mod tests {
    use super::{Defaults, Micros, UNKNOWN_DURATION};

    #[test]
    fn unknown_items_take_the_median_of_the_known() {
        let assumed = |known: &[u64]| {
            let known = known.iter().copied().map(Micros::new);
            Defaults::from_known(known).duration()
        };
        assert_eq!(assumed(&[]), UNKNOWN_DURATION);
        assert_eq!(Defaults::from_known([]).median, None);
        assert_eq!(assumed(&[9, 1, 5]), Micros::new(5));
        assert_eq!(assumed(&[9, 1, 5, 7]), Micros::new(6));
        assert_eq!(assumed(&[u64::MAX, u64::MAX]), Micros::MAX);
    }
}
