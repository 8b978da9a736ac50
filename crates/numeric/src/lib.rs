//! Logarithms and exponentials that are identical on every machine.
//!
//! The standard library uses those of the platform, whose last digits differ. These use only basic
//! arithmetic, which IEEE 754 defines exactly, so that two servers agree about each test.

use std::f64::consts::{LN_2, LOG2_E, PI, SQRT_2};

/// 1, 1/3, 1/5 and so on: multiplying is faster than dividing.
const ODD_RECIPROCALS: [f64; 12] = odd_reciprocals();
/// 1, 1/2, 1/6 and so on, from 1/0! on.
const FACTORIAL_RECIPROCALS: [f64; 15] = factorial_reciprocals();

const fn odd_reciprocals() -> [f64; 12] {
    let mut reciprocals = [0.0; 12];
    let (mut index, mut divisor) = (0, 1.0);
    while index < reciprocals.len() {
        reciprocals[index] = 1.0 / divisor;
        divisor += 2.0;
        index += 1;
    }
    reciprocals
}

const fn factorial_reciprocals() -> [f64; 15] {
    let mut reciprocals = [0.0; 15];
    let (mut index, mut number, mut factorial) = (0, 1.0, 1.0);
    while index < reciprocals.len() {
        reciprocals[index] = 1.0 / factorial;
        factorial *= number;
        number += 1.0;
        index += 1;
    }
    reciprocals
}

/// The value of a polynomial with these coefficients, the lowest power first.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    let highest_first = coefficients.iter().rev();
    highest_first.fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// Natural logarithm of a positive normal number.
pub fn ln(x: f64) -> f64 {
    const EXPONENT: u64 = 0x7FF << 52;
    const ONE: u64 = 1023 << 52;
    let bits = x.to_bits();
    let mut exponent = signed(bits >> 52) - 1023.0;
    let mut mantissa = f64::from_bits((bits & !EXPONENT) | ONE);
    if mantissa > SQRT_2 {
        mantissa /= 2.0;
        exponent += 1.0;
    }
    // ln m = 2 (t + t³/3 + t⁵/5 + …) with t = (m - 1) / (m + 1), at most 0.172.
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    exponent * LN_2 + 2.0 * t * polynomial(&ODD_RECIPROCALS, t * t)
}

/// e to the power of `x`; 0 below -700, and wrong above 709, where the result is too large.
pub fn exp(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    let twos = (x * LOG2_E + 0.5).floor().min(1023.0);
    let rest = x - twos * LN_2;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 13 and 2046"
    )]
    let exponent = (twos + 1023.0) as u64;
    polynomial(&FACTORIAL_RECIPROCALS, rest) * f64::from_bits(exponent << 52)
}

/// Natural logarithm of n!.
pub fn ln_factorial(n: u32) -> f64 {
    if n < 32 {
        return (2..=n).map(|factor| ln(f64::from(factor))).sum();
    }
    // Stirling's series; the first omitted term is below 1e-11.
    let n = f64::from(n);
    let square = n * n;
    n * ln(n) - n
        + 0.5 * ln(2.0 * PI * n)
        + (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * square)) / square) / n
}

/// A share of at most 1 in parts per million, rounded.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped before"
)]
pub fn ppm(share: f64) -> u32 {
    (share.clamp(0.0, 1.0) * 1e6).round() as u32
}

/// An exponent of 11 bits as a float.
#[expect(clippy::cast_precision_loss, reason = "has 11 bits")]
fn signed(exponent: u64) -> f64 {
    exponent as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_library() {
        for step in 1..4_000_u32 {
            let x = f64::from(step) / 700.0;
            for x in [x, x * 1e-9, x * 1e9] {
                let error = (ln(x) - x.ln()).abs();
                assert!(error <= 1e-14 * x.ln().abs().max(1.0), "ln {x}: {error}");
            }
            let x = 20.0 - f64::from(step) / 5.7;
            let ratio = exp(x) / x.exp();
            assert!((ratio - 1.0).abs() < 1e-12, "exp {x}: {ratio}");
        }
        assert!(exp(-701.0) == 0.0 && exp(-1e300) == 0.0);
    }

    #[test]
    fn factorials_are_continuous_where_the_method_changes() {
        let mut exact = 0.0;
        for n in 1..400_u32 {
            exact += f64::from(n).ln();
            assert!((ln_factorial(n) - exact).abs() < 1e-9, "{n}");
        }
        assert!(ln_factorial(0).abs() < f64::EPSILON);
    }

    #[test]
    fn shares_are_rounded_and_clamped() {
        let shares = [-1.0, 0.0, 0.000_000_6, 0.8, 1.0, 7.0, f64::NAN];
        assert_eq!(shares.map(ppm), [0, 0, 1, 800_000, 1_000_000, 1_000_000, 0]);
    }
}
