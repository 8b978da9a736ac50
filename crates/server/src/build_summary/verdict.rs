//! Whose failure it is. Pure.

/// In the order in which a summary shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    New,
    /// It also fails on the default branch.
    Elsewhere,
    /// Known to be flaky.
    Flaky,
    /// It passed on retry.
    Recovered,
    Muted,
}

/// How a test ended that failed at least once in a build; the worst over its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Failed,
    Muted,
    /// It passed after its failures, but a node reported a failed test of its target that no stored
    /// result explains. Jobs that look the same may be legs of a matrix, whose passes prove nothing
    /// for each other.
    Doubtful,
    Passed,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) end: End,
    pub(super) fails_on_default_branch: bool,
    /// Known to be flaky, and the commit does not change its file.
    pub(super) is_flaky: bool,
}

impl Verdict {
    pub(super) const fn of(facts: Facts) -> Self {
        match facts.end {
            End::Muted => Self::Muted,
            End::Passed => Self::Recovered,
            End::Failed | End::Doubtful if facts.fails_on_default_branch => Self::Elsewhere,
            End::Failed | End::Doubtful if facts.is_flaky => Self::Flaky,
            End::Failed | End::Doubtful => Self::New,
        }
    }

    /// A test that passed on retry or is muted does not fail the build.
    pub(super) const fn fails_build(self) -> bool {
        matches!(self, Self::New | Self::Elsewhere | Self::Flaky)
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Facts, Verdict};

    #[test]
    fn a_failure_is_new_unless_something_else_explains_it() {
        for (end, fails_on_default_branch, is_flaky, expected) in [
            (End::Failed, false, false, Verdict::New),
            (End::Failed, true, true, Verdict::Elsewhere),
            (End::Failed, false, true, Verdict::Flaky),
            (End::Doubtful, false, false, Verdict::New),
            (End::Doubtful, true, false, Verdict::Elsewhere),
            (End::Passed, true, true, Verdict::Recovered),
            (End::Muted, true, true, Verdict::Muted),
        ] {
            let facts = Facts {
                end,
                fails_on_default_branch,
                is_flaky,
            };
            assert_eq!(Verdict::of(facts), expected, "{facts:?}");
        }
    }
}
