//! The probability that a test is flaky, and how often it fails on good code (§4 of the design).

use std::sync::LazyLock;

use crate::evidence::Sums;
use test_engine_numeric::{exp, ln, ppm};

/// The prior probability that a commit is bad for a given test: default branch, other branches.
const BAD_COMMIT: [f64; 2] = [0.02, 0.30];
/// The prior probability that a test is sound.
const SOUND: f64 = 0.93;
/// Failure rates below this are sound.
const SOUND_BELOW: f64 = 0.002;
/// The rates of the grid: one, and this many more in geometric steps.
const LOWEST: f64 = 1e-5;
const GEOMETRIC: (f64, f64, u32) = (1e-4, 0.5, 40);

/// The posterior distribution of a test's failure rate on good code, in parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Probability that the rate is at least the threshold of the parameters.
    pub flaky: u32,
    /// Median of the rate.
    pub rate: u32,
    /// 5% quantile of the rate.
    pub low: u32,
    /// 95% quantile of the rate.
    pub high: u32,
}

/// One failure rate, with every logarithm the likelihood needs.
struct Point {
    rate: f64,
    ln_prior: f64,
    ln_fail: f64,
    ln_pass: f64,
    /// By branch (default, other) and number of failures.
    ln_failed: [[f64; 4]; 2],
}

static GRID: LazyLock<Vec<Point>> = LazyLock::new(grid);

fn grid() -> Vec<Point> {
    let (from, to, count) = GEOMETRIC;
    let step = (ln(to) - ln(from)) / f64::from(count - 1);
    let geometric = (0..count).map(|index| exp(ln(from) + step * f64::from(index)));
    let rates: Vec<f64> = std::iter::once(LOWEST).chain(geometric).collect();
    let weight = |rate: f64| {
        if rate < SOUND_BELOW {
            1.0
        } else {
            exp(-0.25 * ln(rate))
        }
    };
    let is_sound = |rate: &&f64| **rate < SOUND_BELOW;
    let sound: f64 = rates
        .iter()
        .filter(is_sound)
        .map(|rate| weight(*rate))
        .sum();
    let all: f64 = rates.iter().map(|rate| weight(*rate)).sum();
    let prior = |rate: f64| {
        if rate < SOUND_BELOW {
            SOUND * weight(rate) / sound
        } else {
            (1.0 - SOUND) * weight(rate) / (all - sound)
        }
    };
    let point = |rate: f64| {
        let failed = |bad: f64| {
            let mut power = 1.0;
            [(); 4].map(|()| {
                power *= rate;
                ln(bad + (1.0 - bad) * power)
            })
        };
        Point {
            rate,
            ln_prior: ln(prior(rate)),
            ln_fail: ln(rate),
            ln_pass: ln(1.0 - rate),
            ln_failed: BAD_COMMIT.map(failed),
        }
    };
    rates.into_iter().map(point).collect()
}

/// The score of a test. `threshold` is the lowest flaky failure rate, in parts per million.
pub fn score(sums: &Sums, threshold: u32) -> Score {
    let weights: Vec<f64> = GRID.iter().map(|point| point.ln_weight(sums)).collect();
    let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = weights
        .into_iter()
        .map(|weight| exp(weight - largest))
        .collect();
    let total: f64 = weights.iter().sum();
    let threshold = f64::from(threshold) / 1e6;
    let points = || GRID.iter().zip(&weights);
    let is_flaky = |point: &Point| point.rate >= threshold;
    let flaky: f64 = points()
        .filter(|(point, _)| is_flaky(point))
        .map(|(_, weight)| weight)
        .sum();
    let quantile = |share: f64| {
        let mut below = 0.0;
        let found = points().find(|(_, weight)| {
            below += *weight;
            below >= share * total
        });
        ppm(found.map_or(0.0, |(point, _)| point.rate))
    };
    Score {
        flaky: ppm(flaky / total),
        rate: quantile(0.5),
        low: quantile(0.05),
        high: quantile(0.95),
    }
}

impl Point {
    fn ln_weight(&self, sums: &Sums) -> f64 {
        let mut weight = self.ln_prior
            + f64::from(sums.mixed_failures) * self.ln_fail
            + f64::from(sums.passes) * self.ln_pass;
        let failed = [&sums.failed_main, &sums.failed_other];
        for (groups, likelihoods) in failed.into_iter().zip(&self.ln_failed) {
            for (count, likelihood) in groups.iter().zip(likelihoods) {
                weight += f64::from(*count) * likelihood;
            }
        }
        weight
    }
}
