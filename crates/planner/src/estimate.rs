//! Estimates the duration of a test from past durations.
//!
//! Slow machines and cold caches cause outliers, and tests change over time. So the estimate
//! prefers recent runs, limits the influence of any single run, and ignores samples from before a
//! step.

use test_engine_duration::Micros;

use crate::change::since_change;

/// Runs of a branch from which it has an estimate of its own.
pub const MIN_BRANCH_SAMPLES: usize = 5;

/// One past run, or the mean of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The mean of several runs.
    pub duration: Micros,
    /// How many runs ago; 0 is the newest run.
    pub age: u32,
    /// Number of runs: 1, or those of a day or week with only a known mean.
    pub runs: u32,
}

impl Sample {
    /// A sample of several runs of which only the total and the longest are known, such as those of
    /// a day. If the longest is an outlier, it is limited as in [`estimate`].
    ///
    /// `None` without runs.
    pub fn of_runs(runs: u32, total: Micros, longest: Micros, age: u32) -> Option<Self> {
        let (total, longest) = (total.get(), longest.get());
        let mean = total.checked_div(u64::from(runs))?;
        let others = u64::from(runs - 1);
        let rest = total.saturating_sub(longest);
        let micros = match rest.checked_div(others) {
            Some(usual) if longest > usual.saturating_mul(2) => {
                rest.saturating_add(usual.saturating_mul(2)) / u64::from(runs)
            }
            _ => mean,
        };
        Some(Self {
            duration: Micros::new(micros),
            age,
            runs,
        })
    }
}

/// The result of [`estimate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Expected for the next run.
    pub duration: Micros,
    /// The number of runs it is based on.
    pub samples: usize,
}

/// The samples of an item, by branch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Histories<'a> {
    /// Runs of the default branch.
    pub default_branch: &'a [Sample],
    /// The plan's branch, if it is not the default branch.
    pub own_branch: &'a [Sample],
    /// The latest run of each other branch.
    pub other_branches: &'a [Sample],
    /// Every run, in case no branch has enough.
    pub all: &'a [Sample],
}

/// The weight of the newest sample. An integer, because the last digit of a floating-point power
/// may differ between machines, and so would plans.
const NEWEST: u64 = 1 << 32;

/// Each sample has this many 256ths (0.97) of the weight of the next newer one. Chosen by
/// `examples/simulate`: low enough to follow a test that drifts, high enough to average out steady
/// noise as well as a plain mean.
const RETAINED_OF_256: u64 = 248;

/// The expected duration, or `None` without samples. Their order does not matter.
///
/// The weighted mean of the samples since the latest step, with outliers limited to half and twice
/// the median. A mean instead of the median, because the load of a node is a sum, and only means
/// add up.
pub fn estimate(samples: &[Sample]) -> Option<Estimate> {
    let mut newest_first = samples.to_vec();
    newest_first.sort_unstable_by_key(|sample| (sample.age, sample.duration));
    let durations: Vec<u64> = newest_first
        .iter()
        .map(|sample| sample.duration.get())
        .collect();
    newest_first.truncate(since_change(&durations));

    let mut weighted: Vec<(u64, u128)> = newest_first
        .iter()
        .map(|sample| {
            let runs = u128::from(sample.runs.max(1));
            (
                sample.duration.get(),
                u128::from(recency(sample.age)) * runs,
            )
        })
        .collect();
    weighted.sort_unstable();
    let median = u128::from(low_median(&weighted)?);
    let (least, most) = (median / 2, median * 2);
    let (sum, total) = weighted
        .iter()
        .fold((0_u128, 0_u128), |(sum, total), &(micros, weight)| {
            let limited = u128::from(micros).clamp(least, most);
            (
                sum.saturating_add(limited.saturating_mul(weight)),
                total.saturating_add(weight),
            )
        });
    let runs = newest_first
        .iter()
        .map(|sample| u64::from(sample.runs.max(1)));
    Some(Estimate {
        duration: Micros::new(u64::try_from(sum / total).unwrap_or(u64::MAX)),
        samples: usize::try_from(runs.sum::<u64>()).unwrap_or(usize::MAX),
    })
}

