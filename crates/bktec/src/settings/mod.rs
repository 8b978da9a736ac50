//! Validated settings of each command, from its options and the CI's variables.
//!
//! Every problem is collected and reported at once ([`InvalidConfiguration`]). Nothing is executed
//! or fetched here.

mod backfill;
mod build;
#[cfg(test)]
mod ci_environment_tests;
mod common;
mod explain;
mod identifier;
mod nodes;
mod plan;
mod problems;
mod run;
mod runner;
mod summary;
mod tokens;
mod upload;
mod verify;

pub use backfill::{BackfillSettings, BackfillTask};
pub use common::CommonSettings;
pub use explain::ExplainSettings;
pub use plan::{PlanOutput, PlanSettings};
pub use problems::InvalidConfiguration;
pub use run::{EventOutput, RunSettings};
pub use runner::RunnerChoice;
pub use summary::SummarySettings;
pub use tokens::{AgentToken, EngineSettings, TokenSource};
pub use upload::UploadFilesSettings;
pub use verify::{ReportFiles, VerifyOutput, VerifySettings, VerifySource};
