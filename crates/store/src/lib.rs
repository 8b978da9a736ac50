//! The database of test-engine: all SQL, and nothing else.
//!
//! Everything is a method of [`Store`]; each subject adds its methods in a file of its own.
//! `ingest` is the one large transaction. No HTTP, no clock, no parsing of results: callers pass
//! times and ids.

mod accounting;
mod audit;
mod backfills;
mod backup;
mod build_executions;
mod build_failures;
mod build_runs;
mod changed_tests;
mod circumstances;
mod commits;
mod day_sums;
mod deletion;
#[expect(missing_docs, reason = "the messages document the variants")]
mod error;
mod events;
mod evidence;
mod executed;
mod execution_tags;
mod expired;
mod failure_causes;
mod failure_groups;
mod failure_history;
mod failures_on_main;
mod file_loads;
mod file_totals;
mod filters;
mod health;
mod history;
mod identity;
mod ingest;
mod job_reports;
mod known_tests;
mod labels;
mod leases;
mod level_events;
mod many;
mod memory;
mod migrations;
mod open;
mod ordering;
mod organizations;
mod ownership;
mod plans;
mod quarantines;
mod query_count;
#[expect(missing_docs, reason = "names and types of most fields say everything")]
mod records;
mod request_counts;
mod retention;
mod rings;
mod roles;
mod rule_evaluation;
mod rule_history;
mod rules;
mod run_lists;
mod run_memory;
mod run_outcomes;
mod run_tests;
mod runs;
mod saved_views;
mod search;
mod segment;
mod selection;
mod selection_switch;
mod sign_in_rules;
mod spans;
mod sql;
mod store;
mod suite_contents;
mod suites;
mod sums;
mod tagged_executions;
mod test_counts;
mod test_failures;
mod test_rows;
mod timings;
mod together;
mod tokens;
mod upload_attempts;
mod user_changes;
mod user_sessions;
mod users;
mod vanished;
mod varint;
mod webhooks;

pub use backup::{copy_database, database_file};
pub use build_executions::ExecutionFilter;
pub use error::{Conflict, StoreError};
pub use failure_causes::CountedCause;
pub use identity::test_uuid;
pub use known_tests::{FilePredicate, MetricsPredicate, TestPredicates};
pub use open::{DEFAULT_CONNECTIONS, without_secrets};
pub use query_count::{count_queries, counted_by_spawner};
pub use records::{
    AccountingSummary, AccountingVerdict, Actor, ActorKind, Admission, AttemptOutcome,
    AttemptState, AuditEntry, AuditFilter, Backfill, BackfillOutcome, BackfillState, BranchCounts,
    BranchFilter, BranchId, BranchKind, Broken, BuildExecution, BuildFailures, Change,
    Circumstances, CommitRecord, Delivery, DeliveryState, DurationHistogram, EventFilter,
    EventKind, Examined, Execution, Expired, FailedExecution, FailedOnMain, FailedTest,
    FailureCause, FailureGroup, FailureHistory, FailureTexts, FailuresOnMain, FileTotals, Fired,
    FixProof, FoundCommit, FoundMessage, Identity, Judged, KeptTexts, LabelChange, LabelFilter,
    Listed, MainCommit, MainFailure, Membership, Metrics, NewExecution, NewExecutionTags,
    NewJobReport, NewPlan, NewQuarantine, NewRejectedUpload, NewRun, NewSuite, NewTestCounts,
    NewToken, NewUpload, NewUser, NewUserSession, NewWebhook, Organization, OrganizationId,
    OutcomeCounts, OwnershipFile, Page, PendingAccounting, PendingBackfill, Period, PlanBranches,
    PlanMetadata, PlanOrigin, PlanSummary, ProvidedPerson, ProvidedSignIn, Quarantine,
    QuarantineEvents, QuarantineScope, QuarantineSettings, QuarantinedTest, Recorded, Recounted,
    RequestedSuite, RetentionStart, Role, Rule, RuleAction, RuleChange, RuleEvaluation,
    RuleHistories, RuleId, RuleMatch, RuleSettings, RuleStep, RuleUsage, Run, RunCommit, RunFilter,
    RunId, RunOutcome, RunResult, RunState, RunTiming, SavedView, Selector, SelectorChanges,
    SharedCause, SignInRule, StateStep, StoredJobReport, StoredPlan, Suite, SuiteChanges,
    SuiteContents, SuiteCounts, SuiteEvent, SuiteId, TagFilter, TagOperator, Test, TestCondition,
    TestCount, TestCounts, TestHealth, TestId, TestOrder, TestQuery, TestState, TestTerm,
    TestTiming, TestWithMetrics, TestedCode, TestedCommit, TextSource, Timestamp, Token, TokenId,
    TokenKind, TokenOwner, UnhealthyTest, Upload, UploadAttempt, User, UserId, UserSession,
    Vanished, ViewSettings, Webhook, WebhookChanges, WebhookFormat, WebhookId, WebhookTarget,
};
pub use records::{
    BuildOfDecision, DecisionDetails, DecisionRecord, DecisionState, DecisionSums, DecisionVerdict,
    FailingTest, History, HistoryRun, KnownFailures, KnownHoldout, MainRun, MissedItem,
    NewDecision, NewHoldout, SelectedPlan, SelectionChanges, SelectionFacts, SelectionFailure,
    SelectionFailures, SelectionKnowledge, SelectionState, SelectionStep, SelectionSwitch,
    StepOutcome, StoredDecision, StoredHoldout, SwitchChange, WaitingDecision,
};
pub use records::{CauseInRuns, FailureCauses, JobPart, TestEnd, TestInRun};
pub use records::{
    FailureKind, FlakyCost, Pace, RanPlan, RequestedNodes, UploadHour, UploadProblem,
};
pub use rings::RECENT_RUNS;
pub use rule_evaluation::{Firing, MAX_FIRED};
pub use rules::MAX_RULES;
pub use saved_views::MAX_SAVED_VIEWS;
pub use selection::MergedCommit;
pub use store::Store;
pub use tagged_executions::TagsPredicate;
pub use upload_attempts::{MAX_REJECTED_UPLOADS, UploadPosition};
pub use webhooks::MAX_WEBHOOKS;
