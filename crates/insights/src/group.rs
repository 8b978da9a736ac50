//! Commit groups: all executions of one test on one commit.

/// Numbers of executions. Only passed and failed ones are evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Executions that passed.
    pub passed: u32,
    /// Executions that failed, muted ones included.
    pub failed: u32,
}

impl Counts {
    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed.saturating_add(other.passed),
            failed: self.failed.saturating_add(other.failed),
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            passed: self.passed.saturating_sub(other.passed),
            failed: self.failed.saturating_sub(other.failed),
        }
    }
}

/// A commit of a suite. A run without a commit is a commit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Commit {
    /// Unique in its suite.
    pub number: u32,
    /// Its place among the commits of the default branch, `None` if only other branches had it.
    pub main: Option<u32>,
}

/// All executions of one test on one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitGroup {
    /// Runs without a commit have one of their own.
    pub commit: Commit,
    /// When the first execution was received.
    pub first_at: i64,
    /// Executions that are evidence.
    pub counted: Counts,
    /// Executions of outages. They are no evidence of flakiness, but they break and fix the default
    /// branch as any others do.
    pub guarded: Counts,
    /// A run with a failure.
    pub failed_run: Option<u32>,
    /// Whether another run has one too.
    pub has_two_failed_runs: bool,
}

/// How the executions of a group ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupOutcome {
    /// All passed.
    Passed,
    /// All failed.
    Failed,
    /// Both results on the same code.
    Mixed,
}

impl GroupOutcome {
    /// `None` without executions.
    pub fn of(counts: Counts) -> Option<Self> {
        match (counts.passed, counts.failed) {
            (0, 0) => None,
            (_, 0) => Some(Self::Passed),
            (0, _) => Some(Self::Failed),
            _ => Some(Self::Mixed),
        }
    }
}

impl CommitGroup {
    pub(crate) fn new(commit: Commit, first_at: i64) -> Self {
        Self {
            commit,
            first_at,
            counted: Counts::default(),
            guarded: Counts::default(),
            failed_run: None,
            has_two_failed_runs: false,
        }
    }

    /// By the executions that are evidence.
    pub fn outcome(&self) -> Option<GroupOutcome> {
        GroupOutcome::of(self.counted)
    }

    /// By all executions, those of outages too.
    pub fn outcome_with_guarded(&self) -> Option<GroupOutcome> {
        GroupOutcome::of(self.counted.plus(self.guarded))
    }

    pub(crate) fn has_failures(&self) -> bool {
        self.counted.failed > 0 || self.guarded.failed > 0
    }

    pub(crate) fn add_failed_run(&mut self, run: u32) {
        match self.failed_run {
            None => self.failed_run = Some(run),
            Some(known) if known == run => {}
            Some(_) => self.has_two_failed_runs = true,
        }
    }
}
