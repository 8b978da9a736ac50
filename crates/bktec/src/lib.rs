//! The client: runs one node's share of a test suite.
//!
//! Data flows one way: `cli` (options and variables) → `settings` (validated values) → `commands`
//! (one file per subcommand, orchestration only) → `discovery` → `server_api` or `fallback` →
//! `runners` → `process` → `attempts` → `report` → `upload`. No module below `commands` imports
//! `commands`, `settings` or `cli`. Besides these, `agent` calls the Buildkite agent, `ci` reads
//! build details from CI variables, and only `clock` and `terminal` read the time and write to the
//! terminal.
//!
//! The binary only calls [`main`]. Modules are private; [`internals`] is for tests and benches.

#![expect(
    missing_docs,
    reason = "`internals` exposes items of private modules to tests, not to users"
)]
#![expect(
    unreachable_pub,
    reason = "modules are private, so `pub` inside them already means `pub(crate)`"
)]

mod agent;
mod attempts;
mod ci;
mod cli;
mod clock;
mod command_template;
mod commands;
mod discovery;
mod env_vars;
mod exit_code;
mod fallback;
mod headline;
mod process;
mod report;
mod result_format;
mod result_size;
mod runners;
mod server_api;
mod settings;
mod split_summary;
mod terminal;
mod upload;

pub use commands::main;

/// Items for this crate's tests and benches. No compatibility promise.
#[doc(hidden)]
pub mod internals {
    pub use crate::attempts::{
        AttemptOptions, Managed, RunEvent, RunOutcome, RunStatus, VerdictOptions, run,
    };
    pub use crate::cli::command;
    pub use crate::discovery::{Pattern, walk};
    pub use crate::env_vars::{ALL, CI, NO_COLOR};
    pub use crate::process::Capacity;
    pub use crate::report::{Event, EventLine, RunResult};
    pub use crate::runners::{
        ParsedResults, RUNNERS, Runner, RunnerError, RunnerSettings, StopPolicy, at_a_glance,
        build, feature_table,
    };
}
