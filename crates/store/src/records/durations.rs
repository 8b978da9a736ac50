//! A histogram of durations in 16 buckets, and percentiles from it.

use std::array;

use test_engine_duration::Micros;

use super::tests::Metrics;

/// Buckets of a [`DurationHistogram`].
pub(crate) const BUCKETS: usize = 16;

/// The lower bounds of all buckets but the first, in microseconds: 2 ms to 100 s in steps of about
/// 1-2-5, so that a person can name them.
const BOUNDS: [u64; BUCKETS - 1] = [
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
];

/// How many durations are in each bucket. Sums of earlier releases have no histogram, so it may
/// count fewer durations than there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DurationHistogram([u32; BUCKETS]);

impl DurationHistogram {
    /// The histogram that follows from the other sums: of one or two durations, or of several in
    /// one bucket. `None` if only the executions know.
    pub(crate) fn implied(
        timed: u64,
        shortest: Micros,
        longest: Micros,
    ) -> Option<DurationHistogram> {
        let (low, high) = (bucket(shortest), bucket(longest));
        let mut histogram = Self::default();
        match (u32::try_from(timed), timed) {
            (Ok(count), _) if low == high => histogram.0[low] = count,
            (_, 1) => histogram.0[low] = 1,
            (_, 2) => {
                histogram.0[low] = 1;
                histogram.0[high] = 1;
            }
            _ => return None,
        }
        Some(histogram)
    }

    pub(crate) const fn from_counts(counts: [u32; BUCKETS]) -> Self {
        Self(counts)
    }

    pub(crate) const fn counts(&self) -> &[u32; BUCKETS] {
        &self.0
    }

    pub(crate) fn add(&mut self, duration: Micros) {
        let count = &mut self.0[bucket(duration)];
        *count = count.saturating_add(1);
    }

    #[inline]
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0 = array::from_fn(|bucket| self.0[bucket].saturating_add(other.0[bucket]));
    }

    /// The number of durations it counts.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }
}

/// Bucket 0 is below 2 ms, the last one from 100 s.
pub(crate) fn bucket(duration: Micros) -> usize {
    BOUNDS.partition_point(|bound| *bound <= duration.get())
}

