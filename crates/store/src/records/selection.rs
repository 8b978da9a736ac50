//! Test selection: what a suite has learned, decisions on plans, and known failing builds.

use test_engine_duration::Micros;
use test_engine_selection::{
    Confidence, Cut, Drift, FailedItem, Holdout, Off, RotationPointer, Row, Share,
};
use uuid::Uuid;

use super::values::{BranchId, RunId, SuiteId, Timestamp};

/// The state of a suite's selection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelectionState {
    /// Number of changes of what was learned.
    pub clock: u32,
    /// Where the rotating sample continues.
    pub pointer: RotationPointer,
    pub drift: Drift,
    /// Why selection is switched off; never [`Off::NoHoldouts`], which depends on the time.
    pub off: Option<Off>,
    pub off_since: Option<Timestamp>,
    /// The newest holdout when it was switched off.
    pub off_holdout: i64,
}

/// What has changed after a clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelectionChanges {
    pub state: SelectionState,
    /// By path.
    pub files: Vec<(String, Row)>,
    /// By path.
    pub folders: Vec<(String, Row)>,
    /// The failures of each item of the suite, if they changed.
    pub items: Option<Row>,
    /// Old and new paths.
    pub renames: Vec<(String, String)>,
    /// The newest ones only, oldest first.
    pub holdouts: Vec<KnownHoldout>,
}

/// A holdout as later decisions use it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownHoldout {
    /// Larger is later.
    pub id: i64,
    pub closed_at: Timestamp,
    pub holdout: Holdout,
    /// The share of failing builds that its decision promised to catch; `None` if it promised
    /// nothing, or had too few holdouts to select anything.
    pub promise: Option<Share>,
}

/// Which items of a plan run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionVerdict {
    Selected,
    Observed,
    Full,
}

/// What a decision still waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionState {
    /// The end of its run.
    Open,
    /// A run of the default branch with its commit.
    Waiting,
    Closed,
}

/// A decision on a plan, without item scores and change.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionRecord {
    /// Without `refs/heads/`.
    pub branch: String,
    pub commit_sha: Option<String>,
    pub strategy: String,
    /// JSON; opaque to the store.
    pub params: String,
    pub verdict: DecisionVerdict,
    /// Code and text of why everything runs.
    pub reason: Option<(String, String)>,
    /// As in [`KnownHoldout`].
    pub promise: Option<Share>,
    /// `None` if every item is selected, or nothing is known of items.
    pub cut: Option<Cut>,
    pub confidence: Confidence,
    /// Number of items of the request.
    pub items: u64,
    pub selected: u64,
    pub time: Micros,
    pub selected_time: Micros,
    /// JSON; opaque to the store.
    pub always: String,
    /// How much was known of the changed files.
    pub known: Option<Share>,
}

/// A decision to store with its plan.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDecision {
    pub record: DecisionRecord,
    /// Opaque to the store; `None` if the change could not be looked at, so that nothing can be
    /// learned from the build.
    pub details: Option<DecisionDetails>,
    /// Where the rotating sample continues after it.
    pub pointer: RotationPointer,
}

/// What is needed until a decision is closed, and to explain it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionDetails {
    /// The scores of the items.
    pub scores: Vec<u8>,
    /// The changed files.
    pub change: Vec<u8>,
    /// Of the changed paths.
    pub files_hash: [u8; 16],
}

/// A stored decision.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDecision {
    pub id: i64,
    pub suite: SuiteId,
    pub identifier: String,
    pub created_at: Timestamp,
    pub record: DecisionRecord,
    pub state: DecisionState,
    /// When to look whether its run has ended.
    pub due_at: Timestamp,
    /// The run that ended it.
    pub run: Option<RunId>,
    /// `None` also after the plan has expired.
    pub details: Option<DecisionDetails>,
}

/// A decision that waits for the default branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingDecision {
    pub id: i64,
    pub created_at: Timestamp,
    pub branch: String,
    pub commit_sha: Option<String>,
    /// Runs of the default branch that had its commit.
    pub main_runs: u32,
    pub files_hash: Option<[u8; 16]>,
}

/// A failing build to store.
#[derive(Clone, Debug, PartialEq)]
pub struct NewHoldout {
    pub holdout: Holdout,
    /// Of the plan; may be empty.
    pub identifier: String,
    pub branch: String,
    pub commit_sha: Option<String>,
    pub run: Option<RunId>,
    /// May be empty.
    pub strategy: String,
    /// As in [`KnownHoldout`].
    pub promise: Option<Share>,
    /// Number of failing items.
    pub failing: u64,
    /// Number of those that are selected.
    pub selected: u64,
    pub misses: Vec<MissedItem>,
}

/// A failing item that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedItem {
    pub item: String,
    /// From 1.
    pub rank: u64,
    /// The run that showed the failure.
    pub run: Option<RunId>,
}

