//! How long a test will take, from how long it took.
//!
//! Pure arithmetic on samples that somebody else collected. Slow machines and cold caches leave
//! wild samples, and tests change over time, so the estimate leans on recent runs and lets no
//! single run pull it far.

/// What an item is taken to weigh when nothing at all is known: one second.
pub const UNKNOWN_MICROS: u64 = 1_000_000;

/// Samples from the plan's own branch that make the default branch's dispensable.
pub const ENOUGH_OWN_SAMPLES: usize = 5;

/// One observed duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Microseconds the test took.
    pub micros: u64,
    /// How many runs ago: 0 is the newest run.
    pub age: u32,
}

/// An expected duration, and what stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Expected microseconds.
    pub micros: u64,
    /// Number of samples it was made from.
    pub samples: usize,
}

/// What to assume for items without history, per kind of item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Median of the known estimates in microseconds; `None` when none is known.
    pub median_micros: Option<u64>,
    /// Microseconds to assume without a median: [`UNKNOWN_MICROS`].
    pub default_micros: u64,
}

impl Defaults {
    /// From the known estimates of one kind (files, examples or selectors), in microseconds.
    pub fn from_known(known: impl IntoIterator<Item = u64>) -> Self {
        let mut known: Vec<u64> = known.into_iter().collect();
        known.sort_unstable();
        let middle = known.len() / 2;
        let median_micros = match known.len() {
            0 => None,
            count if count % 2 == 1 => Some(known[middle]),
            _ => Some(known[middle - 1].midpoint(known[middle])),
        };
        Self {
            median_micros,
            default_micros: UNKNOWN_MICROS,
        }
    }

    /// The microseconds to assume for an item without history.
    pub fn micros(&self) -> u64 {
        self.median_micros.unwrap_or(self.default_micros)
    }
}

/// Weight of a sample of the newest run. Integers, because the last digit of a power of a fraction
/// may differ between machines, and then plans would.
const NEWEST: u64 = 1 << 32;

/// Each run back, a sample counts this many 256ths of the one after it (0.97). By the replays of
/// `examples/simulate`: low enough to follow a test that changed, high enough that steady noise is
/// averaged away as well as a plain mean would.
const RETAINED_OF_256: u64 = 248;

/// The expected duration, or `None` without samples. Their order does not matter.
///
/// The mean of the samples, those of recent runs weighing more, after wild ones are drawn in to
/// two and a half times the median, or two fifths of it. A mean and not the median, because what a node takes is
/// the sum of its tests, and only means add up.
pub fn estimate(samples: &[Sample]) -> Option<Estimate> {
    let mut weighed: Vec<(u64, u64)> = samples
        .iter()
        .map(|sample| (sample.micros, recency(sample.age)))
        .collect();
    weighed.sort_unstable();
    let median = weighted_median(&weighed)?;
    let median = u128::from(median);
    let (least, most) = (median * 2 / 5, median * 5 / 2);
    let (sum, weight) = weighed
        .iter()
        .fold((0_u128, 0_u128), |(sum, total), &(micros, weight)| {
            let weight = u128::from(weight);
            (
                sum + u128::from(micros).clamp(least, most) * weight,
                total + weight,
            )
        });
    let micros = u64::try_from(sum / weight).unwrap_or(u64::MAX);
    Some(Estimate {
        micros,
        samples: samples.len(),
    })
}

/// The estimate for a plan of one branch: from the branch's own samples when there are
/// [`ENOUGH_OWN_SAMPLES`], else from the default branch's, else from what the branch has.
pub fn choose(default_branch: &[Sample], own_branch: &[Sample]) -> Option<Estimate> {
    if own_branch.len() >= ENOUGH_OWN_SAMPLES || default_branch.is_empty() {
        estimate(own_branch)
    } else {
        estimate(default_branch)
    }
}

/// What a sample of that age counts; never nothing.
fn recency(age: u32) -> u64 {
    // After this many runs the weight has reached its floor, whatever the age.
    let steps = age.min(256);
    (0..steps)
        .fold(NEWEST, |weight, _| weight * RETAINED_OF_256 / 256)
        .max(1)
}