/// The estimate for a plan of a branch: from the branch's own samples if they are
/// [enough](MIN_BRANCH_SAMPLES), otherwise from the default branch's, otherwise from all.
///
/// A default branch with too few runs is combined with the latest run of every other branch if that
/// makes enough: its only run may have been one that hung.
pub fn choose(histories: Histories<'_>) -> Option<Estimate> {
    let Histories {
        default_branch,
        own_branch,
        other_branches,
        all,
    } = histories;
    if runs(own_branch) >= MIN_BRANCH_SAMPLES as u64 {
        return estimate(own_branch);
    }
    let few = runs(default_branch);
    if few == 0 {
        return estimate(own_branch).or_else(|| estimate(all));
    }
    if few >= MIN_BRANCH_SAMPLES as u64 || few + runs(other_branches) < MIN_BRANCH_SAMPLES as u64 {
        return estimate(default_branch);
    }
    let after = default_branch.iter().map(|sample| sample.age).max();
    let behind = other_branches.iter().map(|sample| Sample {
        age: sample
            .age
            .saturating_add(after.unwrap_or_default())
            .saturating_add(1),
        ..*sample
    });
    let together: Vec<Sample> = default_branch.iter().copied().chain(behind).collect();
    estimate(&together)
}

fn runs(samples: &[Sample]) -> u64 {
    samples
        .iter()
        .map(|sample| u64::from(sample.runs.max(1)))
        .sum()
}

/// The weight of a sample of this age, at least 1.
fn recency(age: u32) -> u64 {
    // After this many runs the weight is 1, whatever the age.
    let steps = age.min(256);
    (0..steps)
        .fold(NEWEST, |weight, _| weight * RETAINED_OF_256 / 256)
        .max(1)
}

