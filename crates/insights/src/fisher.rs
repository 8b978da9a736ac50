//! Fisher's exact test of a table of two rows.

use test_engine_numeric::{exp, ln_factorial};

use crate::group::Counts;

/// The probability of at least as many failures inside by chance (one-sided).
pub(crate) fn fisher(inside: Counts, outside: Counts) -> f64 {
    let failed = inside.failed.saturating_add(outside.failed);
    let passed = inside.passed.saturating_add(outside.passed);
    let all_inside = inside.passed.saturating_add(inside.failed);
    let all_outside = outside.passed.saturating_add(outside.failed);
    let all = failed.saturating_add(passed);
    let fixed = [failed, passed, all_inside, all_outside]
        .map(ln_factorial)
        .iter()
        .sum::<f64>()
        - ln_factorial(all);
    let most = failed.min(all_inside);
    let mut sum = 0.0;
    for failed_inside in inside.failed..=most {
        let cells = [
            failed_inside,
            all_inside - failed_inside,
            failed - failed_inside,
            passed.saturating_sub(all_inside - failed_inside),
        ];
        sum += exp(fixed - cells.map(ln_factorial).iter().sum::<f64>());
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_known_tables() {
        // The lady tasting tea, and tables computed with exact rational arithmetic.
        let cases = [
            ((3, 1), (1, 3), 17.0 / 70.0),
            ((4, 0), (0, 4), 1.0 / 70.0),
            ((0, 5), (3, 2), 1.0),
            ((8, 2), (1, 5), 0.024_475_524_475_524_5),
            ((0, 0), (0, 0), 1.0),
        ];
        for ((failed, passed), (failed_outside, passed_outside), expected) in cases {
            let inside = Counts { passed, failed };
            let outside = Counts {
                passed: passed_outside,
                failed: failed_outside,
            };
            let found = fisher(inside, outside);
            assert!(
                (found - expected).abs() < 1e-9,
                "{inside:?} {outside:?}: {found}"
            );
        }
    }
}
