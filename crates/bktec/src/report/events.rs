//! What `bktec run --output json` writes: one line of JSON for each event. Pure.
//!
//! The schema is a promise to other programs: `docs/reference/events.md` describes it and its tests
//! decode the examples there. A field may be added at any time; when one changes or goes,
//! [`SCHEMA_VERSION`] grows.

use serde::{Deserialize, Serialize};
use test_engine_results::Outcome;
use test_engine_wire::Statistics;

use crate::attempts::{RunEvent, RunOutcome, RunStatus, UnprovenRetry};
use crate::process::Exit;

/// The version of the schema.
pub const SCHEMA_VERSION: u32 = 1;

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventLine {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// When, in UTC, as RFC 3339.
    pub timestamp: String,
    /// What, with its fields beside these.
    #[serde(flatten)]
    pub event: Event,
}

/// What happens in a run, in order. Its name stands in the field `event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first line.
    RunStarted(RunStarted),
    /// It is known which tests this node runs.
    PlanReady(PlanReady),
    /// A command is about to start.
    AttemptStarted(AttemptStarted),
    /// A part of an attempt is about to start.
    PartStarted(PartStarted),
    /// A part of an attempt ended.
    PartFinished(PartFinished),
    /// The command ended.
    AttemptFinished(AttemptFinished),
    /// An attempt left no results to go by.
    ResultsUnreadable(ResultsUnreadable),
    /// Some results could not be used.
    ResultsIncomplete(ResultsIncomplete),
    /// Targets that were run and left no results.
    TargetsWithoutResults(TargetsWithoutResults),
    /// Files with tests that ran although nobody asked for them.
    UnplannedFilesRan(UnplannedFilesRan),
    /// Tests that the plan skips and that ran, because the runner cannot leave them out.
    SkippedTestsRan(SkippedTestsRan),
    /// Errors that belong to no test.
    ErrorsOutsideTests(ErrorsOutsideTests),
    /// Failed tests are not retried although attempts are left.
    RetryImpossible(RetryImpossible),
    /// A result file was uploaded, or was not.
    UploadFinished(UploadFinished),
    /// A test, all attempts considered. After the last attempt, one line each.
    TestFinished(TestFinished),
    /// The last line of a run that came to its end.
    RunFinished(RunFinished),
    /// The last line of a run that did not.
    RunFailed(RunFailed),
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// Of `bktec`.
    pub version: String,
    /// The test runner's name.
    pub runner: String,
    /// The organization's slug.
    pub organization: String,
    /// The suite's slug.
    pub suite: String,
    /// What names the plan.
    pub plan_identifier: String,
    /// This node, from 0.
    pub node: usize,
    /// How many nodes there are.
    pub nodes: usize,
    /// How often the CI job was retried.
    pub job_retry_count: i64,
}

/// Where a plan comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanSource {
    /// The server's.
    Server,
    /// Split by number, without the server.
    Fallback,
}

/// It is known which tests this node runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanReady {
    /// Where the plan comes from.
    pub source: PlanSource,
    /// How many files, examples or selectors this node runs.
    pub cases: usize,
    /// How many tests are muted.
    pub muted: usize,
    /// How many tests the plan leaves out.
    pub skipped: usize,
}

/// A command is about to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptStarted {
    /// 0 for the first, then the number of the retry.
    pub attempt: u32,
    /// The most retries there can be.
    pub of: u32,
    /// In how many parts; more than 1 where one command line would be too long.
    pub parts: usize,
    /// As a shell would take it.
    pub command: String,
}

/// A part of an attempt that is not the first one is about to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartStarted {
    /// As in `attempt_started`.
    pub attempt: u32,
    /// Which, from 2.
    pub part: usize,
    /// As in `attempt_started`.
    pub parts: usize,
    /// As a shell would take it.
    pub command: String,
}