/// The value at which half of the weight is reached, of pairs sorted by value.
fn weighted_median(weighed: &[(u64, u64)]) -> Option<u64> {
    let total: u128 = weighed.iter().map(|&(_, weight)| u128::from(weight)).sum();
    let mut reached = 0;
    weighed.iter().find_map(|&(micros, weight)| {
        reached += u128::from(weight);
        (2 * reached >= total).then_some(micros)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest_first(micros: &[u64]) -> Vec<Sample> {
        (0..)
            .zip(micros)
            .map(|(age, &micros)| Sample { micros, age })
            .collect()
    }

    fn micros(samples: &[u64]) -> u64 {
        estimate(&newest_first(samples)).map_or(0, |estimate| estimate.micros)
    }

    #[test]
    fn nothing_is_known_of_nothing() {
        assert_eq!(estimate(&[]), None);
        assert_eq!(choose(&[], &[]), None);
    }

    #[test]
    fn steady_tests_are_estimated_exactly() {
        assert_eq!(
            estimate(&newest_first(&[700; 4])),
            Some(Estimate {
                micros: 700,
                samples: 4
            })
        );
        assert_eq!(micros(&[0, 0]), 0);
        assert_eq!(micros(&[u64::MAX; 3]), u64::MAX);
    }

    #[test]
    fn one_hung_run_hardly_matters() {
        let estimate = micros(&[1000, 1000, 600_000, 1000, 1000, 1000, 1000, 1000]);
        assert!((1000..1400).contains(&estimate), "{estimate}");
        let estimate = micros(&[1000, 1000, 0, 1000, 1000, 1000, 1000, 1000]);
        assert!((900..1000).contains(&estimate), "{estimate}");
    }

    #[test]
    fn a_test_that_changed_is_followed() {
        let slower = micros(&[2000, 2000, 2000, 2000, 2000, 1000, 1000, 1000, 1000, 1000]);
        assert!(slower > 1500, "{slower}");
        let before = micros(&[1000, 1000, 1000, 1000, 1000, 2000, 2000, 2000, 2000, 2000]);
        assert!(before < 1500, "{before}");
    }

    #[test]
    fn order_of_samples_does_not_matter() {
        let mut samples = newest_first(&[5, 9, 2, 7, 7, 1]);
        let expected = estimate(&samples);
        samples.reverse();
        assert_eq!(estimate(&samples), expected);
        samples.swap(1, 4);
        assert_eq!(estimate(&samples), expected);
    }

    #[test]
    fn ancient_samples_still_count_when_they_are_all_there_is() {
        let ancient = [
            Sample {
                micros: 40,
                age: u32::MAX,
            },
            Sample {
                micros: 60,
                age: u32::MAX,
            },
        ];
        assert_eq!(estimate(&ancient).map(|estimate| estimate.micros), Some(50));
    }

    #[test]
    fn the_own_branch_needs_enough_samples() {
        let (default_branch, few, many) = (
            newest_first(&[10]),
            newest_first(&[20; 4]),
            newest_first(&[20; 5]),
        );
        let chosen = |default: &[Sample], own: &[Sample]| {
            choose(default, own).map(|estimate| estimate.micros)
        };
        assert_eq!(chosen(&default_branch, &few), Some(10));
        assert_eq!(chosen(&default_branch, &many), Some(20));
        assert_eq!(chosen(&[], &few), Some(20));
    }

    #[test]
    fn unknown_items_take_the_median_of_the_known() {
        assert_eq!(Defaults::from_known([]).micros(), UNKNOWN_MICROS);
        assert_eq!(Defaults::from_known([]).median_micros, None);
        assert_eq!(Defaults::from_known([9, 1, 5]).micros(), 5);
        assert_eq!(Defaults::from_known([9, 1, 5, 7]).micros(), 6);
        assert_eq!(
            Defaults::from_known([u64::MAX, u64::MAX]).micros(),
            u64::MAX
        );
    }
}
