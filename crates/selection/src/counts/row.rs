//! The decaying counts of one file, folder or suite.

use test_engine_numeric::exp;

/// Commits after which a count is worth half.
const HALF_LIFE: f64 = 300.0;
/// Counts below this are removed when a row changes.
const MIN_COUNT: f32 = 1e-4;

/// How often something happened, and how often each item failed then, as of a clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    clock: u32,
    total: f32,
    /// By item, ascending.
    failures: Vec<(u32, f32)>,
}

/// How much a count is worth that is this many commits old.
fn decay(commits: u32) -> f64 {
    exp(-f64::from(commits) * std::f64::consts::LN_2 / HALF_LIFE)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "counts are stored with 24 bits"
)]
fn stored(count: f64) -> f32 {
    count as f32
}

impl Row {
    /// From what was stored; `failures` in any order, without duplicates.
    pub fn from_parts(clock: u32, total: f32, mut failures: Vec<(u32, f32)>) -> Self {
        failures.sort_unstable_by_key(|failure| failure.0);
        Self {
            clock,
            total,
            failures,
        }
    }

    /// The clock as of which the values are.
    pub const fn clock(&self) -> u32 {
        self.clock
    }

    /// As of the row's clock.
    pub const fn total(&self) -> f32 {
        self.total
    }

    /// Failures of each item as of the row's clock, by ID.
    pub fn failures(&self) -> &[(u32, f32)] {
        &self.failures
    }

    /// How much the values are worth now.
    pub(crate) fn scale(&self, now: u32) -> f64 {
        decay(now.saturating_sub(self.clock))
    }

    /// How often it happened, as of now.
    pub(crate) fn total_at(&self, now: u32) -> f64 {
        f64::from(self.total) * self.scale(now)
    }

    /// How often an item failed, as of now.
    pub(crate) fn failures_at(&self, item: u32, now: u32) -> f64 {
        let found = self
            .failures
            .binary_search_by_key(&item, |failure| failure.0);
        found.map_or(0.0, |at| f64::from(self.failures[at].1) * self.scale(now))
    }

    /// Adds to the total and to these items, which are sorted and distinct.
    pub(crate) fn add(&mut self, now: u32, weight: f64, items: &[u32]) {
        let scale = self.scale(now);
        self.clock = self.clock.max(now);
        self.total = stored(f64::from(self.total) * scale + weight);
        let mut merged = Vec::with_capacity(self.failures.len() + items.len());
        let mut old = self.failures.iter().peekable();
        let mut new = items.iter().peekable();
        loop {
            let next_old = old.peek().map(|failure| failure.0);
            let next_new = new.peek().map(|item| **item);
            let Some(item) = next_old.into_iter().chain(next_new).min() else {
                break;
            };
            let mut count = 0.0;
            if let Some((_, old)) = old.next_if(|failure| failure.0 == item) {
                count += f64::from(*old) * scale;
            }
            if new.next_if(|new| **new == item).is_some() {
                count += weight;
            }
            merged.push((item, stored(count)));
        }
        merged.retain(|failure| failure.1 >= MIN_COUNT);
        merged.shrink_to_fit();
        self.failures = merged;
    }

    /// Adds the counts of another row.
    pub(crate) fn merge(&mut self, now: u32, other: &Self) {
        self.add(now, other.total_at(now), &[]);
        let scale = other.scale(now);
        for (item, count) in &other.failures {
            let count = stored(f64::from(*count) * scale);
            match self
                .failures
                .binary_search_by_key(item, |failure| failure.0)
            {
                Ok(at) => self.failures[at].1 += count,
                Err(at) => self.failures.insert(at, (*item, count)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_decay_by_half_in_300_commits() {
        let mut row = Row::default();
        row.add(10, 2.0, &[3, 5]);
        row.add(310, 1.0, &[4, 5]);
        assert!((row.total_at(310) - 2.0).abs() < 1e-6);
        assert!((row.total_at(610) - 1.0).abs() < 1e-6);
        let found = [3, 4, 5, 6].map(|item| row.failures_at(item, 310));
        for (found, expected) in found.iter().zip([1.0, 1.0, 2.0, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let copy = Row::from_parts(row.clock(), row.total(), row.failures().to_vec());
        assert_eq!(copy, row);
    }

    #[test]
    fn old_counts_are_removed_and_never_overflow() {
        let mut row = Row::default();
        row.add(0, 1.0, &[1]);
        row.add(u32::MAX, 1.0, &[2]);
        assert_eq!(row.failures(), [(2, 1.0)]);
        assert!(row.total().is_finite() && (row.total() - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn merged_rows_have_the_counts_of_both() {
        let (mut left, mut right) = (Row::default(), Row::default());
        left.add(0, 1.0, &[1, 2]);
        right.add(300, 1.0, &[2, 3]);
        left.merge(300, &right);
        assert_eq!(left.failures(), [(1, 0.5), (2, 1.5), (3, 1.0)]);
        assert!((left.total() - 1.5).abs() < f32::EPSILON);
    }
}
