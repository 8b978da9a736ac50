//! The guard against outages: if many tests fail together, their failures are no evidence of
//! flakiness.
//!
//! It only decides which executions count in scores and reliability, never who caused a failure
//! (§2 of the design).

use std::collections::{BTreeMap, BTreeSet};

/// A suite of fewer tests has its own limits.
const SMALL_SUITE: u32 = 100;
/// Tests of a run that have to share a new cause to be part of an outage.
pub const MIN_SHARED_CAUSE: usize = 10;

/// Tests of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Distinct tests that passed or failed.
    pub tests: u32,
    /// Of those, the tests whose first execution in the run failed.
    pub failed_first: u32,
}

impl RunCounts {
    /// Whether so many tests fail that the run tells nothing about single tests.
    pub fn is_outage(self) -> bool {
        let (min, percent) = if self.tests < SMALL_SUITE {
            (5, 50)
        } else {
            (20, 20)
        };
        self.failed_first >= min && is_share(self.failed_first, self.tests, percent)
    }
}

/// Tests whose first execution in their run is in one upload. Retries are not counted: an upload
/// that holds nothing but retries has mostly failures, and is no outage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UploadCounts {
    /// Distinct tests that passed or failed.
    pub tests: u32,
    /// Of those, the tests whose first execution failed.
    pub failed: u32,
    /// Whether the runner reported errors outside tests.
    pub has_errors_outside_tests: bool,
}

impl UploadCounts {
    /// Whether so many tests failed that the upload tells nothing about single tests.
    pub fn is_outage(self) -> bool {
        let most = self.tests >= 10 && is_share(self.failed, self.tests, 50);
        most || self.has_errors_outside_tests && is_share(self.failed, self.tests, 20)
    }
}

fn is_share(part: u32, whole: u32, percent: u64) -> bool {
    part > 0 && u64::from(part) * 100 >= u64::from(whole) * percent
}

/// A test whose first execution in a run failed and a later one on the same commit passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Unique in the suite.
    pub test: u32,
    /// The half of the failure's fingerprint that identifies the message.
    pub message: u32,
}

/// The tests of one run whose failures have one new cause: at least ten with the same message,
/// which the default branch did not have in the last seven days.
pub fn shared_cause(
    recovered: &[Recovered],
    is_known_message: impl Fn(u32) -> bool,
) -> BTreeSet<u32> {
    let mut by_message: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for one in recovered {
        by_message.entry(one.message).or_default().push(one.test);
    }
    by_message
        .into_iter()
        .filter(|(message, tests)| tests.len() >= MIN_SHARED_CAUSE && !is_known_message(*message))
        .flat_map(|(_, tests)| tests)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_an_outage_if_a_fifth_of_its_tests_fail() {
        let cases = [
            (1_000, 199, false),
            (1_000, 200, true),
            (100, 19, false),
            (100, 20, true),
            (99, 49, false),
            (99, 50, true),
            (8, 4, false),
            (8, 5, true),
            (0, 0, false),
            (u32::MAX, u32::MAX, true),
        ];
        for (tests, failed_first, expected) in cases {
            let run = RunCounts {
                tests,
                failed_first,
            };
            assert_eq!(run.is_outage(), expected, "{run:?}");
        }
    }

    #[test]
    fn an_upload_is_an_outage_if_half_of_it_fails() {
        let cases = [
            (10, 5, false, true),
            (9, 9, false, false),
            (100, 49, false, false),
            (9, 2, true, true),
            (100, 19, true, false),
            (0, 0, true, false),
        ];
        for (tests, failed, has_errors_outside_tests, expected) in cases {
            let upload = UploadCounts {
                tests,
                failed,
                has_errors_outside_tests,
            };
            assert_eq!(upload.is_outage(), expected, "{upload:?}");
        }
    }

    #[test]
    fn ten_tests_with_a_new_message_share_a_cause() {
        let recovered = |tests: u32| -> Vec<Recovered> {
            let of = |message| move |test| Recovered { test, message };
            (0..tests).map(of(7)).chain((100..105).map(of(8))).collect()
        };
        let none = BTreeSet::new();
        assert_eq!(shared_cause(&recovered(9), |_| false), none);
        assert_eq!(shared_cause(&recovered(10), |message| message == 7), none);
        assert_eq!(shared_cause(&recovered(10), |_| false), (0..10).collect());
    }
}
