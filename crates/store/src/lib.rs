//! The database of test-engine: all SQL, and nothing else.
//!
//! Everything is a method of [`Store`]; each subject adds its methods in a file of its own.
//! `ingest` is the one large transaction. No HTTP, no clock, no parsing of results: callers pass
//! times and ids.

mod accounting;
mod audit;
mod backfills;
mod backup;
mod build_failures;
mod build_runs;
mod commits;
mod day_sums;
mod deletion;
#[expect(missing_docs, reason = "the messages document the variants")]
mod error;
mod executed;
mod execution_tags;
mod expired;
mod filters;
mod history;
mod identity;
mod ingest;
mod job_reports;
mod known_tests;
mod labels;
mod leases;
mod many;
mod memory;
mod open;
mod ordering;
mod organizations;
mod ownership;
mod plans;
mod quarantines;
#[expect(missing_docs, reason = "names and types of most fields say everything")]
mod records;
mod request_counts;
mod retention;
mod rings;
mod runs;
mod segment;
mod sql;
mod store;
mod suites;
mod sums;
mod test_counts;
mod timings;
mod tokens;
mod upload_attempts;
mod vanished;
mod varint;

pub use backup::{copy_database, database_file};
pub use error::{Conflict, StoreError};
pub use executed::TagsPredicate;
pub use identity::test_uuid;
pub use known_tests::{FilePredicate, MetricsPredicate, TestPredicates};
pub use open::{DEFAULT_CONNECTIONS, without_secrets};
pub use records::{
    AccountingSummary, AccountingVerdict, Actor, ActorKind, AttemptState, AuditEntry, AuditFilter,
    Backfill, BackfillOutcome, BackfillState, BranchFilter, BranchId, BranchKind, BuildFailures,
    Change, CommitRecord, Execution, Expired, FailedExecution, FailedTest, LabelChange,
    LabelFilter, Listed, Metrics, NewExecution, NewExecutionTags, NewJobReport, NewPlan,
    NewQuarantine, NewRejectedUpload, NewRun, NewSuite, NewTestCounts, NewToken, NewUpload,
    Organization, OrganizationId, OutcomeCounts, OwnershipFile, Page, PendingAccounting,
    PendingBackfill, Period, PlanBranches, PlanMetadata, PlanOrigin, PlanSummary, Quarantine,
    QuarantineEvents, QuarantineScope, QuarantineSettings, QuarantinedTest, Recorded,
    RetentionStart, Run, RunCommit, RunId, RunResult, RunState, RunTiming, Selector,
    SelectorChanges, StoredPlan, Suite, SuiteChanges, SuiteId, Test, TestCount, TestId, TestOrder,
    TestQuery, TestState, TestTiming, TestWithMetrics, TestedCode, Timestamp, Token, TokenId,
    TokenKind, Upload, UploadAttempt, Vanished,
};
pub use rings::RECENT_RUNS;
pub use store::Store;
pub use upload_attempts::MAX_REJECTED_UPLOADS;
