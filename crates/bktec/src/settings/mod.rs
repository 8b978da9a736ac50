//! Validated values: what was typed, given meaning. Nothing has been done yet.
//!
//! Everything that is wrong is collected and told at once ([`InvalidConfiguration`]). Commands see
//! only what stands here, never clap and never the environment.

mod backfill;
mod build;
#[cfg(test)]
mod ci_environment_tests;
mod common;
mod fields;
mod identifier;
mod nodes;
mod plan;
mod problems;
mod run;
mod runner;
mod tokens;
mod upload;
mod values;

pub use backfill::{BackfillSettings, BackfillTask};
pub use common::{CommonSettings, EngineSettings};
pub use plan::{PlanOutput, PlanSettings};
pub use problems::InvalidConfiguration;
pub use run::{EventOutput, RunSettings};
pub use runner::RunnerChoice;
pub use tokens::{AgentToken, TokenSource};
pub use upload::UploadFilesSettings;
