//! Durations in whole microseconds, and every conversion between them and other units.
//!
//! Result files have seconds, milliseconds or nanoseconds, plans have milliseconds, pages have
//! words. In between, everything that measures, stores, sums or plans uses [`Micros`]: integers,
//! because the last digit of a float may differ between machines, and then plans would.

use std::iter::Sum;
use std::time::Duration;

/// A duration in microseconds. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Micros(u64);

impl Micros {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The shortest duration that is not zero.
    pub const ONE: Self = Self(1);
    /// 1,000,000 microseconds.
    pub const SECOND: Self = Self(1_000_000);
    /// The longest duration, about 585,000 years.
    pub const MAX: Self = Self(u64::MAX);

    /// From a number of microseconds.
    pub const fn new(microseconds: u64) -> Self {
        Self(microseconds)
    }

    /// The number of microseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Rounds to the nearest microsecond. Negative numbers and NaN become zero; the largest result
    /// is `i64::MAX` microseconds, which is what databases can store.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and NaN becomes zero"
    )]
    pub fn from_seconds(seconds: f64) -> Self {
        Self(((seconds * 1e6).round() as u64).min(i64::MAX as u64))
    }

    /// The same duration in seconds.
    pub const fn seconds(self) -> f64 {
        self.as_f64() / 1e6
    }

    /// From whole milliseconds.
    pub const fn from_milliseconds(milliseconds: u64) -> Self {
        Self(milliseconds.saturating_mul(1_000))
    }

    /// The same duration in milliseconds, with a fraction.
    pub const fn milliseconds(self) -> f64 {
        self.as_f64() / 1e3
    }

    /// Rounded to the nearest millisecond.
    pub fn rounded_milliseconds(self) -> i64 {
        i64::try_from(self.0.saturating_add(500) / 1_000).unwrap_or(i64::MAX)
    }

    /// The mean of `count` durations with the sum `self`, rounded to the nearest microsecond;
    /// `None` for a count of zero.
    pub fn mean_of(self, count: u64) -> Option<Self> {
        self.0
            .saturating_add(count / 2)
            .checked_div(count)
            .map(Self)
    }

    /// `self + other`, at most [`Micros::MAX`].
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "exact below 2^53 microseconds, 285 years"
    )]
    const fn as_f64(self) -> f64 {
        self.0 as f64
    }
}

impl Sum for Micros {
    fn sum<I: Iterator<Item = Self>>(durations: I) -> Self {
        durations.fold(Self::ZERO, Self::saturating_add)
    }
}

impl From<Micros> for Duration {
    fn from(duration: Micros) -> Self {
        Self::from_micros(duration.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Micros;

    #[test]
    fn seconds_are_rounded_and_clamped() {
        for (seconds, micros) in [
            (0.25, 250_000),
            (0.000_000_6, 1),
            (-1.0, 0),
            (f64::NAN, 0),
            (f64::NEG_INFINITY, 0),
            (f64::INFINITY, i64::MAX as u64),
        ] {
            assert_eq!(Micros::from_seconds(seconds).get(), micros, "{seconds}");
        }
    }

    #[test]
    fn milliseconds_are_rounded_half_up() {
        for (micros, milliseconds) in [
            (0, 0),
            (499, 0),
            (500, 1),
            (1_500, 2),
            (u64::MAX, 18_446_744_073_709_551),
        ] {
            assert_eq!(Micros::new(micros).rounded_milliseconds(), milliseconds);
        }
        assert_eq!(Micros::from_milliseconds(3), Micros::new(3_000));
        assert_eq!(Micros::from_milliseconds(u64::MAX), Micros::MAX);
    }

    #[test]
    fn sums_saturate_and_means_round() {
        let durations = [Micros::MAX, Micros::ONE];
        assert_eq!(durations.into_iter().sum::<Micros>(), Micros::MAX);
        assert_eq!(Micros::new(5).mean_of(2), Some(Micros::new(3)));
        assert_eq!(Micros::new(5).mean_of(0), None);
    }
}