/// A part of an attempt that is not the last one ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartFinished {
    /// As in `attempt_started`.
    pub attempt: u32,
    /// Its exit code; null when a signal ended it.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What this part wrote, if it wrote anything.
    pub result_file: Option<String>,
}

/// The command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptFinished {
    /// As in `attempt_started`.
    pub attempt: u32,
    /// Its exit code; null when a signal ended it.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The signal that asked `bktec` to stop meanwhile.
    pub interrupted_by: Option<i32>,
    /// What this attempt wrote, if it wrote anything.
    pub result_file: Option<String>,
}

/// An attempt left no results to go by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultsUnreadable {
    /// As in `attempt_started`.
    pub attempt: u32,
    /// Why, in words.
    pub reason: String,
}

/// Some results could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultsIncomplete {
    /// As in `attempt_started`.
    pub attempt: u32,
    /// What is wrong with each, in words.
    pub reasons: Vec<String>,
}

/// Targets that were run and left no results. They may hold no tests; they may have been passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetsWithoutResults {
    /// As the runner was given them.
    pub targets: Vec<String>,
}

/// Files with tests that ran although nobody asked for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnplannedFilesRan {
    /// Which, sorted.
    pub files: Vec<String>,
}

/// Tests that the plan skips and that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedTestsRan {
    /// How many.
    pub count: usize,
}

/// Errors that belong to no test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorsOutsideTests {
    /// As in `attempt_started`.
    pub attempt: u32,
    /// What the results say.
    pub errors: Vec<String>,
}

/// Failed tests are not retried although attempts are left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryImpossible {
    /// Why, in words.
    pub reason: String,
}

/// A result file was uploaded, or was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadFinished {
    /// Whether the server took it.
    pub uploaded: bool,
    /// The run's page, where the server tells it.
    pub url: Option<String>,
    /// Why it was not taken, in words.
    pub error: Option<String>,
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// It ran and held.
    Passed,
    /// It ran and did not hold.
    Failed,
    /// It was not run.
    Skipped,
    /// The results do not say.
    Unknown,
}

impl From<Outcome> for TestOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::Passed,
            Outcome::Failed => Self::Failed,
            Outcome::Skipped => Self::Skipped,
            Outcome::Unknown => Self::Unknown,
        }
    }
}

/// A test, all attempts considered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestFinished {
    /// The group it is in.
    pub scope: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: String,
    /// How it ended, all things considered.
    pub outcome: TestOutcome,
    /// How it ended in each attempt whose results list it.
    pub outcomes: Vec<TestOutcome>,
    /// Its failures do not count.
    pub muted: bool,
    /// The plan skips it. If it ran all the same, its failures do not count.
    pub to_be_skipped: bool,
    /// Why it is failed although it was run again, in words.
    pub doubt: Option<String>,
}

/// The run in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    /// No test that counts failed.
    Passed,
    /// One did.
    Failed,
    /// Something outside the tests is broken.
    Error,
    /// No test is known to have run.
    Unknown,
    /// There was nothing to run on this node.
    NoTests,
}

/// The last line of a run that came to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFinished {
    /// What the results say.
    pub result: RunResult,
    /// What `bktec` exits with. It is what counts.
    pub exit_code: u8,
    /// The signal that ended the runner.
    pub killed_by: Option<i32>,
    /// Retries made.
    pub retries: u32,
    /// How many tests ended how, each once.
    pub statistics: Statistics,
    /// How many targets left no results; `targets_without_results` names them.
    #[serde(default)]
    pub targets_without_results: usize,
}

/// The last line of a run that did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailed {
    /// Why, in words.
    pub message: String,
    /// What `bktec` exits with.
    pub exit_code: u8,
}

