//! Fits the weights of the features: the listwise softmax loss, half over each failing item and
//! half over any of them, with a ridge around the weights in use.

use test_engine_selection::{Weights, terms};

use crate::histories::History;
use crate::histories::open_loop::for_each_failing;

const RIDGE: f64 = 1.0;
const ITERATIONS: usize = 2_000;
const FIRST_STEP: f64 = 1e-2;

type Vector = [f64; Weights::COUNT];

/// The terms of every item of a failing build, and whether it failed.
struct Example {
    items: Vec<(Vector, bool)>,
}

fn examples(history: &History) -> Vec<Example> {
    let mut found = Vec::new();
    for_each_failing(history, |_, features, failed| {
        let count = features.base_odds.len();
        let item = |position| (terms(features, position), failed.contains(&position));
        found.push(Example {
            items: (0..count).map(item).collect(),
        });
    });
    found
}

fn dot(left: &Vector, right: &Vector) -> f64 {
    left.iter()
        .zip(right)
        .map(|(left, right)| left * right)
        .sum()
}

fn add(sum: &mut Vector, vector: &Vector, factor: f64) {
    for (sum, value) in sum.iter_mut().zip(vector) {
        *sum += factor * value;
    }
}

impl Example {
    /// The loss, whose gradient is added to `gradient`.
    fn loss(&self, weights: &Vector, gradient: &mut Vector) -> f64 {
        let scores: Vec<f64> = self
            .items
            .iter()
            .map(|(terms, _)| dot(terms, weights))
            .collect();
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exps: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
        let sum: f64 = exps.iter().sum();
        let failed = || {
            self.items
                .iter()
                .zip(&exps)
                .filter(|((_, failed), _)| *failed)
        };
        let failed_sum: f64 = failed().map(|(_, exp)| exp).sum();
        let count = f64::from(u32::try_from(failed().count()).unwrap_or(u32::MAX));
        let mut loss = -0.5 * (failed_sum / sum).ln();
        for ((terms, has_failed), exp) in self.items.iter().zip(&exps) {
            add(gradient, terms, exp / sum);
            if *has_failed {
                loss -= 0.5 * (exp / sum).ln() / count;
                add(gradient, terms, -0.5 * exp / failed_sum - 0.5 / count);
            }
        }
        loss
    }
}

/// The loss and its gradient.
fn loss(histories: &[Vec<Example>], weights: &Vector) -> (f64, Vector) {
    let start = Weights::FITTED.to_array();
    let mut gradient = [0.0; Weights::COUNT];
    let mut loss = 0.0;
    for examples in histories {
        for example in examples {
            loss += example.loss(weights, &mut gradient);
        }
    }
    for ((gradient, weight), start) in gradient.iter_mut().zip(weights).zip(start) {
        loss += 0.5 * RIDGE * (weight - start).powi(2);
        *gradient += RIDGE * (weight - start);
    }
    (loss, gradient)
}

/// Descends along the gradient. A step that does not help is shortened.
fn fit(histories: &[Vec<Example>]) -> (f64, Vector) {
    let mut weights = Weights::FITTED.to_array();
    let (mut best, mut gradient) = loss(histories, &weights);
    let mut step = FIRST_STEP;
    for _ in 0..ITERATIONS {
        let mut tried = weights;
        add(&mut tried, &gradient, -step);
        let (found, its_gradient) = loss(histories, &tried);
        if found < best {
            (best, weights, gradient) = (found, tried, its_gradient);
            step *= 1.2;
        } else {
            step *= 0.5;
        }
    }
    (best, weights)
}

/// Prints each weight in use beside the fitted one.
pub(crate) fn print(histories: &[History]) {
    let examples: Vec<Vec<Example>> = histories.iter().map(examples).collect();
    let start = Weights::FITTED.to_array();
    let (before, _) = loss(&examples, &start);
    let (after, fitted) = fit(&examples);
    println!("# loss {before:.2} -> {after:.2}; weights in use and fitted");
    for ((name, start), fitted) in Weights::NAMES.iter().zip(start).zip(fitted) {
        println!("{name:<15} {start:>7.3} {fitted:>7.3}");
    }
}
