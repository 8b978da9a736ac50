//! The values that go into and come out of the store: plain data, no SQL.

mod planning;
mod retention;
mod runs;
mod tenants;
mod tests;
mod values;

pub use planning::{
    NewPlan, NodeReport, PlanSummary, RunTiming, Selector, SelectorChanges, StoredPlan, TestTiming,
};
pub use retention::{Expired, KeptSince};
pub use runs::{
    Execution, FailedExecution, NewExecution, NewRun, NewUpload, OutcomeCounts, Recorded, Run,
    RunResult, RunState, Upload,
};
pub use tenants::{NewSuite, NewToken, Organization, Suite, SuiteChanges, Token, TokenKind};
pub use tests::{Metrics, Test, TestOrder, TestQuery, TestState, TestWithMetrics};
pub use values::{
    BranchId, Listed, OrganizationId, Page, Period, RunId, SuiteId, TestId, Timestamp, TokenId,
};
