//! The outcome of a run after its last attempt.

use std::fmt;

use test_engine_wire::{Loading, Statistics, TargetReport};

use super::{NoResults, TestRecord, record};
use crate::runners::TestKey;

/// Only `Passed`, and `Unknown` if the runner exited with code 0, go with exit code 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Outside of the tests.
    Error,
    /// No test is known to have run.
    Unknown,
    /// A test failed that is not muted.
    Failed,
    /// It is not proven that all tests ran.
    Incomplete,
    /// All tests passed or are muted, but the runner failed.
    UnexplainedExit,
    Passed,
}

#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// The code to exit with, 0 to 255.
    pub exit_code: i32,
    pub status: RunStatus,
    /// Why the status is what it is: sentences without the full stop. Empty for failed tests.
    pub reasons: Vec<String>,
    /// The run passes only because the option to trust the exit code is set.
    pub is_by_trust: bool,
    pub killed_by: Option<i32>,
    /// Sorted by key.
    pub tests: Vec<TestRecord>,
    /// Of all attempts, each once.
    pub errors_outside_tests: Vec<String>,
    /// Why a part of the last attempt has no usable results.
    pub no_results: Option<NoResults>,
    /// Targets without results in the first attempt, in plan order.
    pub targets_without_results: Vec<String>,
    /// Targets that are not proven to have run to their end, in plan order.
    pub incomplete: Vec<IncompleteTarget>,
    /// Mutes that match tests of several files, so that they excuse none.
    pub ambiguous_mutes: Vec<String>,
    /// Each target of the node's share, then files that ran without being planned.
    pub targets: Vec<TargetReport>,
    /// Tests that a filter of the command deselected, sorted.
    pub deselected: Vec<TestKey>,
    /// Only focused tests ran, by the results.
    pub has_focus: bool,
    /// What loading test files took in the first attempt.
    pub loading: Option<Loading>,
    pub retries: u32,
}

/// A target that is not proven to have run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncompleteTarget {
    /// `None` for all targets of the node.
    pub target: Option<String>,
    /// Number of tests with a result.
    pub tests: u64,
    pub expected_tests: Option<u64>,
    /// A sentence without the full stop.
    pub reason: String,
    /// It may have run to its end, but nothing proves it.
    pub is_unproven: bool,
}

impl fmt::Display for IncompleteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target.as_deref().unwrap_or("all targets of this node");
        let tests = match self.tests {
            1 => "1 test".to_owned(),
            count => format!("{count} tests"),
        };
        match self.expected_tests {
            _ if self.target.is_none() => write!(f, "{target}: {}", self.reason),
            Some(expected) => write!(
                f,
                "{target}: results of {} of {expected} tests: {}",
                self.tests, self.reason
            ),
            None => write!(f, "{target}: results of {tests}: {}", self.reason),
        }
    }
}

impl RunOutcome {
    pub fn status(&self) -> RunStatus {
        self.status
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
