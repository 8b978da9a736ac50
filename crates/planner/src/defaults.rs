//! The assumed durations of items without history.
//!
//! Unknown files of a suite are most likely similar to its known ones, so it is their median.

use test_engine_duration::Micros;

/// The assumed duration if nothing is known.
pub const UNKNOWN_DURATION: Micros = Micros::SECOND;

/// The assumed duration of items of one kind without history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// The median of known estimates; `None` without any.
    pub median: Option<Micros>,
    /// Used without a median: [`UNKNOWN_DURATION`].
    pub fallback: Micros,
}

impl Defaults {
    /// From the known estimates of one kind: files, examples or selectors.
    pub fn from_known(known: impl IntoIterator<Item = Micros>) -> Self {
        let mut known: Vec<u64> = known.into_iter().map(Micros::get).collect();
        let (middle, is_even) = (known.len() / 2, known.len().is_multiple_of(2));
        let median = (!known.is_empty()).then(|| {
            let (below, &mut upper, _) = known.select_nth_unstable(middle);
            let lower = below.iter().max().filter(|_| is_even);
            lower.map_or(upper, |lower| lower.midpoint(upper))
        });
        Self {
            median: median.map(Micros::new),
            fallback: UNKNOWN_DURATION,
        }
    }

    /// The duration to assume.
    pub fn duration(&self) -> Micros {
        self.median.unwrap_or(self.fallback)
    }
}

#[cfg(test)]
mod tests {
    use super::{Defaults, Micros, UNKNOWN_DURATION};

    #[test]
    fn assumes_the_median_of_known_items() {
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