/// A stored failing build.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredHoldout {
    pub id: i64,
    pub closed_at: Timestamp,
    pub holdout: NewHoldout,
    /// The UUID of the run, if it is still stored.
    pub run_uuid: Option<Uuid>,
    /// The UUIDs of the runs of the misses, in their order.
    pub miss_runs: Vec<Option<Uuid>>,
}

/// What becomes of the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchChange {
    Unchanged,
    /// Drift switches selection off; what a person switched off stays as it is.
    OffByDrift,
    /// After drift.
    OnAgain,
}

/// One change of what a suite has learned.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectionStep {
    pub suite: SuiteId,
    /// The clock that the change was computed from.
    pub clock: u32,
    pub at: Timestamp,
    /// Changed rows by path.
    pub files: Vec<(String, Row)>,
    /// Changed rows by path.
    pub folders: Vec<(String, Row)>,
    pub items: Option<Row>,
    /// Old and new paths.
    pub renames: Vec<(String, String)>,
    pub holdout: Option<NewHoldout>,
    pub drift: Drift,
    pub switch: SwitchChange,
    /// The decision that is closed or waits from now on, and the run that ended it.
    pub decision: Option<(i64, DecisionState, Option<RunId>)>,
    /// Runs up to this one are read as history.
    pub history_run: Option<RunId>,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// It is stored. With the ID of the holdout, if there is one.
    Stored(Option<i64>),
    /// Another server has changed the suite: compute it again.
    Outdated,
    /// The decision or the suite is gone, or another server has closed the decision.
    Obsolete,
}

/// The runs of a build, as far as they matter to the selection of its plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildOfDecision {
    /// In order.
    pub runs: Vec<RunId>,
    /// All nodes have reported their end, or nothing has arrived for a while.
    pub is_finished: bool,
}

/// A run of the default branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MainRun {
    pub run: RunId,
    pub commit_sha: Option<String>,
    pub created_at: Timestamp,
}

/// A test that failed in a run, with what tells whether the change of the run caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectionFailure {
    pub scope: String,
    pub name: String,
    /// Of the failed execution.
    pub selector: Option<String>,
    pub item: FailedItem,
}

/// The failures of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectionFailures {
    pub failures: Vec<SelectionFailure>,
    /// Selectors with results.
    pub executed_selectors: u32,
    /// Those with a failure.
    pub failed_selectors: u32,
    /// Tests that passed or failed.
    pub executed_tests: u32,
    /// Those with a failure.
    pub failed_tests: u32,
    pub has_errors_outside_tests: bool,
}

/// What is known of the items of a plan request besides their durations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectionFacts {
    /// Executions in runs up to this one are stale.
    pub stale_run: RunId,
    /// Executions before this time are stale.
    pub stale_before: Timestamp,
    /// The plan's branch, if it has runs and is not the default branch.
    pub branch: Option<BranchId>,
    /// Tests whose last result on the default branch was a failure.
    pub failing_on_default_branch: Vec<FailingTest>,
    /// Tests whose last result on the plan's branch was a failure.
    pub failing_on_branch: Vec<FailingTest>,
    /// Whether the last finished run of the plan's branch failed.
    pub last_run_failed: bool,
}

/// A test that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingTest {
    pub scope: String,
    pub name: String,
    pub selector: Option<String>,
    /// The run of the last failure on the plan's branch; 0 for those on the default branch.
    pub run: RunId,
}

/// Plans of one day, verdict and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionSums {
    /// Days since the epoch.
    pub day: i64,
    pub verdict: DecisionVerdict,
    /// The code of why everything runs.
    pub reason: Option<String>,
    pub plans: u64,
    pub time: Micros,
    pub selected_time: Micros,
}

/// How much was known of the changed files of some decisions, and of the newest of them. In parts
/// per million, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SelectionKnowledge {
    pub plans: u64,
    pub known: u64,
    pub recent_plans: u64,
    pub recent_known: u64,
}

/// A plan from which items were left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedPlan {
    pub identifier: String,
    pub created_at: Timestamp,
    /// Opaque to the store.
    pub scores: Vec<u8>,
}

/// The known failing builds among some plans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownFailures {
    pub builds: u64,
    /// Those in which a certain item failed although it was left out.
    pub missed: u64,
}

/// A run from before a suite used selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRun {
    pub run: RunId,
    pub branch: String,
    pub commit_sha: String,
    /// The changed paths, one per line.
    pub files_changed: String,
    /// Line counts as `git diff --numstat` prints them.
    pub diff_stat: String,
}

/// The next runs to read as history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Failed runs of other branches with a known commit, oldest first.
    pub runs: Vec<HistoryRun>,
    /// Runs up to this one have been looked at.
    pub until: RunId,
    pub is_complete: bool,
}

/// What a suite's selection is being switched to by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectionSwitch {
    Off { reason: String },
    On,
}
