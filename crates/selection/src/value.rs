//! The value of each item: what it is likely to find per second (§4 of the design).

use test_engine_duration::Micros;
use test_engine_numeric::{exp, ln};

use crate::catalog::Catalog;
use crate::features::Features;
use crate::weights::Weights;

/// Added to a duration relative to the mean, so that very short items are not infinitely valuable.
const MIN_DURATION: f64 = 0.1;

/// The value of every item, by position, and what else the features say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    values: Vec<f64>,
    known: f64,
}

impl Values {
    /// Values with the fitted weights. `durations` are the planner's estimates, by position.
    pub fn of(features: &Features, durations: &[Micros]) -> Self {
        Self::with_weights(features, durations, &Weights::FITTED)
    }

    /// The same with other weights.
    pub fn with_weights(features: &Features, durations: &[Micros], weights: &Weights) -> Self {
        let scores = scores(features, weights);
        let shift = log_sum_exp(&scores);
        let penalties = duration_penalties(durations);
        let values = scores.iter().zip(penalties);
        Self {
            values: values
                .map(|(score, penalty)| score - shift - penalty)
                .collect(),
            known: features.known,
        }
    }

    /// By position; higher is more valuable.
    pub fn as_slice(&self) -> &[f64] {
        &self.values
    }

    /// The positions of all items, most valuable first, then by name.
    pub fn ranking(&self, catalog: &Catalog) -> Vec<u32> {
        let mut order: Vec<(f64, u32, u32)> = (0..)
            .zip(&self.values)
            .map(|(position, value)| (-value, catalog.name_rank(position as usize), position))
            .collect();
        order.sort_unstable_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
        order.into_iter().map(|item| item.2).collect()
    }

    /// How much is known of the changed files, from 0 to 1.
    pub const fn known(&self) -> f64 {
        self.known
    }
}

/// The terms of the score of one item, in the order of [`Weights::to_array`].
pub fn terms(features: &Features, position: usize) -> [f64; Weights::COUNT] {
    let (known, unknown) = (features.known, 1.0 - features.known);
    let (base, cosine) = (features.base_odds[position], features.cosine[position]);
    let (exact, file) = (features.exact[position], features.file_odds[position]);
    [
        base,
        cosine,
        exact,
        features.folders[position],
        file,
        features.folder_odds[position],
        features.text[position],
        known * file,
        unknown * cosine,
        unknown * exact,
        unknown * base,
    ]
}

fn scores(features: &Features, weights: &Weights) -> Vec<f64> {
    let weights = weights.to_array();
    let score = |position| {
        let terms = terms(features, position);
        terms
            .iter()
            .zip(&weights)
            .map(|(term, weight)| term * weight)
            .sum()
    };
    (0..features.base_odds.len()).map(score).collect()
}

/// ln Σ exp(score); 0 without scores.
fn log_sum_exp(scores: &[f64]) -> f64 {
    let Some(largest) = scores.iter().copied().reduce(f64::max) else {
        return 0.0;
    };
    largest + ln(scores.iter().map(|score| exp(score - largest)).sum())
}

/// ln(d / mean d + 0.1); ln 1.1 for all if no duration is known.
fn duration_penalties(durations: &[Micros]) -> impl Iterator<Item = f64> {
    let sum: f64 = durations
        .iter()
        .map(|duration| duration.milliseconds())
        .sum();
    #[expect(
        clippy::cast_precision_loss,
        reason = "there are fewer than 2^52 items"
    )]
    let mean = sum / durations.len() as f64;
    durations.iter().map(move |duration| {
        let relative = if mean > 0.0 {
            duration.milliseconds() / mean
        } else {
            1.0
        };
        ln(relative + MIN_DURATION)
    })
}
