//! The HTTP JSON that `bktec` and `test-engine` speak, as plain types.
//!
//! Patient on purpose: unknown fields are ignored and new fields are optional, so an old client
//! and a new server (or the other way round) understand each other. No I/O lives here.

mod backfill;
mod env;
mod errors;
mod plans;
mod suites;
mod tests_api;
mod uploads;

pub use backfill::{BackfillMetadata, PresignedForm, PresignedUpload};
pub use env::EnvPayload;
pub use errors::ErrorBody;
pub use plans::{
    Case, CaseFormat, FilePath, FilterTestsRequest, FilterTestsResponse, FilteredTest, Plan,
    PlanMetadataRequest, PlanRequest, PlanTests, Selection, SelectorValue, Statistics, Task,
    TestFilesRequest, TestIdentity, TimelineEvent, TimingDefaults, TimingMetadata,
};
pub use suites::{AccessToken, Run, Suite};
pub use tests_api::{FindTest, Test};
pub use uploads::UploadReceipt;
