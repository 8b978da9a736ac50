//! The JSON of the HTTP API between `bktec` and `test-engine`, as plain types.
//!
//! Unknown fields are ignored and fields that the reader does not need are optional, so that old
//! clients work with new servers and vice versa. This crate does no I/O.

mod backfill;
mod env;
mod errors;
mod node_reports;
pub mod object;
mod plans;
mod selection;
mod selection_summary;
mod suites;
mod target_path;
mod tests_api;
mod uploads;

pub use backfill::{BackfillMetadata, PresignedForm, PresignedUpload};
pub use env::EnvPayload;
pub use errors::ErrorBody;
pub use node_reports::{
    ExcuseReason, ExcusedTest, Loading, NodeReport, NodeState, PlanSource, Population,
    TargetOutcome, TargetReport,
};
#[cfg(feature = "openapi")]
pub use plans::PlanExample;
pub use plans::{
    Case, CaseFormat, FilePath, FilterTestsRequest, FilterTestsResponse, FilteredTest, Plan,
    PlanMetadataRequest, PlanRequest, PlanTests, Selection, SelectorValue, Statistics, Task,
    TestFilesRequest, TestIdentity, TimelineEvent, TimingDefaults, TimingMetadata,
};
pub use selection::{
    PlanSelection, SelectionCause, SelectionChange, SelectionConfidence, SelectionDecision,
    SelectionDurations, SelectionHoldout, SelectionItem, SelectionMiss, SelectionOff,
    SelectionOperatingPoint, SelectionOverview, SelectionPoint, SelectionSwitch, SelectionVerdict,
    SelectionWeek,
};
pub use suites::{AccessToken, FailedTests, QuarantineSettings, Run, Suite};
pub use target_path::{
    file_of_target, without_dot_slash, without_example_id, without_lines, without_location_prefix,
};
pub use tests_api::{FindTest, Test};
pub use uploads::UploadReceipt;
