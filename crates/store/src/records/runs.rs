//! Uploads, runs and executions.

use std::collections::BTreeMap;

use test_engine_duration::Micros;
use test_engine_insights::{Fingerprint, GroupOutcome};
use test_engine_results::{FailureDetail, Format, Outcome, TestResult};
use uuid::Uuid;

use super::kept_texts::KeptTexts;
use super::tests::Test;
use super::values::{RunId, SuiteId, Timestamp};

/// The run that an upload belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRun {
    /// Used if the key is new.
    pub uuid: Uuid,
    /// `run_env[key]`: uploads with the same key belong to the same run.
    pub key: String,
    /// Without `refs/heads/`.
    pub branch: Option<String>,
    pub commit_sha: Option<String>,
    pub build_id: Option<String>,
    pub number: Option<String>,
    pub url: Option<String>,
    pub message: Option<String>,
    /// All of `run_env` as a JSON object, including unknown keys.
    pub run_env: String,
}

/// A validated upload of results.
#[derive(Clone, Debug, PartialEq)]
pub struct NewUpload {
    pub suite: SuiteId,
    pub run: NewRun,
    pub uuid: Uuid,
    pub format: Format,
    pub job_id: Option<String>,
    /// Tags of every execution: the upload's own and the core ones.
    pub tags: BTreeMap<String, String>,
    /// SHA-256 of all fields and data. An upload with a digest that its run already has is a
    /// repetition.
    pub digest: [u8; 32],
    /// Number of invalid results.
    pub skipped: u64,
    /// Their errors, as in the receipt.
    pub errors: Vec<String>,
    /// Any of these fails the run.
    pub errors_outside_tests: Vec<String>,
    pub received_at: Timestamp,
    pub executions: Vec<NewExecution>,
}

/// An execution to store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewExecution {
    /// With relative paths. Its own `tags` are ignored.
    pub result: TestResult<'static>,
    /// The tag `test.selector.primary`.
    pub selector: Option<String>,
    /// Valid tags that differ from the upload's.
    pub tags: BTreeMap<String, String>,
    /// Compressed, if they are to be stored.
    pub spans: Option<Vec<u8>>,
    /// Of a failure.
    pub cause: Option<FailureCause>,
    /// Where the texts of a failure are, if not in `result`.
    pub kept_texts: Option<KeptTexts>,
}

/// What identifies the cause of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureCause {
    pub fingerprint: Fingerprint,
    /// The first frame that belongs to no library, as `path:line`.
    pub frame: Option<String>,
}

/// The receipt of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub run_uuid: Uuid,
    /// For a repetition, the first upload.
    pub upload_uuid: Uuid,
    pub kept: u64,
    pub duplicates: u64,
    /// Number of invalid results.
    pub skipped: u64,
    pub errors: Vec<String>,
    /// The upload is a repetition; nothing was added.
    pub repeated: bool,
}

/// Whether a run's uploads have been processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunState {
    Running,
    Finished,
}

/// The result of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunResult {
    /// No results yet.
    Pending,
    /// Nothing failed, apart from muted tests.
    Passed,
    /// Final: a pass on retry does not change it.
    Failed,
    /// No results for a long time.
    Stale,
}

impl RunResult {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Stale => "stale",
        }
    }
}

impl RunState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
        }
    }
}

/// Numbers of executions by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutcomeCounts {
    pub passed: u64,
    /// Including muted tests.
    pub failed: u64,
    pub skipped: u64,
    pub unknown: u64,
}

impl OutcomeCounts {
    pub const fn executions(&self) -> u64 {
        self.passed + self.failed + self.skipped + self.unknown
    }

    /// `passed / (passed + failed)`; `None` without any.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share needs no more than 52 bits"
    )]
    pub fn reliability(&self) -> Option<f64> {
        let decided = self.passed + self.failed;
        (decided > 0).then(|| self.passed as f64 / decided as f64)
    }
}

/// Numbers of distinct tests of a run that failed at least once, by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TestCounts {
    /// Their first execution in the run failed, whatever came later.
    pub first_failed: u64,
    /// They failed to the end in some job, and were not muted.
    pub broken: u64,
    /// They passed on retry wherever they failed.
    pub recovered: u64,
    /// They were muted where they failed to the end.
    pub muted_failed: u64,
}

