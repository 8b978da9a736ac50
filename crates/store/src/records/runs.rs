//! Uploads, the runs they make and the executions in them, as they go in and come out.

use std::collections::BTreeMap;

use test_engine_duration::Micros;
use test_engine_results::{FailureDetail, Format, Outcome, TestResult};
use uuid::Uuid;

use super::tests::Test;
use super::values::{RunId, SuiteId, Timestamp};

/// The run an upload says it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRun {
    /// Public id, used when the key is new.
    pub uuid: Uuid,
    /// `run_env[key]`: same suite and key, same run.
    pub key: String,
    /// Without `refs/heads/`.
    pub branch: Option<String>,
    /// As uploaded.
    pub commit_sha: Option<String>,
    /// The build, when the CI says.
    pub build_id: Option<String>,
    /// The build's number.
    pub number: Option<String>,
    /// The build's page.
    pub url: Option<String>,
    /// The commit's message.
    pub message: Option<String>,
    /// All of `run_env` as a JSON object, unknown keys too.
    pub run_env: String,
}

/// One upload of results, checked and derived: what [`crate::Store::record_upload`] keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct NewUpload {
    /// The suite.
    pub suite: SuiteId,
    /// The run.
    pub run: NewRun,
    /// Public id.
    pub uuid: Uuid,
    /// The result format.
    pub format: Format,
    /// The CI job that sent it.
    pub job_id: Option<String>,
    /// Tags of every execution in it: the upload's own and the core ones.
    pub tags: BTreeMap<String, String>,
    /// SHA-256 of everything that was sent (fields and data). The same digest in the same run is
    /// the same upload sent again.
    pub digest: [u8; 32],
    /// Results that could not be used.
    pub skipped: u64,
    /// What was wrong with them, as the receipt lists it.
    pub errors: Vec<String>,
    /// Errors that belong to no test. One of these makes the run a failed one.
    pub errors_outside_tests: Vec<String>,
    /// When it came in.
    pub received_at: Timestamp,
    /// The good results, in file order.
    pub executions: Vec<NewExecution>,
}

/// One execution to keep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewExecution {
    /// As read, with paths already made relative. Its own `tags` are not looked at.
    pub result: TestResult<'static>,
    /// `test.selector.primary`, when there is one.
    pub selector: Option<String>,
    /// Tags of this execution that are valid and differ from the upload's.
    pub tags: BTreeMap<String, String>,
}

/// The receipt of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The run it went to.
    pub run_uuid: Uuid,
    /// The upload; of the first one, when this one is a repetition.
    pub upload_uuid: Uuid,
    /// Executions that were added by it.
    pub kept: u64,
    /// Executions the run already had.
    pub duplicates: u64,
    /// Results that could not be used.
    pub skipped: u64,
    /// What was wrong with them.
    pub errors: Vec<String>,
    /// The very same upload was here before; nothing was added this time.
    pub repeated: bool,
}

/// Whether more may be expected of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunState {
    /// An upload is being worked on.
    Running,
    /// Every upload so far has been worked on.
    Finished,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunResult {
    /// No result yet.
    Pending,
    /// Nothing failed that counts.
    Passed,
    /// Something failed. Final: a pass on retry does not repair it.
    Failed,
    /// Nothing came in reasonable time.
    Stale,
}

impl RunResult {
    /// The name on the wire.
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
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
        }
    }
}

/// How many executions ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutcomeCounts {
    /// Passed.
    pub passed: u64,
    /// Failed, muted ones included.
    pub failed: u64,
    /// Skipped.
    pub skipped: u64,
    /// Not said.
    pub unknown: u64,
}

impl OutcomeCounts {
    /// All of them.
    pub const fn executions(&self) -> u64 {
        self.passed + self.failed + self.skipped + self.unknown
    }

    /// `passed / (passed + failed)`, from 0 to 1; `None` when neither happened.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share needs no more than 52 bits"
    )]
    pub fn reliability(&self) -> Option<f64> {
        let decided = self.passed + self.failed;
        (decided > 0).then(|| self.passed as f64 / decided as f64)
    }
}

