//! The values that the store takes and returns: plain data, no SQL.
//!
//! Fields have a comment where it adds something to their name and type: a unit, a range, a format.
//! Ids are internal ones, UUIDs are public.

mod accounting;
mod audit;
mod backfills;
mod planning;
mod quarantine;
mod retention;
mod runs;
mod tenants;
mod tests;
mod values;

pub use accounting::{
    AccountingSummary, AccountingVerdict, NewJobReport, PendingAccounting, RunCommit, Vanished,
};
pub use audit::{Actor, ActorKind, AuditEntry, AuditFilter, Change};
pub use backfills::{Backfill, BackfillOutcome, BackfillState, CommitRecord, PendingBackfill};
pub use planning::{
    BranchKind, NewPlan, NewTestCounts, PlanBranches, PlanMetadata, PlanOrigin, PlanSummary,
    RunTiming, Selector, SelectorChanges, StoredPlan, TestCount, TestTiming,
};
pub use quarantine::{
    NewQuarantine, Quarantine, QuarantineEvents, QuarantineScope, QuarantineSettings,
    QuarantinedTest, TestedCode,
};
pub use retention::{Expired, RetentionStart};
pub use runs::{
    AttemptState, BuildFailures, Execution, FailedExecution, FailedTest, NewExecution,
    NewExecutionTags, NewRejectedUpload, NewRun, NewUpload, OutcomeCounts, Recorded, Run,
    RunResult, RunState, Upload, UploadAttempt,
};
pub use tenants::{NewSuite, NewToken, Organization, Suite, SuiteChanges, Token, TokenKind};
pub use tests::{
    BranchFilter, LabelChange, LabelFilter, Metrics, OwnershipFile, Test, TestOrder, TestQuery,
    TestState, TestWithMetrics,
};
pub use values::{
    BranchId, Listed, OrganizationId, Page, Period, RunId, SuiteId, TestId, Timestamp, TokenId,
};
