//! Tests, their metrics and queries for them.

use test_engine_duration::Micros;
use uuid::Uuid;

use super::runs::OutcomeCounts;
use super::values::{Page, Period, SuiteId, TestId, Timestamp};

/// How a suite treats a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TestState {
    #[default]
    Enabled,
    /// Runs, but its failures do not fail the build.
    Muted,
    /// Does not run.
    Skipped,
}

impl TestState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Muted => "muted",
            Self::Skipped => "skipped",
        }
    }
}

/// A test case, identified by suite, scope and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    pub id: TestId,
    /// [`crate::test_uuid`] of suite, scope and name.
    pub uuid: Uuid,
    pub suite: SuiteId,
    /// May be empty.
    pub scope: String,
    pub name: String,
    /// `path:line` of the latest execution.
    pub location: Option<String>,
    /// File of the latest execution.
    pub file_name: Option<String>,
    /// The runner's address of the test, as last seen.
    pub identifier: Option<String>,
    /// `test.selector.primary` of the latest execution.
    pub selector: Option<String>,
    pub state: TestState,
    pub state_changed_at: Option<Timestamp>,
    pub first_seen_at: Timestamp,
    /// Precise to the hour.
    pub last_seen_at: Timestamp,
}

/// Sums over executions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    pub counts: OutcomeCounts,
    /// Executions with a duration, without skipped ones.
    pub timed: u64,
    pub duration_sum: Micros,
    /// `None` without timed executions.
    pub duration_min: Option<Micros>,
    /// `None` without timed executions.
    pub duration_max: Option<Micros>,
}

impl Metrics {
    /// Rounded to the microsecond; `None` without timed executions.
    pub fn duration_mean(&self) -> Option<Micros> {
        self.duration_sum.mean_of(self.timed)
    }
}

/// A test and the sums of its executions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestWithMetrics {
    pub test: Test,
    /// Over the requested period and branches.
    pub metrics: Metrics,
}

/// The order of a list of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TestOrder {
    #[default]
    DurationMean,
    DurationSum,
    DurationMin,
    DurationMax,
    /// Tests without a reliability come last.
    Reliability,
    Executions,
}

/// A condition on branches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BranchFilter {
    Is(String),
    /// Also matches executions without a branch.
    IsNot(String),
    StartsWith(String),
}

/// A condition on labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelFilter {
    pub label: String,
    /// `false`: the test must not have it.
    pub must_have: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LabelChange {
    Add,
    Remove,
}

/// The file that assigns tests to teams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnershipFile {
    pub body: String,
    pub updated_at: Timestamp,
}

/// Selects tests with executions in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestQuery {
    pub period: Period,
    pub branch: Option<BranchFilter>,
    pub state: Option<TestState>,
    /// A substring of scope or name; ASCII case is ignored.
    pub search: Option<String>,
    /// All of them must match.
    pub labels: Vec<LabelFilter>,
    pub order: TestOrder,
    pub descending: bool,
    pub page: Page,
}
