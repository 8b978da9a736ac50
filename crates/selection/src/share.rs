//! Shares in parts per million, so that "95 %" is exact.

use std::fmt;

use test_engine_duration::Micros;

const PPM_PER_PERCENT: f64 = 10_000.0;
const WHOLE: u32 = 1_000_000;

/// A share from 0 to 1, in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// Everything.
    pub const ALL: Self = Self(WHOLE);

    /// From whole percent; more than 100 is [`Share::ALL`].
    pub const fn from_percent(percent: u32) -> Self {
        let ppm = percent.saturating_mul(10_000);
        Self(if ppm > WHOLE { WHOLE } else { ppm })
    }

    /// From parts per million; `None` if it is more than [`Share::ALL`].
    pub const fn from_ppm(ppm: u32) -> Option<Self> {
        if ppm > WHOLE { None } else { Some(Self(ppm)) }
    }

    /// Parses a number of percent between `min` and `max`, such as `95` or `99.9`.
    pub(crate) fn parse_percent(text: &str, min: f64, max: f64) -> Option<Self> {
        let percent: f64 = text.trim().trim_end_matches('%').trim_end().parse().ok()?;
        if !(min..=max).contains(&percent) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 1,000,000, given that 0 <= min and max <= 100"
        )]
        let ppm = (percent * PPM_PER_PERCENT).round() as u32;
        // A positive number of percent never becomes nothing.
        Some(Self(ppm.clamp(u32::from(percent > 0.0), WHOLE)))
    }

    /// In parts per million.
    pub const fn ppm(self) -> u32 {
        self.0
    }

    /// From 0 to 1.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }

    /// What is left.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(WHOLE - self.0)
    }

    /// The largest whole number that is at most this share of `count`.
    pub(crate) fn floor_of(self, count: usize) -> usize {
        // A usize has at most 64 bits and a share 20, so nothing overflows.
        let product = u128::from(self.0) * count as u128 / u128::from(WHOLE);
        usize::try_from(product).unwrap_or(usize::MAX)
    }

    /// This share of a duration, rounded down.
    pub(crate) fn of(self, duration: Micros) -> Micros {
        let product = u128::from(self.0) * u128::from(duration.get()) / u128::from(WHOLE);
        Micros::new(u64::try_from(product).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(self.0) / PPM_PER_PERCENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_are_parsed_within_limits() {
        let parse = |text| Share::parse_percent(text, 0.0, 99.9).map(Share::ppm);
        let cases = [
            ("95", Some(950_000)),
            (" 99.9 % ", Some(999_000)),
            ("0", Some(0)),
            ("0.00000001", Some(1)),
            ("99.91", None),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("ninety", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn parts_are_rounded_down() {
        let five = Share::from_percent(95).rest();
        assert_eq!(
            [19, 20, 39, 40].map(|count| five.floor_of(count)),
            [0, 1, 1, 2]
        );
        assert_eq!(five.of(Micros::new(39)), Micros::ONE);
        assert_eq!(Share::ALL.of(Micros::MAX), Micros::MAX);
        assert_eq!(five.to_string(), "5 %");
        assert_eq!(Share::from_ppm(50_000), Some(five));
        assert_eq!(Share::from_ppm(1_000_001), None);
    }
}
