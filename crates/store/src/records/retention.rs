//! Retention periods and the numbers of expired rows.

/// The first days to keep, as days since 1970-01-01. `None` keeps everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionStart {
    /// Spans of executions. Not before the executions' day.
    pub spans: Option<i64>,
    /// Executions and failure texts.
    pub executions: Option<i64>,
    /// Daily sums, runs, receipts of uploads, and events. Not after the executions' day.
    pub aggregates: Option<i64>,
}

/// What has expired or was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Including every attempt.
    pub executions: u64,
    pub segments: u64,
    pub failures: u64,
    /// Executions whose spans were stored.
    pub spans: u64,
    /// Including the receipts of their uploads.
    pub runs: u64,
    /// Sums of one test on one day and branch.
    pub sums: u64,
    /// Including their deliveries to webhooks.
    pub events: u64,
    /// Commit groups and blocks of guarded executions, from which tests are judged.
    pub evidence: u64,
}

impl std::ops::AddAssign for Expired {
    fn add_assign(&mut self, other: Self) {
        self.executions += other.executions;
        self.segments += other.segments;
        self.failures += other.failures;
        self.spans += other.spans;
        self.runs += other.runs;
        self.sums += other.sums;
        self.events += other.events;
        self.evidence += other.evidence;
    }
}
