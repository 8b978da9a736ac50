//! Tests and what their executions come to.

use test_engine_duration::Micros;
use uuid::Uuid;

use super::runs::OutcomeCounts;
use super::values::{Page, Period, SuiteId, TestId, Timestamp};

/// What is done with a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TestState {
    /// It runs and counts.
    #[default]
    Enabled,
    /// It runs; its failures do not count.
    Muted,
    /// It is left out.
    Skipped,
}

impl TestState {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Muted => "muted",
            Self::Skipped => "skipped",
        }
    }
}

/// A test the suite has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// Internal.
    pub id: TestId,
    /// Public: [`crate::test_uuid`] of suite, scope and name.
    pub uuid: Uuid,
    /// Its suite.
    pub suite: SuiteId,
    /// Group; may be empty.
    pub scope: String,
    /// Name.
    pub name: String,
    /// `path:line` of the latest execution.
    pub location: Option<String>,
    /// File of the latest execution.
    pub file_name: Option<String>,
    /// What the runner is handed to run just this test, as last seen.
    pub identifier: Option<String>,
    /// `test.selector.primary` of the latest execution.
    pub selector: Option<String>,
    /// What is done with it.
    pub state: TestState,
    /// When that was last changed.
    pub state_changed_at: Option<Timestamp>,
    /// First execution.
    pub first_seen_at: Timestamp,
    /// Latest execution, to the hour.
    pub last_seen_at: Timestamp,
}

/// What executions over a period come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// How they ended.
    pub counts: OutcomeCounts,
    /// Executions that told a duration; skipped ones never do.
    pub timed: u64,
    /// Of the timed executions.
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

/// A test and what its executions come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestWithMetrics {
    /// The test.
    pub test: Test,
    /// Over the period and branch that were asked for.
    pub metrics: Metrics,
}

/// By what a list of tests is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TestOrder {
    /// Mean duration.
    #[default]
    DurationMean,
    /// Sum of durations.
    DurationSum,
    /// Shortest duration.
    DurationMin,
    /// Longest duration.
    DurationMax,
    /// Reliability; tests without one come last.
    Reliability,
    /// Number of executions.
    Executions,
}

/// Which branches are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BranchFilter {
    /// The one of this name.
    Is(String),
    /// All others; also what names no branch.
    IsNot(String),
    /// Those whose names begin with this.
    StartsWith(String),
}

/// A label that a test must have, or must not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelFilter {
    /// The label.
    pub label: String,
    /// Whether the test must have it.
    pub is_wanted: bool,
}

/// What is done with labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LabelChange {
    /// Put on.
    Add,
    /// Taken off.
    Remove,
}

/// The file that says who owns what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnershipFile {
    /// As it was sent.
    pub body: String,
    /// When it was sent.
    pub updated_at: Timestamp,
}

/// Which tests to list: those with executions in the period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestQuery {
    /// Over which days.
    pub period: Period,
    /// Only executions on these branches.
    pub branch: Option<BranchFilter>,
    /// Only tests in this state.
    pub state: Option<TestState>,
    /// Only tests whose scope or name contains this; ASCII letters match in either case.
    pub search: Option<String>,
    /// Only tests that meet every one of these.
    pub labels: Vec<LabelFilter>,
    /// The order.
    pub order: TestOrder,
    /// Largest first.
    pub descending: bool,
    /// Which part.
    pub page: Page,
}