impl From<&RunEvent<'_>> for Event {
    fn from(event: &RunEvent<'_>) -> Self {
        match event {
            RunEvent::AttemptStarted {
                attempt,
                of,
                command,
                parts,
            } => Self::AttemptStarted(AttemptStarted {
                attempt: *attempt,
                of: *of,
                parts: *parts,
                command: command.to_string(),
            }),
            RunEvent::PartStarted {
                attempt,
                part,
                parts,
                command,
            } => Self::PartStarted(PartStarted {
                attempt: *attempt,
                part: *part,
                parts: *parts,
                command: command.to_string(),
            }),
            RunEvent::PartFinished {
                attempt,
                exit,
                result_file,
            } => {
                let (exit_code, signal) = code_and_signal(*exit);
                Self::PartFinished(PartFinished {
                    attempt: *attempt,
                    exit_code,
                    signal,
                    result_file: result_file.map(|path| path.to_string_lossy().into_owned()),
                })
            }
            RunEvent::AttemptFinished {
                attempt,
                exit,
                result_file,
                interrupted_by,
            } => {
                let (exit_code, signal) = code_and_signal(*exit);
                Self::AttemptFinished(AttemptFinished {
                    attempt: *attempt,
                    exit_code,
                    signal,
                    interrupted_by: *interrupted_by,
                    result_file: result_file.map(|path| path.to_string_lossy().into_owned()),
                })
            }
            RunEvent::ResultsUnreadable { attempt, why } => {
                Self::ResultsUnreadable(ResultsUnreadable {
                    attempt: *attempt,
                    reason: why.to_string(),
                })
            }
            RunEvent::ResultsIncomplete { attempt, reasons } => {
                Self::ResultsIncomplete(ResultsIncomplete {
                    attempt: *attempt,
                    reasons: reasons.to_vec(),
                })
            }
            RunEvent::TargetsWithoutResults { targets } => {
                Self::TargetsWithoutResults(TargetsWithoutResults {
                    targets: targets.iter().map(|&target| target.to_owned()).collect(),
                })
            }
            RunEvent::UnplannedFilesRan { files } => Self::UnplannedFilesRan(UnplannedFilesRan {
                files: files.iter().map(|&file| file.to_owned()).collect(),
            }),
            RunEvent::SkippedTestsRan { count } => {
                Self::SkippedTestsRan(SkippedTestsRan { count: *count })
            }
            RunEvent::ErrorsOutsideTests { attempt, errors } => {
                Self::ErrorsOutsideTests(ErrorsOutsideTests {
                    attempt: *attempt,
                    errors: errors.to_vec(),
                })
            }
            RunEvent::RetryImpossible { why } => Self::RetryImpossible(RetryImpossible {
                reason: why.to_string(),
            }),
        }
    }
}

fn code_and_signal(exit: Exit) -> (Option<i32>, Option<i32>) {
    match exit {
        Exit::Code(code) => (Some(code), None),
        Exit::Signal(signal) => (None, Some(signal)),
    }
}

/// The tests of a run, then its end.
pub fn of_outcome(outcome: &RunOutcome, exit_code: u8) -> impl Iterator<Item = Event> {
    let tests = outcome.tests.iter().map(|test| {
        Event::TestFinished(TestFinished {
            scope: test.key.scope.clone(),
            name: test.key.name.clone(),
            path: test.key.path.clone(),
            outcome: test.outcome.into(),
            outcomes: test
                .outcomes
                .iter()
                .map(|&outcome| outcome.into())
                .collect(),
            muted: test.muted,
            to_be_skipped: test.to_be_skipped,
            doubt: test.doubt.map(UnprovenRetry::text).map(str::to_owned),
        })
    });
    let end = Event::RunFinished(RunFinished {
        result: match outcome.status() {
            RunStatus::Passed => RunResult::Passed,
            RunStatus::Failed => RunResult::Failed,
            RunStatus::Error => RunResult::Error,
            RunStatus::Unknown => RunResult::Unknown,
        },
        exit_code,
        killed_by: outcome.killed_by,
        retries: outcome.retries,
        statistics: outcome.statistics(),
        targets_without_results: outcome.without_results.len(),
    });
    tests.chain(std::iter::once(end))
}
