//! Whether more failing builds are missed than promised (§9 of the design).

use crate::settings::{Target, holdouts_for};
use crate::share::Share;
use crate::window::Holdout;

/// How strongly each bet reacts to a miss.
const BETS: [f64; 5] = [0.5, 1.0, 2.0, 4.0, 8.0];
/// The statistic exceeds this with a probability of at most 1 / 20, ever, if the promise is kept.
const LIMIT: f64 = 20.0;
/// The share of 1 / α that a bet may be at most, so that no hit ends it.
const MAX_BET: f64 = 0.9;
/// A bet is not worth less or more than this.
const RANGE: (f64, f64) = (1e-300, 1e300);
/// Holdouts after which selection may be switched on again.
const MIN_TO_RECOVER: usize = 40;

/// The drift statistic: the mean worth of bets on misses. It stays near or below 1 while the
/// promise is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    bets: [f64; BETS.len()],
}

impl Default for Drift {
    fn default() -> Self {
        Self {
            bets: [1.0; BETS.len()],
        }
    }
}

impl Drift {
    /// From what was stored.
    pub const fn from_parts(bets: [f64; 5]) -> Self {
        Self { bets }
    }

    /// The worth of each bet.
    pub const fn bets(&self) -> [f64; 5] {
        self.bets
    }

    /// Adds a holdout, in the order in which they are closed.
    pub fn add(&mut self, is_caught: bool, promise: Share) {
        let alpha = promise.rest().as_f64();
        if alpha <= 0.0 {
            return;
        }
        let surplus = if is_caught { -alpha } else { 1.0 - alpha };
        for (worth, bet) in self.bets.iter_mut().zip(BETS) {
            let factor = 1.0 + bet.min(MAX_BET / alpha) * surplus;
            *worth = (*worth * factor).clamp(RANGE.0, RANGE.1);
        }
    }

    /// The drift statistic.
    pub fn statistic(&self) -> f64 {
        self.bets.iter().map(|worth| worth / 5.0).sum()
    }

    /// Whether misses are too frequent for chance.
    pub fn is_detected(&self) -> bool {
        self.statistic() >= LIMIT
    }
}

/// Whether selection may be switched on again: the newest holdouts, at least 40 and as many as the
/// promise needs, show the promised share. `since` are those closed since it was switched off,
/// oldest first. The statistic starts again then.
pub fn has_recovered(since: &[Holdout], target: Target) -> bool {
    let Some(promise) = target.promise() else {
        return true;
    };
    let needed = MIN_TO_RECOVER.max(holdouts_for(promise) as usize);
    let Some(start) = since.len().checked_sub(needed) else {
        return false;
    };
    let missed = since[start..]
        .iter()
        .filter(|holdout| !holdout.is_caught)
        .count();
    missed < promise.rest().floor_of(needed + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::window::Origin;

    const PROMISE: Share = Share::from_percent(95);

    fn run(results: impl Iterator<Item = bool>) -> Option<usize> {
        let mut drift = Drift::default();
        for (number, is_caught) in results.enumerate() {
            drift.add(is_caught, PROMISE);
            if drift.is_detected() {
                return Some(number + 1);
            }
        }
        None
    }

    #[test]
    fn misses_are_detected_soon_and_hits_never() {
        assert_eq!(run(std::iter::repeat_n(true, 10_000)), None);
        let found = run(std::iter::repeat_n(false, 10)).unwrap();
        assert!(found <= 3, "{found}");
        // Every fifth is missed, four times the promise.
        let found = run((0..200).map(|number| number % 5 != 0)).unwrap();
        assert!((10..60).contains(&found), "{found}");
        // Every twentieth, as promised.
        assert_eq!(run((0..10_000).map(|number| number % 20 != 19)), None);
    }

    #[test]
    fn the_worth_stays_finite_and_can_rise_again() {
        let mut drift = Drift::default();
        for _ in 0..100_000 {
            drift.add(true, PROMISE);
        }
        assert!(drift.statistic() > 0.0);
        for _ in 0..100_000 {
            drift.add(false, PROMISE);
        }
        assert!(drift.is_detected() && drift.statistic().is_finite());
        assert_eq!(Drift::from_parts(drift.bets()), drift);
    }

    #[test]
    fn false_alarms_are_as_rare_as_promised() {
        // A linear congruential generator; 1,000 suites of 500 failing builds.
        let mut state = 1_u64;
        let mut is_missed = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33).is_multiple_of(20)
        };
        let alarms = (0..1_000)
            .filter(|_| {
                let results: Vec<bool> = (0..500).map(|_| !is_missed()).collect();
                run(results.into_iter()).is_some()
            })
            .count();
        assert!((5..=50).contains(&alarms), "{alarms}");
    }

    #[test]
    fn selection_recovers_after_enough_caught_builds() {
        let holdouts = |missed: usize, count: usize| -> Vec<Holdout> {
            let of = |number| Holdout {
                origin: Origin::Observed,
                needed: 0.0,
                time_share: 0.0,
                is_caught: number >= missed,
            };
            (0..count).map(of).collect()
        };
        let target = |percent| Target::Confidence(Share::from_percent(percent));
        let cases = [
            (95, 0, 39, false),
            (95, 0, 40, true),
            (95, 1, 40, true),
            (95, 2, 40, false),
            (95, 30, 70, true),
            // 40 are too few to show 98%, even without a miss.
            (98, 0, 48, false),
            (98, 0, 49, true),
            (98, 1, 49, false),
        ];
        for (promise, missed, count, expected) in cases {
            let found = has_recovered(&holdouts(missed, count), target(promise));
            assert_eq!(found, expected, "{promise} % {missed} of {count}");
        }
    }

    proptest! {
        #[test]
        fn a_miss_raises_the_statistic_and_a_hit_lowers_it(
            results in proptest::collection::vec(any::<bool>(), 0..200),
            percent in 50_u32..100,
        ) {
            let promise = Share::from_percent(percent);
            let mut drift = Drift::default();
            for is_caught in results {
                let before = drift.statistic();
                drift.add(is_caught, promise);
                let after = drift.statistic();
                prop_assert!(after > 0.0 && after.is_finite());
                let is_right = if is_caught { after <= before } else { after >= before };
                prop_assert!(is_right, "{} {} {}", is_caught, before, after);
            }
        }
    }
}
