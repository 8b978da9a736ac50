//! How slow a node was: the durations of other tests in an upload over their medians.
//!
//! A sample of tests is enough. It consists of the tests whose scattered ids are the smallest, so
//! uploads with the same tests have the same sample.

use std::collections::HashMap;

use test_engine_duration::Micros;
use test_engine_results::Outcome;

use crate::segment::StoredExecution;

/// Tests of the sample.
const SAMPLE: usize = 50;
/// With fewer tests that have a median, nothing is said of an upload.
const MIN_TESTS: usize = 3;
/// Durations that a median needs.
const MIN_DURATIONS: usize = 5;

#[derive(Debug, Default)]
pub(super) struct Neighbours {
    /// By upload, tests with their durations.
    samples: HashMap<i64, Vec<(i64, Micros)>>,
}

impl Neighbours {
    /// Adds the executions of an upload other than those of `test`.
    pub(super) fn add(&mut self, upload: i64, test: i64, executions: &[StoredExecution]) {
        let is_usable = |one: &&StoredExecution| {
            one.test_id != test && one.outcome == Outcome::Passed && one.is_first == Some(true)
        };
        let timed = executions.iter().filter(is_usable);
        let mut sample: Vec<(i64, Micros)> = timed
            .filter_map(|one| Some((one.test_id, one.duration?)))
            .collect();
        if sample.len() > SAMPLE {
            sample.select_nth_unstable_by_key(SAMPLE, |(test, _)| scattered(*test));
            sample.truncate(SAMPLE);
        }
        self.samples.insert(upload, sample);
    }

    /// In percent, by upload. An upload of which too little is known is left out.
    pub(super) fn slowness(&self) -> HashMap<i64, u32> {
        let mut durations: HashMap<i64, Vec<u64>> = HashMap::new();
        for (test, duration) in self.samples.values().flatten() {
            durations.entry(*test).or_default().push(duration.get());
        }
        let medians: HashMap<i64, u64> = durations
            .into_iter()
            .filter(|(_, durations)| durations.len() >= MIN_DURATIONS)
            .map(|(test, mut durations)| {
                let middle = durations.len() / 2;
                let (_, median, _) = durations.select_nth_unstable(middle);
                (test, *median)
            })
            .collect();
        let slowness = self.samples.iter().filter_map(|(upload, sample)| {
            let known = sample
                .iter()
                .filter_map(|(test, duration)| Some((duration.get(), *medians.get(test)?)));
            let (mut tests, mut total, mut usual) = (0, 0_u128, 0_u128);
            for (duration, median) in known {
                tests += 1;
                total += u128::from(duration);
                usual += u128::from(median);
            }
            let percent = (total * 100).checked_div(usual)?;
            (tests >= MIN_TESTS).then_some((*upload, u32::try_from(percent).unwrap_or(u32::MAX)))
        });
        slowness.collect()
    }
}

/// A number that looks random, but is the same for the same id (the finalizer of SplitMix64).
pub(super) fn scattered(id: i64) -> u64 {
    let mut bits = id.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executions(tests: i64, factor: u64) -> Vec<StoredExecution> {
        let execution = |test: i64| StoredExecution {
            test_id: test,
            duration: Some(Micros::new(factor * (1_000 + test.unsigned_abs()))),
            ..StoredExecution::passed()
        };
        (0..tests).map(execution).collect()
    }

    #[test]
    fn a_slow_upload_is_compared_with_the_medians_of_its_tests() {
        let mut neighbours = Neighbours::default();
        for upload in 0..9 {
            neighbours.add(upload, 0, &executions(300, 10));
        }
        neighbours.add(9, 0, &executions(300, 25));
        neighbours.add(10, 0, &executions(2, 25));
        let slowness = neighbours.slowness();
        assert_eq!(slowness.get(&0), Some(&100));
        assert_eq!(slowness.get(&9), Some(&250));
        assert_eq!(slowness.get(&10), None, "one other test is not enough");
        assert!(neighbours.samples[&9].len() == SAMPLE);
    }
}