/// The value at which 45% of the weight are reached, in pairs sorted by value. Of two samples it is
/// the shorter one, because disturbances make tests slow far more often than fast.
fn low_median(weighted: &[(u64, u128)]) -> Option<u64> {
    let total: u128 = weighted.iter().map(|&(_, weight)| weight).sum();
    let mut reached = 0;
    weighted.iter().find_map(|&(micros, weight)| {
        reached += weight;
        (20 * reached >= 9 * total).then_some(micros)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest_first(micros: &[u64]) -> Vec<Sample> {
        (0..)
            .zip(micros)
            .map(|(age, &micros)| Sample {
                duration: Micros::new(micros),
                age,
                runs: 1,
            })
            .collect()
    }

    fn micros(samples: &[u64]) -> u64 {
        estimate(&newest_first(samples)).map_or(0, |estimate| estimate.duration.get())
    }

    #[test]
    fn needs_samples() {
        assert_eq!(estimate(&[]), None);
        assert_eq!(choose(Histories::default()), None);
    }

    #[test]
    fn estimates_steady_tests_exactly() {
        assert_eq!(
            estimate(&newest_first(&[700; 4])),
            Some(Estimate {
                duration: Micros::new(700),
                samples: 4
            })
        );
        assert_eq!(micros(&[0, 0]), 0);
        assert_eq!(micros(&[u64::MAX; 3]), u64::MAX);
    }

    #[test]
    fn limits_one_hung_run() {
        for length in 4..=20 {
            for hung in 0..length {
                let mut samples = vec![1_000; length];
                samples[hung] = 50_000;
                let estimate = micros(&samples);
                assert!(
                    (1_000..1_450).contains(&estimate),
                    "{samples:?}: {estimate}"
                );
                samples[hung] = 20;
                let estimate = micros(&samples);
                assert!((800..=1_000).contains(&estimate), "{samples:?}: {estimate}");
            }
        }
        // With so few samples it is unclear which is right; usually the machine was slow.
        assert!(micros(&[1_000, 50_000]) < 2_000);
        assert!(micros(&[50_000, 1_000]) < 2_000);
    }

    #[test]
    fn averages_noise() {
        // The true mean is 1000.
        let noisy = [700, 1_400, 1_000, 600, 1_300, 900, 1_200, 800, 1_100, 1_000];
        assert!((950..1_050).contains(&micros(&noisy)), "{}", micros(&noisy));
    }

    #[test]
    fn follows_a_step_after_three_runs() {
        for runs_since in 3..=10 {
            let mut samples = vec![2_000; runs_since];
            samples.resize(20, 1_000);
            assert_eq!(micros(&samples), 2_000, "{samples:?}");
        }
        let mut noisy = vec![1_900, 2_200, 2_100];
        noisy.extend([950, 1_100, 1_000, 900, 1_050, 1_000, 980]);
        assert!(micros(&noisy) > 1_900, "{}", micros(&noisy));
        let estimate = estimate(&newest_first(&noisy)).unwrap();
        assert_eq!(estimate.samples, 3, "older samples are ignored");
    }

    #[test]
    fn follows_drift() {
        let slower = micros(&[
            1_300, 1_250, 1_200, 1_150, 1_100, 1_050, 1_000, 950, 900, 850,
        ]);
        let mean = 1_075;
        assert!(slower > mean, "{slower}");
    }

    #[test]
    fn weights_means_by_their_runs() {
        let day = Sample {
            duration: Micros::new(1_000),
            age: 0,
            runs: 9,
        };
        let before = Sample {
            duration: Micros::new(2_000),
            age: 9,
            runs: 1,
        };
        let estimate = estimate(&[before, day]).unwrap();
        assert_eq!(estimate.samples, 10);
        assert!(
            (1_060..1_100).contains(&estimate.duration.get()),
            "{estimate:?}"
        );
    }

    #[test]
    fn the_longest_of_several_runs_is_limited() {
        for (runs, sum, longest, expected) in [
            (1, 700, 700, 700),
            (4, 4_000, 1_000, 1_000),
            (4, 5_000, 2_000, 1_250),
            (4, 53_000, 50_000, 1_250),
            (2, 51_000, 50_000, 1_500),
            (3, 900, 900, 0),
            (2, 0, 0, 0),
        ] {
            let sample = Sample::of_runs(runs, Micros::new(sum), Micros::new(longest), 3);
            let expected = Sample {
                duration: Micros::new(expected),
                age: 3,
                runs,
            };
            assert_eq!(sample, Some(expected), "{sum}");
        }
        assert_eq!(Sample::of_runs(0, Micros::ONE, Micros::ONE, 0), None);
        let absurd = Sample::of_runs(2, Micros::MAX, Micros::MAX, 0).map(|sample| sample.duration);
        assert_eq!(absurd, Some(Micros::ZERO));
    }

    #[test]
    fn sample_order_does_not_matter() {
        let mut samples = newest_first(&[5, 9, 2, 7, 7, 1]);
        let expected = estimate(&samples);
        samples.reverse();
        assert_eq!(estimate(&samples), expected);
        samples.swap(1, 4);
        assert_eq!(estimate(&samples), expected);
    }

    #[test]
    fn uses_old_samples_without_newer_ones() {
        let ancient = [40, 60].map(|micros| Sample {
            duration: Micros::new(micros),
            age: u32::MAX,
            runs: 1,
        });
        assert_eq!(
            estimate(&ancient).map(|estimate| estimate.duration.get()),
            Some(50)
        );
    }

    #[test]
    fn huge_samples_do_not_overflow() {
        let absurd = [Sample {
            duration: Micros::new(u64::MAX),
            age: 0,
            runs: u32::MAX,
        }; 20];
        let estimate = estimate(&absurd).unwrap();
        assert_eq!(estimate.samples, 20 * u32::MAX as usize);
    }

    #[test]
    fn prefers_the_own_branch_with_enough_samples() {
        let (default_branch, few, many) = (
            newest_first(&[10]),
            newest_first(&[20; 4]),
            newest_first(&[20; 5]),
        );
        let chosen = |default_branch: &[Sample], own_branch: &[Sample]| {
            let histories = Histories {
                default_branch,
                own_branch,
                ..Histories::default()
            };
            choose(histories).map(|estimate| estimate.duration.get())
        };
        assert_eq!(chosen(&default_branch, &few), Some(10));
        assert_eq!(chosen(&default_branch, &many), Some(20));
        assert_eq!(chosen(&[], &few), Some(20));
    }

    #[test]
    fn combines_branches_if_the_default_branch_has_few_runs() {
        let usual = newest_first(&[1_000; 6]);
        let chosen = |default_branch: &[u64], other_branches: &[Sample]| {
            let default_branch = newest_first(default_branch);
            let histories = Histories {
                default_branch: &default_branch,
                other_branches,
                all: &usual,
                ..Histories::default()
            };
            choose(histories).map_or(0, |estimate| estimate.duration.get())
        };
        assert!(
            chosen(&[50_000], &usual) < 1_450,
            "{}",
            chosen(&[50_000], &usual)
        );
        assert_eq!(
            chosen(&[50_000], &usual[..3]),
            50_000,
            "too few samples in total"
        );
        assert_eq!(
            chosen(&[3_000; 5], &usual),
            3_000,
            "enough samples of its own"
        );
        assert_eq!(chosen(&[], &usual), 1_000);
    }
}