/// A run: every upload with the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Internal.
    pub id: RunId,
    /// Public.
    pub uuid: Uuid,
    /// Its suite.
    pub suite: SuiteId,
    /// `run_env[key]`.
    pub key: String,
    /// Without `refs/heads/`.
    pub branch: Option<String>,
    /// As uploaded.
    pub commit_sha: Option<String>,
    /// The build, when the CI says.
    pub build_id: Option<String>,
    /// The build's number.
    pub number: Option<String>,
    /// The build's page.
    pub url: Option<String>,
    /// The commit's message.
    pub message: Option<String>,
    /// All of `run_env` as a JSON object.
    pub run_env: String,
    /// Whether more is being worked on.
    pub state: RunState,
    /// How it ended.
    pub result: RunResult,
    /// Executions in it, every attempt.
    pub counts: OutcomeCounts,
    /// Of the failed ones, those of tests that were muted.
    pub failed_muted: u64,
    /// Sum over its executions.
    pub duration: Micros,
    /// Uploads in it.
    pub uploads: u64,
    /// Its first upload.
    pub created_at: Timestamp,
    /// Its latest upload.
    pub updated_at: Timestamp,
}

/// An upload as it was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Public.
    pub uuid: Uuid,
    /// The run it went to.
    pub run_uuid: Uuid,
    /// The result format.
    pub format: Format,
    /// The CI job that sent it.
    pub job_id: Option<String>,
    /// Tags of every execution in it.
    pub tags: BTreeMap<String, String>,
    /// Executions added.
    pub kept: u64,
    /// Executions the run already had.
    pub duplicates: u64,
    /// Results that could not be used.
    pub skipped: u64,
    /// What was wrong with them.
    pub errors: Vec<String>,
    /// Errors that belong to no test.
    pub errors_outside_tests: Vec<String>,
    /// When it came in.
    pub received_at: Timestamp,
}

/// What became of an upload that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptState {
    /// It was kept.
    Accepted,
    /// It could not be used.
    Rejected,
    /// The server could not do its part.
    Failed,
}

impl AttemptState {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

/// An upload of which nothing was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRefusedUpload {
    /// The suite.
    pub suite: SuiteId,
    /// Public id.
    pub uuid: Uuid,
    /// The HTTP status of the answer, 400 or more.
    pub status: u16,
    /// What the sender was told.
    pub reason: String,
    /// `run_env[key]`, when it could be read.
    pub run_key: Option<String>,
    /// The format, when it could be read.
    pub format: Option<Format>,
    /// When it came.
    pub received_at: Timestamp,
}

/// An upload that was tried, kept or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadAttempt {
    /// Public.
    pub uuid: Uuid,
    /// What became of it.
    pub state: AttemptState,
    /// The HTTP status of the answer when nothing was kept, else 0.
    pub status: u16,
    /// What the sender was told when nothing was kept.
    pub reason: Option<String>,
    /// `run_env[key]`, when it is known.
    pub run_key: Option<String>,
    /// The format, when it is known.
    pub format: Option<Format>,
    /// The run it went to, public.
    pub run_uuid: Option<Uuid>,
    /// The CI job that sent it.
    pub job_id: Option<String>,
    /// Executions added.
    pub kept: u64,
    /// Executions the run already had.
    pub duplicates: u64,
    /// Results that could not be used.
    pub skipped: u64,
    /// What was wrong with them.
    pub errors: Vec<String>,
    /// When it came in.
    pub received_at: Timestamp,
}

/// Tags that an execution is given after it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewExecutionTags {
    /// Public id of the execution.
    pub execution: Uuid,
    /// All of them; none takes away those that are there.
    pub tags: BTreeMap<String, String>,
}

/// One execution in a test's history.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Public.
    pub uuid: Uuid,
    /// How it ended.
    pub outcome: Outcome,
    /// The test was muted when it came in.
    pub muted: bool,
    /// Microseconds.
    pub duration: Option<Micros>,
    /// The run, public.
    pub run_uuid: Uuid,
    /// The run's branch.
    pub branch: Option<String>,
    /// The run's commit.
    pub commit_sha: Option<String>,
    /// The CI job that sent it.
    pub job_id: Option<String>,
    /// Why it failed, in short.
    pub failure_reason: Option<String>,
    /// The upload's tags and its own; its own win.
    pub tags: BTreeMap<String, String>,
    /// When it came in.
    pub created_at: Timestamp,
}

/// A failed execution, as a run's page and the REST API show it.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedExecution {
    /// Public.
    pub uuid: Uuid,
    /// The run, public.
    pub run_uuid: Uuid,
    /// The test.
    pub test: Test,
    /// The test was muted when it came in.
    pub muted: bool,
    /// Microseconds.
    pub duration: Option<Micros>,
    /// In short.
    pub failure_reason: Option<String>,
    /// At length.
    pub failure_expanded: Vec<FailureDetail>,
    /// The upload's tags and its own; its own win.
    pub tags: BTreeMap<String, String>,
    /// When it came in.
    pub created_at: Timestamp,
}
