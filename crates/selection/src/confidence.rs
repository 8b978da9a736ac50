//! What is shown of a selection: the share of known failing builds that it would have caught, and
//! how far that can be trusted (§5 of the design).

use test_engine_numeric::{exp, ln, ln_factorial};

/// One minus the confidence of the lower bound.
const BOUND_ERROR: f64 = 0.05;
/// Halvings of the interval that has the bound; more change nothing that is shown.
const HALVINGS: usize = 50;

/// How many known failing builds a selection would have caught.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Confidence {
    /// Known failing builds.
    pub holdouts: u32,
    /// Of these, those that would have been caught.
    pub caught: u32,
}

impl Confidence {
    /// caught / (n + 1): the builds of the past, and the next one counted as missed.
    pub fn shown(self) -> f64 {
        f64::from(self.caught) / (f64::from(self.holdouts) + 1.0)
    }

    /// A share of caught builds that is exceeded with a confidence of 95% (Clopper-Pearson,
    /// one-sided).
    pub fn at_least(self) -> f64 {
        let caught = self.caught.min(self.holdouts);
        if caught == 0 {
            return 0.0;
        }
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if tail(self.holdouts, caught, middle) > BOUND_ERROR {
                high = middle;
            } else {
                low = middle;
            }
        }
        low
    }
}

/// The probability of at least `caught` of `count` if each is caught with this probability.
fn tail(count: u32, caught: u32, probability: f64) -> f64 {
    if probability <= f64::MIN_POSITIVE {
        return 0.0;
    }
    if probability >= 1.0 {
        return 1.0;
    }
    let (odds, rest) = (ln(probability), ln(1.0 - probability));
    let factorial = ln_factorial(count);
    (caught..=count)
        .map(|hits| {
            let choices = factorial - ln_factorial(hits) - ln_factorial(count - hits);
            exp(choices + f64::from(hits) * odds + f64::from(count - hits) * rest)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confidence(holdouts: u32, caught: u32) -> Confidence {
        Confidence { holdouts, caught }
    }

    #[test]
    fn bounds_agree_with_known_values() {
        // Quantiles of the beta distribution: of (k, n - k + 1) at 5%.
        let cases = [
            (212, 203, 0.9530, 0.9271),
            (20, 20, 0.9524, 0.8609),
            (20, 19, 0.9048, 0.7839),
            (1, 1, 0.5, 0.05),
            (1, 0, 0.0, 0.0),
            (0, 0, 0.0, 0.0),
            (300, 150, 0.4983, 0.4510),
        ];
        for (holdouts, caught, shown, at_least) in cases {
            let confidence = confidence(holdouts, caught);
            assert!((confidence.shown() - shown).abs() < 6e-5, "{confidence:?}");
            let found = confidence.at_least();
            assert!((found - at_least).abs() < 6e-5, "{confidence:?}: {found}");
        }
    }

    #[test]
    fn the_bound_rises_with_every_caught_build() {
        for holdouts in [1, 7, 40] {
            let bounds: Vec<f64> = (0..=holdouts)
                .map(|caught| confidence(holdouts, caught).at_least())
                .collect();
            assert!(bounds.is_sorted(), "{bounds:?}");
            assert!(bounds[holdouts as usize] < 1.0);
        }
    }
}
