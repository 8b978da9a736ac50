//! Why a test failed in one run: the change under test, the default branch, or neither
//! (§7 of the design).

use crate::group::GroupOutcome;

/// Groups of the default branch that have to fail for a failure to be also there.
const MAIN_GROUPS: usize = 2;
/// Groups of the default branch before a branch's base that have to pass for a failure to be new.
const GROUPS_BEFORE_BASE: usize = 5;
/// Other branches with the same failure that prove an outage.
const BRANCHES_OF_OUTAGE: u32 = 2;

/// The reason for a failure, in the order in which failures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureVerdict {
    /// It started with this change, as far as is known.
    New,
    /// The default branch fails too.
    AlsoOnMain,
    /// An outage, which is proven.
    Infrastructure,
    /// A known flaky test.
    KnownFlaky,
    /// It passed on retry, and is not known as flaky.
    FlakyHere,
    /// It is muted.
    Muted,
}

/// What is known of a failed test in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureFacts<'a> {
    /// The test is muted.
    pub is_muted: bool,
    /// The guard excludes the failure from scores.
    pub is_guarded: bool,
    /// A later execution in this run passed.
    pub passed_on_retry: bool,
    /// A later run of the same commit passed.
    pub passed_in_later_run: bool,
    /// Unrelated branches that had the same fingerprint within two hours of this run.
    pub branches_with_fingerprint: u32,
    /// The latest groups of the default branch apart from this commit's, newest first.
    pub main: &'a [GroupOutcome],
    /// The alarm of the test is on.
    pub is_alarm_on: bool,
    /// An earlier failure of the test had the same fingerprint.
    pub is_known_fingerprint: bool,
    /// The commit changes the file of the test, or of one of the failure's own frames.
    pub is_changed_here: bool,
}

impl FailureFacts<'_> {
    /// The first verdict that applies. A guarded failure is not an outage without proof, and what
    /// the default branch also has is not proven by other branches: they may be based on it.
    pub fn verdict(&self) -> FailureVerdict {
        if self.is_muted {
            FailureVerdict::Muted
        } else if self.is_proven_outage() {
            FailureVerdict::Infrastructure
        } else if self.is_also_on_main() {
            FailureVerdict::AlsoOnMain
        } else if self.is_known_flaky() {
            FailureVerdict::KnownFlaky
        } else if self.passed_on_retry {
            FailureVerdict::FlakyHere
        } else {
            FailureVerdict::New
        }
    }

    fn is_proven_outage(&self) -> bool {
        let passed_later = self.passed_on_retry || self.passed_in_later_run;
        let is_elsewhere = self.branches_with_fingerprint >= BRANCHES_OF_OUTAGE;
        self.is_guarded && (passed_later || is_elsewhere && !self.is_also_on_main())
    }

    fn is_also_on_main(&self) -> bool {
        let latest = self.main.get(..MAIN_GROUPS);
        latest.is_some_and(|latest| latest.iter().all(|one| *one == GroupOutcome::Failed))
    }

    fn is_known_flaky(&self) -> bool {
        let is_as_before = self.is_known_fingerprint && !self.is_changed_here;
        self.is_alarm_on && (self.passed_on_retry || is_as_before)
    }
}

/// Whether the default branch proves that a failure started on a branch: the last five groups
/// before the branch's base, newest first, all have a pass.
pub fn passed_before_branch(main: &[GroupOutcome]) -> bool {
    let latest = main.get(..GROUPS_BEFORE_BASE);
    latest.is_some_and(|latest| latest.iter().all(|one| *one != GroupOutcome::Failed))
}

#[cfg(test)]
mod tests {
    use super::FailureVerdict::{AlsoOnMain, FlakyHere, Infrastructure, KnownFlaky, Muted, New};
    use super::GroupOutcome::{Failed, Mixed, Passed};
    use super::*;

