//! How long things are kept, and how much of them has expired.

/// From which day on things are kept; days since 1970-01-01. `None`: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptSince {
    /// Executions, and the text of failures.
    pub executions: Option<i64>,
    /// Daily sums, runs, and receipts of uploads. Not later than the executions' day.
    pub aggregates: Option<i64>,
}

/// How much has expired, or was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Executions, every attempt.
    pub executions: u64,
    /// Uploads whose executions these are.
    pub segments: u64,
    /// Failures with their text.
    pub failures: u64,
    /// Runs, with the receipts of their uploads.
    pub runs: u64,
    /// Sums of one test on one day and branch.
    pub sums: u64,
}

impl std::ops::AddAssign for Expired {
    fn add_assign(&mut self, other: Self) {
        self.executions += other.executions;
        self.segments += other.segments;
        self.failures += other.failures;
        self.runs += other.runs;
        self.sums += other.sums;
    }
}