/// A run: all uploads with the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub id: RunId,
    pub uuid: Uuid,
    pub suite: SuiteId,
    /// `run_env[key]`.
    pub key: String,
    /// Without `refs/heads/`.
    pub branch: Option<String>,
    pub commit_sha: Option<String>,
    pub build_id: Option<String>,
    pub number: Option<String>,
    pub url: Option<String>,
    pub message: Option<String>,
    pub state: RunState,
    pub result: RunResult,
    /// Executions, every attempt.
    pub counts: OutcomeCounts,
    /// Failed executions of tests that were muted.
    pub failed_muted: u64,
    /// `None` if an earlier version stored the run.
    pub tests: Option<TestCounts>,
    /// So many tests failed that its executions count in no score.
    pub guarded: bool,
    /// Somebody has its executions counted all the same.
    pub outage_counted: bool,
    /// Sum over its executions.
    pub duration: Micros,
    pub uploads: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What came of counting the executions of an outage, or no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recounted {
    NoRun,
    /// Retention has deleted some of the executions, so they cannot be counted.
    Deleted,
    Done(Box<Run>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    pub uuid: Uuid,
    pub run_uuid: Uuid,
    pub format: Format,
    pub job_id: Option<String>,
    /// Tags of every execution in it.
    pub tags: BTreeMap<String, String>,
    pub kept: u64,
    pub duplicates: u64,
    /// Number of invalid results.
    pub skipped: u64,
    pub errors: Vec<String>,
    pub errors_outside_tests: Vec<String>,
    pub received_at: Timestamp,
}

/// The outcome of an attempt to upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptState {
    Accepted,
    /// The upload was invalid.
    Rejected,
    /// The server failed.
    Failed,
}

impl AttemptState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

/// An upload of which nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRejectedUpload {
    pub suite: SuiteId,
    pub uuid: Uuid,
    /// The HTTP status of the response, at least 400.
    pub status: u16,
    /// The error in the response.
    pub reason: String,
    /// `run_env[key]`, if it could be read.
    pub run_key: Option<String>,
    /// If it could be read.
    pub format: Option<Format>,
    pub received_at: Timestamp,
}

/// An attempt to upload, accepted or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadAttempt {
    pub uuid: Uuid,
    pub state: AttemptState,
    /// The HTTP status of the response; 0 if the upload was accepted.
    pub status: u16,
    /// The error in the response.
    pub reason: Option<String>,
    /// `run_env[key]`, if it is known.
    pub run_key: Option<String>,
    /// If it is known.
    pub format: Option<Format>,
    pub run_uuid: Option<Uuid>,
    pub job_id: Option<String>,
    pub kept: u64,
    pub duplicates: u64,
    /// Number of invalid results.
    pub skipped: u64,
    pub errors: Vec<String>,
    pub received_at: Timestamp,
}

/// The uploads of an hour, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UploadHour {
    pub start: Timestamp,
    pub accepted: u64,
    /// The upload was invalid.
    pub rejected: u64,
    /// The server failed.
    pub failed: u64,
}

/// A reason why uploads were not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadProblem {
    /// The HTTP status of the responses.
    pub status: u16,
    /// The error in the responses.
    pub reason: String,
    pub uploads: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// Tags added to an execution after its upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewExecutionTags {
    pub execution: Uuid,
    /// Replace the present ones; an empty map removes them.
    pub tags: BTreeMap<String, String>,
}

/// An execution in a test's history.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    pub uuid: Uuid,
    pub outcome: Outcome,
    pub muted: bool,
    /// Whether it is the first one of its test in the run. `None` if an earlier version stored it.
    pub is_first: Option<bool>,
    pub duration: Option<Micros>,
    pub run_uuid: Uuid,
    pub run_number: Option<String>,
    pub branch: Option<String>,
    pub commit_sha: Option<String>,
    pub job_id: Option<String>,
    /// The short reason.
    pub failure_reason: Option<String>,
    /// The upload's tags and its own, which take precedence.
    pub tags: BTreeMap<String, String>,
    pub created_at: Timestamp,
}

