//! Everything test-engine keeps in its database: all the SQL there is, and only SQL.
//!
//! [`Store`] is the one way in. Each subject is a file that adds methods to it: organizations,
//! suites, tokens, runs, tests, timings, plans, and the one large transaction, `ingest`.
//! No HTTP, no clock, no parsing of results: times and ids are handed in, values come out.

mod backfills;
mod backup;
mod commits;
mod day_sums;
mod deletion;
mod error;
mod executed;
mod execution_tags;
mod filters;
mod history;
mod identity;
mod ingest;
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
mod timings;
mod tokens;
mod upload_attempts;
mod varint;

pub use backup::{copy_database, database_file};
pub use error::{Conflict, StoreError};
pub use executed::WantsTags;
pub use identity::test_uuid;
pub use known_tests::{TestWants, WantsFile, WantsMetrics};
pub use open::{DEFAULT_CONNECTIONS, without_secrets};
pub use records::{
    AttemptState, Backfill, BackfillOutcome, BackfillState, BranchFilter, BranchId, BranchKind,
    CommitRecord, Execution, Expired, FailedExecution, KeptSince, LabelChange, LabelFilter, Listed,
    Metrics, NewExecution, NewExecutionTags, NewPlan, NewRefusedUpload, NewRun, NewSuite, NewToken,
    NewUpload, NodeReport, Organization, OrganizationId, OutcomeCounts, OwnershipFile, Page,
    PendingBackfill, Period, PlanBranches, PlanSummary, Recorded, Run, RunId, RunResult, RunState,
    RunTiming, Selector, SelectorChanges, StoredPlan, Suite, SuiteChanges, SuiteId, Test, TestId,
    TestOrder, TestQuery, TestState, TestTiming, TestWithMetrics, Timestamp, Token, TokenId,
    TokenKind, Upload, UploadAttempt,
};
pub use rings::RECENT_RUNS;
pub use store::Store;
pub use upload_attempts::REFUSED_UPLOADS;
