//! The client: runs one CI machine's share of a test suite.
//!
//! Data flows one way: `cli` (what was typed) → `settings` (validated values, nothing done yet) →
//! `commands` (one file a subcommand, orchestration only) → `discovery` → `server_api` or
//! `fallback` → `runners` → `process` → `attempts` → `report` → `upload`. Beside it: `agent` (the
//! CI agent's program), `ci` (what CIs say of a build), `clock` and `terminal`, the only owners of what their names say.
//! The binary is a thin shell around [`commands::main`]; tests use this library directly.

pub mod agent;
pub mod attempts;
pub mod ci;
pub mod cli;
pub mod clock;
pub mod command_template;
pub mod commands;
pub mod discovery;
pub mod env_vars;
pub mod error;
pub mod exit_code;
pub mod fallback;
pub mod git;
pub mod process;
pub mod report;
mod result_size;
pub mod runners;
pub mod server_api;
pub mod settings;
pub mod split_summary;
pub mod terminal;
pub mod upload;
