//! When a quarantined test has proven that it is fixed.

use test_engine_numeric::ln;

/// Passes in a row that prove with 95% confidence that a test fails less than before.
///
/// `rate` is its failure rate on good code, in parts per million. The proof is that it fails at
/// most a quarter as often, or less than once in a hundred executions (§9 of the design).
pub fn clean_passes_needed(rate: u32) -> u32 {
    let bound = f64::from((rate / 4).clamp(10_000, 999_999)) / 1e6;
    let passes = (ln(0.05) / ln(1.0 - bound)).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 299"
    )]
    let passes = passes as u32;
    passes
}

#[cfg(test)]
mod tests {
    use super::clean_passes_needed;

    #[test]
    fn rare_failures_need_many_passes() {
        let cases = [
            (0, 299),
            (40_000, 299),
            (120_000, 99),
            (400_000, 29),
            (u32::MAX, 1),
        ];
        for (rate, expected) in cases {
            assert_eq!(clean_passes_needed(rate), expected, "{rate}");
        }
    }
}
