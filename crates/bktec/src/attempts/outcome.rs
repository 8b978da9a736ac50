//! The outcome of a run after its last attempt.

use test_engine_wire::{Statistics, TargetReport};

use super::{NoResults, TestRecord, record};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    Error,
    /// No test is known to have run.
    Unknown,
    /// A test failed that is not muted.
    Failed,
    Passed,
}

#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// The code to exit with, 0 to 255.
    pub exit_code: i32,
    pub killed_by: Option<i32>,
    /// Sorted by key.
    pub tests: Vec<TestRecord>,
    /// Of all attempts, each once.
    pub errors_outside_tests: Vec<String>,
    /// Why a part of the last attempt has no usable results.
    pub no_results: Option<NoResults>,
    /// Targets without results in the first attempt, in plan order.
    pub targets_without_results: Vec<String>,
    /// Each target of the node's share, then files that ran without being planned.
    pub targets: Vec<TargetReport>,
    /// The results show a focused test, which keeps others from running.
    pub has_focus: bool,
    pub retries: u32,
}

impl RunOutcome {
    /// An error outside the tests outweighs failed tests.
    pub fn status(&self) -> RunStatus {
        if !self.errors_outside_tests.is_empty() {
            RunStatus::Error
        } else if self.tests.is_empty() {
            RunStatus::Unknown
        } else if self.failed().next().is_some() {
            RunStatus::Failed
        } else {
            RunStatus::Passed
        }
    }

    /// Tests whose last outcome is failed and that are not muted.
    pub fn failed(&self) -> impl Iterator<Item = &TestRecord> {
        self.tests
            .iter()
            .filter(|test| test.is_failed() && !test.muted)
    }

    pub fn statistics(&self) -> Statistics {
        record::statistics(&self.tests)
    }
}
