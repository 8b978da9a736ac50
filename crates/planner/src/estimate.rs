//! How long a test will take, from how long it took.
//!
//! Pure arithmetic on samples that somebody else collected. Slow machines and cold caches leave
//! wild samples, and tests change over time, so the estimate leans on recent runs, lets no single
//! run pull it far, and forgets what was before a step.

use test_engine_duration::Micros;

use crate::change::since_change;

/// Runs of a branch that are enough to speak for themselves.
pub const ENOUGH_SAMPLES: usize = 5;

/// One observed duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The mean, when there are several runs.
    pub duration: Micros,
    /// How many runs ago: 0 is the newest run.
    pub age: u32,
    /// Runs that it is made of: 1, or those of a day or week that are known by their mean alone.
    pub runs: u32,
}

impl Sample {
    /// Several runs of which only the sum and the longest are known, such as those of a day.
    /// Should the longest be far from the others, it is drawn in as [`estimate`] would.
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

/// An expected duration, and what stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Expected for the next run.
    pub duration: Micros,
    /// Number of runs it was made from.
    pub samples: usize,
}

/// What is known of an item, by branch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Histories<'a> {
    /// Runs of the default branch.
    pub default_branch: &'a [Sample],
    /// Runs of the plan's own branch, when it is another.
    pub own_branch: &'a [Sample],
    /// The latest run of each other branch: alone they prove little, together they tell what is
    /// usual.
    pub other_branches: &'a [Sample],
    /// Every run, for when no branch has anything to say.
    pub all: &'a [Sample],
}

/// Weight of a sample of the newest run. Integers, because the last digit of a power of a fraction
/// may differ between machines, and then plans would.
const NEWEST: u64 = 1 << 32;

/// Each run back, a sample counts this many 256ths of the one after it (0.97). By the replays of
/// `examples/simulate`: low enough to follow a test that drifts, high enough that steady noise is
/// averaged away as well as a plain mean would.
const RETAINED_OF_256: u64 = 248;

/// The expected duration, or `None` without samples. Their order does not matter.
///
/// The mean of the samples since the latest step, those of recent runs weighing more, after wild
/// ones are drawn in to twice the median, or half of it. A mean and not the median, because what
/// a node takes is the sum of its tests, and only means add up.
pub fn estimate(samples: &[Sample]) -> Option<Estimate> {
    let mut newest_first = samples.to_vec();
    newest_first.sort_unstable_by_key(|sample| (sample.age, sample.duration));
    let durations: Vec<u64> = newest_first
        .iter()
        .map(|sample| sample.duration.get())
        .collect();
    newest_first.truncate(since_change(&durations));

    let mut weighed: Vec<(u64, u128)> = newest_first
        .iter()
        .map(|sample| {
            let runs = u128::from(sample.runs.max(1));
            (
                sample.duration.get(),
                u128::from(recency(sample.age)) * runs,
            )
        })
        .collect();
    weighed.sort_unstable();
    let median = u128::from(low_median(&weighed)?);
    let (least, most) = (median / 2, median * 2);
    let (sum, total) = weighed
        .iter()
        .fold((0_u128, 0_u128), |(sum, total), &(micros, weight)| {
            let drawn_in = u128::from(micros).clamp(least, most);
            (
                sum.saturating_add(drawn_in.saturating_mul(weight)),
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

/// The estimate for a plan of one branch: from the branch's own samples when they are
/// [enough](ENOUGH_SAMPLES), else from the default branch's, else from what there is.
///
/// A default branch with few runs is heard together with the other branches, one run of each, when
/// that makes enough: a single run of it may have been the one that hung.
pub fn choose(histories: Histories<'_>) -> Option<Estimate> {
    let Histories {
        default_branch,
        own_branch,
        other_branches,
        all,
    } = histories;
    if runs(own_branch) >= ENOUGH_SAMPLES as u64 {
        return estimate(own_branch);
    }
    let few = runs(default_branch);
    if few == 0 {
        return estimate(own_branch).or_else(|| estimate(all));
    }
    if few >= ENOUGH_SAMPLES as u64 || few + runs(other_branches) < ENOUGH_SAMPLES as u64 {
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

/// What a sample of that age counts; never nothing.
fn recency(age: u32) -> u64 {
    // After this many runs the weight has reached its floor, whatever the age.
    let steps = age.min(256);
    (0..steps)
        .fold(NEWEST, |weight, _| weight * RETAINED_OF_256 / 256)
        .max(1)
}

/// The value at which nine twentieths of the weight are reached, of pairs sorted by value: of two
/// samples the shorter one, since what goes wrong makes tests slow far more often than fast.
fn low_median(weighed: &[(u64, u128)]) -> Option<u64> {
    let total: u128 = weighed.iter().map(|&(_, weight)| weight).sum();
    let mut reached = 0;
    weighed.iter().find_map(|&(micros, weight)| {
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
    fn nothing_is_known_of_nothing() {
        assert_eq!(estimate(&[]), None);
        assert_eq!(choose(Histories::default()), None);
    }

    #[test]
    fn steady_tests_are_estimated_exactly() {
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
    fn one_hung_run_hardly_matters() {
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
        // With so few there is no telling, but the machine is more often to blame than the test.
        assert!(micros(&[1_000, 50_000]) < 2_000);
        assert!(micros(&[50_000, 1_000]) < 2_000);
    }

    #[test]
    fn noise_is_averaged() {
        // The true mean is 1000.
        let noisy = [700, 1_400, 1_000, 600, 1_300, 900, 1_200, 800, 1_100, 1_000];
        assert!((950..1_050).contains(&micros(&noisy)), "{}", micros(&noisy));
    }

    #[test]
    fn a_test_that_changed_is_followed_after_three_runs() {
        for runs_since in 3..=10 {
            let mut samples = vec![2_000; runs_since];
            samples.resize(20, 1_000);
            assert_eq!(micros(&samples), 2_000, "{samples:?}");
        }
        let mut noisy = vec![1_900, 2_200, 2_100];
        noisy.extend([950, 1_100, 1_000, 900, 1_050, 1_000, 980]);
        assert!(micros(&noisy) > 1_900, "{}", micros(&noisy));
        let estimate = estimate(&newest_first(&noisy)).unwrap();
        assert_eq!(estimate.samples, 3, "what it was before does not count");
    }

    #[test]
    fn a_test_that_drifts_is_followed() {
        let slower = micros(&[
            1_300, 1_250, 1_200, 1_150, 1_100, 1_050, 1_000, 950, 900, 850,
        ]);
        let mean = 1_075;
        assert!(slower > mean, "{slower}");
    }

    #[test]
    fn a_mean_of_many_runs_weighs_as_many() {
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
    fn the_longest_of_several_runs_is_drawn_in() {
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
    fn absurd_samples_do_not_overflow() {
        let absurd = [Sample {
            duration: Micros::new(u64::MAX),
            age: 0,
            runs: u32::MAX,
        }; 20];
        let estimate = estimate(&absurd).unwrap();
        assert_eq!(estimate.samples, 20 * u32::MAX as usize);
    }

    #[test]
    fn the_own_branch_needs_enough_samples() {
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
    fn other_branches_are_heard_when_the_default_branch_has_few_runs() {
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
            "too few to know better"
        );
        assert_eq!(chosen(&[3_000; 5], &usual), 3_000, "it speaks for itself");
        assert_eq!(chosen(&[], &usual), 1_000);
    }
}
