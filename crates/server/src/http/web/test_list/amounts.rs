//! Durations and percentages as people write them in a query: `1.5s`, `99.5`. Both are kept as
//! whole numbers, so that printing is exact.

use std::fmt;

use test_engine_duration::Micros;

/// Digits after the decimal point of a duration.
const DURATION_DIGITS: u32 = 6;
/// Digits after the decimal point of a percentage.
const PERCENT_DIGITS: u32 = 4;
/// In microseconds; longer ones first, because some end with others.
const UNITS: [(&str, u64); 6] = [
    ("min", 60_000_000),
    ("us", 1),
    ("ms", 1_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
];

/// A share of 0 to 100 percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Percent(u32);

impl Percent {
    /// In ten-thousandths of a percent.
    #[cfg(test)]
    pub(super) const fn new(parts: u32) -> Self {
        Self(parts)
    }

    /// A number such as `99.5`, with or without `%`; `None` if it is no number of 0 to 100.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = text.strip_suffix('%').unwrap_or(text);
        let parts = decimal(number, PERCENT_DIGITS)?;
        let parts = u32::try_from(parts).ok()?;
        (parts <= 100 * 10_u32.pow(PERCENT_DIGITS)).then_some(Self(parts))
    }

    /// 0 to 100.
    pub(super) fn value(self) -> f64 {
        f64::from(self.0) / f64::from(10_u32.pow(PERCENT_DIGITS))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print_decimal(self.0.into(), PERCENT_DIGITS))
    }
}

/// A duration with its unit, such as `2s`, `1.5min` or `250ms`; `None` if it is not one. Fractions
/// of a microsecond are dropped.
pub(super) fn duration(text: &str) -> Option<Micros> {
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, micros)| Some((text.strip_suffix(name)?, *micros)))?;
    let parts = u128::from(decimal(number.trim_end(), DURATION_DIGITS)?);
    let micros = parts * u128::from(unit) / 10_u128.pow(DURATION_DIGITS);
    u64::try_from(micros).ok().map(Micros::new)
}

/// In the largest unit that needs no more digits than are read again.
pub(super) fn print_duration(duration: Micros) -> String {
    let micros = duration.get();
    match micros {
        0 => "0s".to_owned(),
        _ if micros.is_multiple_of(60_000_000) => format!("{}min", micros / 60_000_000),
        1_000_000.. => format!("{}s", print_decimal(micros, 6)),
        1_000.. => format!("{}ms", print_decimal(micros, 3)),
        _ => format!("{micros}us"),
    }
}

/// A number with at most so many digits after the decimal point, in units of the last one.
fn decimal(text: &str, digits: u32) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_digits = !whole.is_empty() || !fraction.is_empty();
    let kept = u32::try_from(fraction.len()).ok()?;
    if !has_digits || !is_number(whole) || !is_number(fraction) || kept > digits {
        return None;
    }
    let number = |text: &str| {
        if text.is_empty() {
            Some(0)
        } else {
            text.parse().ok()
        }
    };
    let whole: u64 = number(whole)?;
    let fraction: u64 = number(fraction)?;
    let whole = whole.checked_mul(10_u64.pow(digits))?;
    whole.checked_add(fraction * 10_u64.pow(digits - kept))
}

fn print_decimal(parts: u64, digits: u32) -> String {
    let scale = 10_u64.pow(digits);
    let (whole, fraction) = (parts / scale, parts % scale);
    if fraction == 0 {
        return whole.to_string();
    }
    let fraction = format!("{fraction:0width$}", width = digits as usize);
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, micros, printed) in [
            ("2s", 2_000_000, "2s"),
            ("1.5s", 1_500_000, "1.5s"),
            (".25s", 250_000, "250ms"),
            ("500ms", 500_000, "500ms"),
            ("1.25ms", 1_250, "1.25ms"),
            ("7us", 7, "7us"),
            ("2min", 120_000_000, "2min"),
            ("1.5m", 90_000_000, "90s"),
            ("2h", 7_200_000_000, "120min"),
            ("0s", 0, "0s"),
        ] {
            assert_eq!(duration(text), Some(Micros::new(micros)), "{text}");
            assert_eq!(print_duration(Micros::new(micros)), printed, "{text}");
        }
        for text in [
            "",
            "s",
            "2",
            "-1s",
            "1e3s",
            "1.2345678s",
            "99999999999999999h",
            "١s",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn percentages_are_from_0_to_100() {
        for (text, printed) in [
            ("99", "99"),
            ("99.50%", "99.5"),
            ("0", "0"),
            ("100", "100"),
            ("0.0001", "0.0001"),
        ] {
            let percent = Percent::parse(text).unwrap();
            assert_eq!(percent.to_string(), printed);
        }
        for text in ["", "%", "100.1", "-1", "x", "1.00001"] {
            assert_eq!(Percent::parse(text), None, "{text}");
        }
        assert!((Percent::new(995_000).value() - 99.5).abs() < f64::EPSILON);
    }
}
