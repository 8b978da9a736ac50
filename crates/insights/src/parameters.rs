//! The constants of the judgement, with the defaults that were measured (§12 of
//! the design).

/// The constants of the judgement on a suite's tests. Shares are in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Length of the window, in days.
    pub window_days: i32,
    /// The lowest failure rate on good code that is flaky.
    pub flaky_rate: u32,
    /// The score needed for an alarm.
    pub alarm_score: u32,
    /// Mixed commit groups needed for an alarm.
    pub min_mixed_groups: u32,
    /// Short breaks needed for an alarm.
    pub min_short_breaks: u32,
    /// The least share of short breaks among all that ended.
    pub short_share: u32,
    /// Tests with fewer commit groups never alarm.
    pub min_groups: u32,
    /// Days without a sign of flakiness before an alarm ends.
    pub quiet_days: i32,
    /// Executions since the last sign of flakiness before an alarm ends.
    pub quiet_executions: u32,
    /// The score from which a test without alarm is suspect.
    pub suspect_score: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            window_days: 28,
            flaky_rate: 5_000,
            alarm_score: 800_000,
            min_mixed_groups: 2,
            min_short_breaks: 3,
            short_share: 600_000,
            min_groups: 10,
            quiet_days: 21,
            quiet_executions: 100,
            suspect_score: 300_000,
        }
    }
}
