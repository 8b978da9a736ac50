//! Milliseconds of things, and their medians.

use std::time::Instant;

/// The milliseconds something took, and what came of it.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let outcome = work();
    (start.elapsed().as_secs_f64() * 1e3, outcome)
}

/// The middle one; 0 of none.
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
    fn the_middle_one() {
        assert!((median(vec![9.0, 1.0, 5.0]) - 5.0).abs() < f64::EPSILON);
        assert!(median(vec![]).abs() < f64::EPSILON);
    }
}