impl Metrics {
    /// The duration that `percent` of the executions do not exceed (nearest rank), exact to a
    /// bucket of the histogram: interpolated between the bounds of the bucket, unless it is the
    /// shortest or the longest duration.
    ///
    /// `None` without timed executions, or if the buckets of some of them are unknown because an
    /// earlier release stored their sums.
    pub fn duration_percentile(&self, percent: u8) -> Option<Micros> {
        let (shortest, longest) = (self.duration_min?.get(), self.duration_max?.get());
        if self.timed == 0 || self.durations.total() != self.timed {
            return None;
        }
        let rank = (u128::from(self.timed) * u128::from(percent.min(100)))
            .div_ceil(100)
            .max(1);
        // These two are known exactly.
        if rank == 1 || rank == u128::from(self.timed) {
            return if rank == 1 {
                self.duration_min
            } else {
                self.duration_max
            };
        }
        let mut before = 0;
        for (bucket, count) in self.durations.0.iter().enumerate() {
            let count = u128::from(*count);
            if before + count < rank {
                before += count;
                continue;
            }
            let start = bucket.checked_sub(1).map_or(0, |below| BOUNDS[below]);
            let end = BOUNDS.get(bucket).map_or(u64::MAX, |bound| bound - 1);
            let (start, end) = (start.max(shortest), end.min(longest));
            // The middle of its share of the bucket: durations are taken as spread evenly.
            let share = u128::from(end.saturating_sub(start)) * (2 * (rank - before) - 1);
            let above = u64::try_from(share / (2 * count)).ok()?;
            return Some(Micros::new(start.saturating_add(above)));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn metrics(durations: &[u64]) -> Metrics {
        let mut metrics = Metrics {
            timed: durations.len() as u64,
            duration_min: durations.iter().min().copied().map(Micros::new),
            duration_max: durations.iter().max().copied().map(Micros::new),
            ..Metrics::default()
        };
        for duration in durations {
            metrics.durations.add(Micros::new(*duration));
        }
        metrics
    }

    #[test]
    fn bounds_belong_to_the_bucket_above() {
        for (duration, expected) in [
            (0, 0),
            (1_999, 0),
            (2_000, 1),
            (4_999, 1),
            (5_000, 2),
            (1_000_000, 9),
            (99_999_999, 14),
            (100_000_000, 15),
            (u64::MAX, 15),
        ] {
            assert_eq!(bucket(Micros::new(duration)), expected, "{duration}");
        }
    }

    #[test]
    fn one_duration_is_every_percentile_of_itself() {
        for duration in [0, 1_999, 150_000, i64::MAX.cast_unsigned()] {
            for percent in [0, 50, 99, 100, 255] {
                let found = metrics(&[duration]).duration_percentile(percent);
                assert_eq!(found, Some(Micros::new(duration)), "{percent}");
            }
        }
    }

    #[test]
    fn unknown_buckets_leave_percentiles_unknown() {
        assert_eq!(Metrics::default().duration_percentile(50), None);
        let mut sums = metrics(&[1, 150_000, 3_000_000]);
        assert!(sums.duration_percentile(50).is_some());
        sums.timed += 1;
        assert_eq!(sums.duration_percentile(50), None);
    }

    #[test]
    fn one_slow_execution_in_twenty_shows_in_p99_only() {
        let mut durations = vec![120_000; 19];
        durations.push(30_000_000);
        let metrics = metrics(&durations);
        let percentile = |percent| metrics.duration_percentile(percent).unwrap().get();
        assert_eq!(
            bucket(Micros::new(percentile(50))),
            bucket(Micros::new(120_000))
        );
        assert_eq!(
            bucket(Micros::new(percentile(90))),
            bucket(Micros::new(120_000))
        );
        assert_eq!(
            bucket(Micros::new(percentile(99))),
            bucket(Micros::new(30_000_000))
        );
    }

    fn some_durations() -> impl Strategy<Value = Vec<u64>> {
        let any = prop_oneof![0_u64..300_000_000, 1_000_u64..50_000, Just(u64::MAX >> 1)];
        prop::collection::vec(any, 1..60)
    }

    proptest! {
        #[test]
        fn percentiles_are_in_the_bucket_of_the_nearest_rank(
            durations in some_durations(),
            percent in 1_u8..=100,
        ) {
            let mut sorted = durations.clone();
            sorted.sort_unstable();
            let rank = (sorted.len() * usize::from(percent)).div_ceil(100);
            let exact = sorted[rank - 1];
            let found = metrics(&durations).duration_percentile(percent).unwrap();
            prop_assert_eq!(bucket(found), bucket(Micros::new(exact)));
            prop_assert!(found.get() >= sorted[0]);
            prop_assert!(found.get() <= sorted[sorted.len() - 1]);
        }

        #[test]
        fn percentiles_grow_with_the_rank(durations in some_durations()) {
            let metrics = metrics(&durations);
            let all: Vec<_> = (0..=100).map(|one| metrics.duration_percentile(one)).collect();
            prop_assert!(all.is_sorted());
        }

        #[test]
        fn implied_histograms_are_those_of_the_durations(
            one in 0_u64..200_000_000,
            other in 0_u64..200_000_000,
        ) {
            for durations in [vec![one], vec![one, other]] {
                let metrics = metrics(&durations);
                let ends = (metrics.duration_min.unwrap(), metrics.duration_max.unwrap());
                let implied = DurationHistogram::implied(metrics.timed, ends.0, ends.1);
                prop_assert_eq!(implied, Some(metrics.durations));
            }
        }
    }
}
