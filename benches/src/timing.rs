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

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn median_of_odd_and_empty_lists() {
        assert!((median(vec![9.0, 1.0, 5.0]) - 5.0).abs() < f64::EPSILON);
        assert!(median(vec![]).abs() < f64::EPSILON);
    }
}
