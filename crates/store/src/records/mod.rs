//! The values that the store takes and returns: plain data, no SQL.
//!
//! Fields have a comment where it adds something to their name and type: a unit, a range, a format.
//! Ids are internal ones, UUIDs are public.

mod accounting;
mod audit;
mod backfills;
mod durations;
mod events;
mod failures;
mod health;
mod kept_texts;
mod people;
mod planning;
mod quarantine;
mod retention;
mod rules;
mod run_lists;
mod runs;
mod search;
mod selection;
mod tenants;
mod tests;
mod values;
mod views;
mod webhooks;

pub use accounting::{
    AccountingSummary, AccountingVerdict, NewJobReport, Pace, PendingAccounting, RunCommit,
    StoredJobReport, Vanished,
};
pub use audit::{Actor, ActorKind, AuditEntry, AuditFilter, Change};
pub use backfills::{Backfill, BackfillOutcome, BackfillState, CommitRecord, PendingBackfill};
pub use durations::DurationHistogram;
pub(crate) use durations::{BUCKETS, bucket};
pub use events::{EventFilter, EventKind, SuiteEvent};
pub use failures::{
    CauseInRuns, FailedOnMain, FailureCauses, FailureGroup, FailureKind, FailuresOnMain, FlakyCost,
    MainCommit, MainFailure,
};
pub use health::{
    Broken, Circumstances, Examined, Judged, SharedCause, TestHealth, TestedCommit, UnhealthyTest,
};
pub use kept_texts::{FailureTexts, KeptTexts, TextSource};
pub use people::{
    Admission, Identity, Membership, NewUser, NewUserSession, ProvidedPerson, ProvidedSignIn, Role,
    RuleMatch, SignInRule, User, UserSession,
};
pub use planning::{
    BranchKind, NewPlan, NewTestCounts, PlanBranches, PlanMetadata, PlanOrigin, PlanSummary,
    RanPlan, RequestedNodes, RunTiming, Selector, SelectorChanges, StoredPlan, TestCount,
    TestTiming,
};
pub use quarantine::{
    FixProof, NewQuarantine, Quarantine, QuarantineEvents, QuarantineScope, QuarantineSettings,
    QuarantinedTest, TestedCode,
};
pub use retention::{Expired, RetentionStart};
pub use rules::{
    Fired, Rule, RuleAction, RuleChange, RuleEvaluation, RuleHistories, RuleSettings, RuleStep,
    RuleUsage, StateStep, TagFilter, TagOperator,
};
pub use run_lists::{BranchCounts, RunFilter};
pub use runs::{
    AttemptState, BuildExecution, BuildFailures, Execution, FailedExecution, FailedTest,
    FailureCause, FailureHistory, JobPart, NewExecution, NewExecutionTags, NewRejectedUpload,
    NewRun, NewUpload, OutcomeCounts, Recorded, Recounted, Run, RunOutcome, RunResult, RunState,
    SuiteContents, SuiteCounts, TestCounts, TestEnd, TestInRun, Upload, UploadAttempt, UploadHour,
    UploadProblem,
};
pub use search::{FoundCommit, FoundMessage};
pub use selection::{
    BuildOfDecision, DecisionDetails, DecisionRecord, DecisionState, DecisionSums, DecisionVerdict,
    FailingTest, History, HistoryRun, KnownFailures, KnownHoldout, MainRun, MissedItem,
    NewDecision, NewHoldout, SelectedPlan, SelectionChanges, SelectionFacts, SelectionFailure,
    SelectionFailures, SelectionKnowledge, SelectionState, SelectionStep, SelectionSwitch,
    StepOutcome, StoredDecision, StoredHoldout, SwitchChange, WaitingDecision,
};
pub use tenants::{
    NewSuite, NewToken, Organization, RequestedSuite, Suite, SuiteChanges, Token, TokenKind,
    TokenOwner,
};
pub use tests::{
    BranchFilter, FileTotals, LabelChange, LabelFilter, Metrics, OwnershipFile, Test,
    TestCondition, TestOrder, TestQuery, TestState, TestTerm, TestWithMetrics,
};
pub use values::{
    BranchId, Listed, OrganizationId, Page, Period, RuleId, RunId, SuiteId, TestId, Timestamp,
    TokenId, UserId, WebhookId,
};
pub use views::{SavedView, ViewSettings};
pub use webhooks::{
    AttemptOutcome, Delivery, DeliveryState, NewWebhook, Webhook, WebhookChanges, WebhookFormat,
    WebhookTarget,
};
