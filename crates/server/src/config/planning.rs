//! How long plans are kept, and what loading a file costs.

use clap::value_parser;

/// Settings of planning.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Planning {
    /// Days to keep a plan and the reports of its nodes; jobs of a build can be retried that long
    #[arg(long, value_name = "DAYS", env = "TEST_ENGINE_PLAN_RETENTION_DAYS")]
    #[arg(default_value = "7", value_parser = value_parser!(u32).range(1..=365))]
    pub plan_retention_days: u32,
    // No result contains this time; the default is typical for an RSpec or pytest file.
    /// Milliseconds that a plan adds per file and node for loading a file whose examples run there,
    /// until nodes have reported the time
    #[arg(long, value_name = "MS", env = "TEST_ENGINE_FILE_LOAD_MS")]
    #[arg(default_value = "100", value_parser = value_parser!(u32).range(0..=600_000))]
    pub file_load_ms: u32,
}