/// A failed execution of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedExecution {
    pub uuid: Uuid,
    pub run_uuid: Uuid,
    pub test: Test,
    pub muted: bool,
    pub duration: Option<Micros>,
    /// `None` if an earlier version stored the failure.
    pub fingerprint: Option<Fingerprint>,
    pub failure_reason: Option<String>,
    pub failure_expanded: Vec<FailureDetail>,
    /// The upload's tags and its own, which take precedence.
    pub tags: BTreeMap<String, String>,
    pub created_at: Timestamp,
}

/// An execution of a test in a build.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildExecution {
    pub uuid: Uuid,
    pub outcome: Outcome,
    pub duration: Option<Micros>,
    pub created_at: Timestamp,
    /// Of the texts of its failure, as stored.
    pub text_bytes: u64,
    pub(crate) upload: i64,
    pub(crate) position: u32,
}

/// What failed in a build.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildFailures {
    /// Every test that failed at least once, in the order of the first failures.
    pub tests: Vec<FailedTest>,
    pub errors_outside_tests: Vec<String>,
    /// The identifiers of the build's plans that nodes have reported on.
    pub plans: Vec<String>,
}

/// A test that failed in a build. A lane is a job with its tags; what counts is how the test ended
/// there, so that a retry repairs a failure of its own lane only.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedTest {
    pub test: Test,
    /// Of the first failure, shortened.
    pub reason: Option<String>,
    /// Lanes in which it ended with a failure that counts.
    pub failed_lanes: usize,
    /// Lanes in which it ended with a muted failure.
    pub muted_lanes: usize,
    pub passed_lanes: usize,
    pub history: FailureHistory,
}

/// What is known of a failed test from other runs, of the last 88 days. Nothing is known of results
/// that an earlier version stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureHistory {
    /// Of its first failure in the build.
    pub fingerprint: Option<Fingerprint>,
    /// The first frame of that failure that belongs to no library, as `path:line`.
    pub frame: Option<String>,
    /// All of its failures on the commit are part of an outage.
    pub is_guarded: bool,
    /// It passed in some run of the commit.
    pub passed_on_commit: bool,
    /// Other branches with this fingerprint within two hours, if it is part of an outage.
    pub branches_with_fingerprint: u32,
    /// How the latest commits of the default branch ended, other than those of the build, newest
    /// first. Two failed runs of one commit count as two.
    pub main: Vec<GroupOutcome>,
    /// It is considered flaky.
    pub is_alarm_on: bool,
    /// It failed with the same fingerprint on another commit.
    pub is_known_fingerprint: bool,
}

/// What a suite has stored, without rejected uploads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuiteContents {
    /// With at least one upload.
    pub runs: u64,
    pub uploads: u64,
    /// Including those that retention has removed, as long as their upload is known.
    pub executions: u64,
    /// The latest time of receipt.
    pub newest_upload: Option<Timestamp>,
}

/// How much a suite has of what its pages list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuiteCounts {
    pub runs: u64,
    pub tests: u64,
    /// Tests that are considered flaky.
    pub flaky: u64,
    /// Muted and skipped tests.
    pub quarantined: u64,
}

/// What pages call the result of a run that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunOutcome {
    Passed,
    /// Every failed test passed on retry, and nothing else failed.
    Recovered,
    Failed,
}

/// How a test ended in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TestEnd {
    Passed,
    /// It passed on retry wherever it failed.
    Recovered,
    /// It failed to the end in some job, and was not muted.
    Failed,
    /// It was muted where it failed to the end.
    Muted,
    /// It was skipped, or its outcome is not known.
    NotRun,
}

/// A test in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestInRun {
    pub end: TestEnd,
    /// The mean of its passed executions.
    pub duration: Option<Micros>,
}

/// What a job spent the time of its tests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPart {
    /// Usually a file.
    pub selector: String,
    /// The sum of its executions.
    pub duration: Micros,
    /// An execution failed, and was not muted.
    pub has_failed: bool,
    /// These are executions of tests that had run before.
    pub is_retry: bool,
}
