//! Which failures count as caused by the change of a build (§6 of the design).

use crate::share::Share;

/// A run in which more than this share of the executed items failed is a breakdown.
const BREAKDOWN: Share = Share::from_percent(30);
/// Items that pass this often on the commit of their failure are too unreliable.
const MAX_UNRELIABLE: Share = Share::from_percent(30);

/// What is known of an item that failed in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailedItem {
    /// The item is muted.
    pub is_muted: bool,
    /// It also passed on the same commit: on retry, or in another run.
    pub passed_on_commit: bool,
    /// Whether it passed in the latest finished run of the default branch before; `None` if it was
    /// not in that run.
    pub passed_on_default_branch: Option<bool>,
    /// Its failures of the last 90 days, and how many of them passed on the same commit.
    pub failures: u32,
    /// See `failures`.
    pub failures_with_pass: u32,
}

impl FailedItem {
    /// Whether the change of the run caused the failure, as far as that is known.
    pub fn is_caused_by_change(&self) -> bool {
        let unreliable = u64::from(self.failures_with_pass) * u64::from(Share::ALL.ppm());
        let limit = u64::from(self.failures) * u64::from(MAX_UNRELIABLE.ppm());
        let is_unreliable = self.failures > 0 && unreliable >= limit;
        !self.is_muted
            && !self.passed_on_commit
            && self.passed_on_default_branch == Some(true)
            && !is_unreliable
    }
}

/// Whether a run says nothing about its change: too many executed items failed, or there were
/// errors outside tests.
pub fn is_breakdown(executed: u32, failed: u32, has_errors_outside_tests: bool) -> bool {
    let share = u64::from(failed) * u64::from(Share::ALL.ppm());
    let limit = u64::from(executed) * u64::from(BREAKDOWN.ppm());
    has_errors_outside_tests || share > limit
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUSED: FailedItem = FailedItem {
        is_muted: false,
        passed_on_commit: false,
        passed_on_default_branch: Some(true),
        failures: 10,
        failures_with_pass: 2,
    };

    #[test]
    fn every_condition_is_necessary() {
        assert!(CAUSED.is_caused_by_change());
        assert!(
            FailedItem {
                failures: 0,
                failures_with_pass: 0,
                ..CAUSED
            }
            .is_caused_by_change()
        );
        let others = [
            FailedItem {
                is_muted: true,
                ..CAUSED
            },
            FailedItem {
                passed_on_commit: true,
                ..CAUSED
            },
            FailedItem {
                passed_on_default_branch: Some(false),
                ..CAUSED
            },
            FailedItem {
                passed_on_default_branch: None,
                ..CAUSED
            },
            FailedItem {
                failures_with_pass: 3,
                ..CAUSED
            },
        ];
        for other in others {
            assert!(!other.is_caused_by_change(), "{other:?}");
        }
    }

    #[test]
    fn breakdowns_have_many_failures_or_errors_outside_tests() {
        assert!(!is_breakdown(10, 3, false));
        assert!(is_breakdown(10, 4, false));
        assert!(is_breakdown(10, 0, true));
        assert!(!is_breakdown(0, 0, false));
    }
}
