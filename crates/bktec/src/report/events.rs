//! The events that `bktec run --output json` writes, one line of JSON each. Pure.
//!
//! The schema is a promise to other programs. `docs/reference/events.md` describes each event and
//! field, and tests decode the examples there. A field may be added at any time; when one changes
//! or is removed, [`SCHEMA_VERSION`] grows.

use std::path::Path;

use serde::{Deserialize, Serialize};
use test_engine_results::Outcome;
use test_engine_wire::Statistics;

use crate::attempts::{
    AttemptKind, IncompleteTarget, RunEvent, RunOutcome, RunStatus, TestRecord, UnprovenRetry,
};
use crate::process::Exit;

pub const SCHEMA_VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventLine {
    /// Always `SCHEMA_VERSION`.
    pub schema_version: u32,
    /// UTC, RFC 3339.
    pub timestamp: String,
    #[serde(flatten)]
    pub event: Event,
}

/// An event's name is in the field `event`. `attempt` is 0 for the first attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    RunStarted(RunStarted),
    PlanReady(PlanReady),
    AttemptStarted {
        attempt: u32,
        of: u32,
        parts: usize,
        /// It runs all tests of its targets, not only failed tests.
        #[serde(default)]
        whole_targets: bool,
        /// Quoted for a POSIX shell.
        command: String,
    },
    /// Not sent for the first part of an attempt.
    PartStarted {
        attempt: u32,
        /// From 2.
        part: usize,
        parts: usize,
        command: String,
    },
    /// Not sent for the last part of an attempt.
    PartFinished {
        attempt: u32,
        #[serde(flatten)]
        exit: ExitFields,
        result_file: Option<String>,
    },
    AttemptFinished {
        attempt: u32,
        #[serde(flatten)]
        exit: ExitFields,
        interrupted_by: Option<i32>,
        result_file: Option<String>,
    },
    ResultsUnreadable {
        attempt: u32,
        reason: String,
    },
    ResultsIncomplete {
        attempt: u32,
        reasons: Vec<String>,
    },
    TargetsIncomplete {
        attempt: u32,
        targets: Vec<IncompleteTargetFields>,
    },
    FailFastOverridden {
        option: String,
    },
    ListingTests {
        targets: Vec<String>,
    },
    TargetsWithoutResults {
        targets: Vec<String>,
    },
    UnplannedFilesRan {
        files: Vec<String>,
    },
    SkippedTestsRan {
        count: usize,
    },
    ErrorsOutsideTests {
        attempt: u32,
        errors: Vec<String>,
    },
    RetryImpossible {
        reason: String,
    },
    UploadFinished(UploadFinished),
    /// Sent once for each test after the last attempt.
    TestFinished(TestFinished),
    /// The last event of a run that finished.
    RunFinished(RunFinished),
    /// The last event of a run that did not finish.
    RunFailed(RunFailed),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// Of `bktec`.
    pub version: String,
    pub runner: String,
    pub organization: String,
    pub suite: String,
    pub plan_identifier: String,
    /// From 0.
    pub node: usize,
    pub nodes: usize,
    pub job_retry_count: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanSource {
    Server,
    File,
    Fallback,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanReady {
    pub source: PlanSource,
    /// The number of targets of this node.
    pub cases: usize,
    pub muted: usize,
    pub skipped: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncompleteTargetFields {
    /// `None` for all targets of the node.
    pub target: Option<String>,
    /// Number of tests with a result.
    pub tests: u64,
    pub expected_tests: Option<u64>,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitFields {
    /// `None` if a signal killed the command.
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadFinished {
    pub uploaded: bool,
    /// The run's page, if the server sent it.
    pub url: Option<String>,
    pub error: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestFinished {
    pub scope: String,
    pub name: String,
    pub path: String,
    pub outcome: Outcome,
    /// In each attempt whose results list the test.
    pub outcomes: Vec<Outcome>,
    pub muted: bool,
    /// The plan skips it. If it runs nevertheless, its failures do not count.
    pub to_be_skipped: bool,
    /// Why it is failed although its retry did not fail it.
    pub doubt: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    Passed,
    /// A test failed that is not muted.
    Failed,
    /// An error outside the tests, tests that did not run, or an exit code that no failed test
    /// explains.
    Error,
    /// No test is known to have run.
    Unknown,
    /// The plan has nothing for this node.
    NoTests,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFinished {
    pub result: RunResult,
    /// Of `bktec`; 0 if the result is passed, and not 0 if it is failed or error.
    pub exit_code: u8,
    pub killed_by: Option<i32>,
    pub retries: u32,
    pub statistics: Statistics,
    /// The number of targets in the event `targets_without_results`.
    #[serde(default)]
    pub targets_without_results: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailed {
    pub message: String,
    /// Of `bktec`.
    pub exit_code: u8,
}

impl From<&RunEvent<'_>> for Event {
    fn from(event: &RunEvent<'_>) -> Self {
        match *event {
            RunEvent::AttemptStarted {
                attempt,
                of,
                kind,
                command,
                parts,
                ..
            } => Self::AttemptStarted {
                attempt,
                of,
                parts,
                whole_targets: kind != AttemptKind::FailedTests,
                command: command.to_string(),
            },
            RunEvent::PartStarted {
                attempt,
                part,
                parts,
                command,
                ..
            } => Self::PartStarted {
                attempt,
                part,
                parts,
                command: command.to_string(),
            },
            RunEvent::PartFinished {
                attempt,
                exit,
                result_file,
            } => Self::PartFinished {
                attempt,
                exit: exit.into(),
                result_file: result_file.map(text),
            },
            RunEvent::AttemptFinished {
                attempt,
                exit,
                result_file,
                interrupted_by,
            } => Self::AttemptFinished {
                attempt,
                exit: exit.into(),
                interrupted_by,
                result_file: result_file.map(text),
            },
            RunEvent::ResultsUnreadable { attempt, why } => Self::ResultsUnreadable {
                attempt,
                reason: why.to_string(),
            },
            RunEvent::ResultsIncomplete { attempt, reasons } => Self::ResultsIncomplete {
                attempt,
                reasons: reasons.to_vec(),
            },
            RunEvent::TargetsIncomplete { attempt, targets } => Self::TargetsIncomplete {
                attempt,
                targets: targets.iter().map(IncompleteTargetFields::from).collect(),
            },
            RunEvent::FailFastOverridden { option } => Self::FailFastOverridden {
                option: option.to_owned(),
            },
            RunEvent::ListingTests { targets } => Self::ListingTests {
                targets: targets.to_vec(),
            },
            RunEvent::TargetsWithoutResults { targets } => Self::TargetsWithoutResults {
                targets: owned(targets),
            },
            RunEvent::UnplannedFilesRan { files } => Self::UnplannedFilesRan {
                files: owned(files),
            },
            RunEvent::SkippedTestsRan { count } => Self::SkippedTestsRan { count },
            RunEvent::ErrorsOutsideTests { attempt, errors } => Self::ErrorsOutsideTests {
                attempt,
                errors: errors.to_vec(),
            },
            RunEvent::RetryImpossible { why } => Self::RetryImpossible {
                reason: why.to_string(),
            },
        }
    }
}

impl From<&IncompleteTarget> for IncompleteTargetFields {
    fn from(target: &IncompleteTarget) -> Self {
        Self {
            target: target.target.clone(),
            tests: target.tests,
            expected_tests: target.expected_tests,
            reason: target.reason.clone(),
        }
    }
}

impl From<Exit> for ExitFields {
    fn from(exit: Exit) -> Self {
        let (exit_code, signal) = match exit {
            Exit::Code(code) => (Some(code), None),
            Exit::Signal(signal) => (None, Some(signal)),
        };
        Self { exit_code, signal }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn owned(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

/// The events after the last attempt: each test, then the end of the run.
pub fn of_outcome(outcome: &RunOutcome, exit_code: u8) -> impl Iterator<Item = Event> {
    let tests = outcome.tests.iter().map(test_finished);
    let end = Event::RunFinished(RunFinished {
        result: match outcome.status() {
            RunStatus::Passed => RunResult::Passed,
            RunStatus::Failed => RunResult::Failed,
            RunStatus::Error | RunStatus::Incomplete | RunStatus::UnexplainedExit => {
                RunResult::Error
            }
            RunStatus::Unknown => RunResult::Unknown,
        },
        exit_code,
        killed_by: outcome.killed_by,
        retries: outcome.retries,
        statistics: outcome.statistics(),
        targets_without_results: outcome.targets_without_results.len(),
    });
    tests.chain(std::iter::once(end))
}

fn test_finished(test: &TestRecord) -> Event {
    Event::TestFinished(TestFinished {
        scope: test.key.scope.clone(),
        name: test.key.name.clone(),
        path: test.key.path.clone(),
        outcome: test.outcome,
        outcomes: test.outcomes.clone(),
        muted: test.muted,
        to_be_skipped: test.to_be_skipped,
        doubt: test.unproven.map(UnprovenRetry::text).map(str::to_owned),
    })
}
