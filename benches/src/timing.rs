//! Measures time in milliseconds.

use std::time::Instant;

/// The milliseconds that `work` took, and its result.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64() * 1e3, result)
}

/// 0 for an empty list.
pub(crate) fn median(mut milliseconds: Vec<f64>) -> f64 {
    milliseconds.sort_unstable_by(f64::total_cmp);
    milliseconds
        .get(milliseconds.len() / 2)
        .copied()
        .unwrap_or_default()
}

/// What the same work takes with and without something, in milliseconds, one after the other each
/// time.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    pub(crate) with: Vec<f64>,
    pub(crate) without: Vec<f64>,
}

impl Turns {
    /// Measures both in each round; neither is always the first.
    pub(crate) fn take(
        rounds: usize,
        mut measure: impl FnMut(bool, usize) -> anyhow::Result<f64>,
    ) -> anyhow::Result<Self> {
        let mut turns = Self::default();
        let mut is_with_first = true;
        for round in 0..rounds {
            for is_with in [is_with_first, !is_with_first] {
                let time = measure(is_with, round)?;
                if is_with {
                    turns.with.push(time);
                } else {
                    turns.without.push(time);
                }
            }
            is_with_first = !is_with_first;
        }
        Ok(turns)
    }

    /// The speed with it, as a share of that without: the median over the rounds, so that a machine
    /// that slows down slows both.
    pub(crate) fn speed(&self) -> f64 {
        let rounds = self.without.iter().zip(&self.with);
        median(rounds.map(|(without, with)| without / with).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Turns, median};

    #[test]
    fn both_take_turns_in_going_first() {
        let mut order = Vec::new();
        let turns = Turns::take(3, |is_with, round| {
            order.push((is_with, round));
            // The machine gets slower and slower.
            let slowness = f64::from(1_u8 << round);
            Ok(slowness * if is_with { 5.0 } else { 4.0 })
        });
        let expected = [
            (true, 0),
            (false, 0),
            (false, 1),
            (true, 1),
            (true, 2),
            (false, 2),
        ];
        assert_eq!(order, expected);
        assert!((turns.unwrap().speed() - 0.8).abs() < f64::EPSILON);
    }

    #[test]
    fn median_of_odd_and_empty_lists() {
        assert!((median(vec![9.0, 1.0, 5.0]) - 5.0).abs() < f64::EPSILON);
        assert!(median(vec![]).abs() < f64::EPSILON);
    }
}
