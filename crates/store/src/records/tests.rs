//! Tests, their metrics and queries for them.

use test_engine_duration::Micros;
use uuid::Uuid;

use super::durations::DurationHistogram;
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
    /// See [`Metrics::duration_percentile`].
    pub durations: DurationHistogram,
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
    /// Also matches executions without a branch.
    DoesNotStartWith(String),
}

/// A condition on labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelFilter {
    pub label: String,
    /// `false`: the test must not have it.
    pub must_have: bool,
}

/// A condition on a test itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestTerm {
    pub condition: TestCondition,
    /// `false`: the test must not meet it.
    pub must_have: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestCondition {
    /// A substring of scope and name; ASCII case is ignored.
    Name(String),
    State(TestState),
    /// Considered flaky.
    Flaky,
    /// Fails on the default branch.
    Broken,
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
    /// All of them must match.
    pub terms: Vec<TestTerm>,
    pub order: TestOrder,
    pub descending: bool,
    pub page: Page,
}

/// The tests in a file, and the sums of their executions in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileTotals {
    pub tests: u64,
    pub flaky: u64,
    /// That fail on the default branch.
    pub broken: u64,
    /// Muted or skipped.
    pub quarantined: u64,
    /// Whose mean duration is above a limit.
    pub slow: u64,
    pub executions: u64,
    pub duration: Micros,
}