    const UNKNOWN: FailureFacts<'_> = FailureFacts {
        is_muted: false,
        is_guarded: false,
        passed_on_retry: false,
        passed_in_later_run: false,
        branches_with_fingerprint: 0,
        main: &[],
        is_alarm_on: false,
        is_known_fingerprint: false,
        is_changed_here: false,
    };
    const BROKEN: &[GroupOutcome] = &[Failed, Failed, Passed];
    const RETRIED: FailureFacts<'_> = FailureFacts {
        passed_on_retry: true,
        ..UNKNOWN
    };
    const ALARMED: FailureFacts<'_> = FailureFacts {
        is_alarm_on: true,
        ..UNKNOWN
    };
    const AS_BEFORE: FailureFacts<'_> = FailureFacts {
        is_known_fingerprint: true,
        ..ALARMED
    };
    const GUARDED: FailureFacts<'_> = FailureFacts {
        is_guarded: true,
        ..UNKNOWN
    };

    #[test]
    fn the_first_verdict_that_applies_wins() {
        let cases = [
            (UNKNOWN, New),
            (
                FailureFacts {
                    main: &[Passed, Failed],
                    ..UNKNOWN
                },
                New,
            ),
            (
                FailureFacts {
                    main: &[Failed, Mixed],
                    ..UNKNOWN
                },
                New,
            ),
            (
                FailureFacts {
                    main: &[Failed],
                    ..UNKNOWN
                },
                New,
            ),
            (
                FailureFacts {
                    main: BROKEN,
                    ..UNKNOWN
                },
                AlsoOnMain,
            ),
            (
                FailureFacts {
                    main: BROKEN,
                    is_muted: true,
                    ..RETRIED
                },
                Muted,
            ),
            (RETRIED, FlakyHere),
            (
                FailureFacts {
                    is_alarm_on: true,
                    ..RETRIED
                },
                KnownFlaky,
            ),
            (
                FailureFacts {
                    is_alarm_on: true,
                    is_changed_here: true,
                    ..RETRIED
                },
                KnownFlaky,
            ),
            (ALARMED, New),
            (AS_BEFORE, KnownFlaky),
            (
                FailureFacts {
                    is_changed_here: true,
                    ..AS_BEFORE
                },
                New,
            ),
            (
                FailureFacts {
                    main: BROKEN,
                    ..AS_BEFORE
                },
                AlsoOnMain,
            ),
            (GUARDED, New),
            (
                FailureFacts {
                    main: BROKEN,
                    ..GUARDED
                },
                AlsoOnMain,
            ),
            (
                FailureFacts {
                    passed_in_later_run: true,
                    ..GUARDED
                },
                Infrastructure,
            ),
            (
                FailureFacts {
                    passed_in_later_run: true,
                    ..UNKNOWN
                },
                New,
            ),
            (
                FailureFacts {
                    branches_with_fingerprint: 1,
                    ..GUARDED
                },
                New,
            ),
            (
                FailureFacts {
                    branches_with_fingerprint: 2,
                    ..GUARDED
                },
                Infrastructure,
            ),
            (
                FailureFacts {
                    branches_with_fingerprint: 2,
                    ..UNKNOWN
                },
                New,
            ),
            (
                FailureFacts {
                    branches_with_fingerprint: 2,
                    main: BROKEN,
                    ..GUARDED
                },
                AlsoOnMain,
            ),
        ];
        for (facts, expected) in cases {
            assert_eq!(facts.verdict(), expected, "{facts:?}");
        }
    }

    #[test]
    fn failures_are_ordered_worst_first() {
        let order = [
            New,
            AlsoOnMain,
            Infrastructure,
            KnownFlaky,
            FlakyHere,
            Muted,
        ];
        assert!(order.is_sorted());
    }

    #[test]
    fn a_failure_is_new_if_the_default_branch_passed_before_the_branch_began() {
        assert!(passed_before_branch(&[
            Passed, Mixed, Passed, Passed, Passed, Failed
        ]));
        assert!(!passed_before_branch(&[
            Passed, Mixed, Passed, Passed, Failed
        ]));
        assert!(!passed_before_branch(&[Passed; 4]));
    }
}
