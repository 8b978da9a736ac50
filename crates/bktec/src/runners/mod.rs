//! The supported test runners, one file each, behind the trait [`Runner`].
//!
//! A runner knows how its tests are found, how to name them on its command line, and how to read
//! its results. When to retry, what to report and which code to exit with is decided in `attempts`
//! and `report`. Adding a runner takes one file and one entry in [`RUNNERS`]; help, settings and
//! docs are generated from that table.

mod base;
pub(crate) mod coverage_limit;
mod cucumber;
mod custom;
mod cypress;
mod definition;
mod discovery_check;
mod error;
mod fail_fast;
mod fail_fast_override;
mod feature_table;
mod foreign_paths;
mod gotest;
mod jest;
mod launcher;
mod listing;
mod parsed_results;
pub(crate) mod paths;
mod playwright;
mod pytest;
mod pytest_pants;
mod rspec;
mod runner;
mod shell_expansion;
mod stop_policy;
mod target_index;
mod targets;
#[cfg(test)]
pub(crate) mod testing;
mod vitest;

pub use base::{RunnerBase, RunnerSettings};
pub use definition::{Definition, Features, Naming};
pub use error::{Result, RunnerError};
pub use feature_table::{at_a_glance, feature_table};
pub(crate) use launcher::program_index;
pub use parsed_results::{Observed, ParsedResults, ResultTrust, Shortfall, TestKey};
pub use runner::Runner;
pub use stop_policy::{GuardedCommand, StopPolicy};
pub(crate) use target_index::TargetIndex;
pub(crate) use targets::target;

/// In the order of help and docs.
pub const RUNNERS: &[&Definition] = &[
    &rspec::DEFINITION,
    &jest::DEFINITION,
    &vitest::DEFINITION,
    &playwright::DEFINITION,
    &cypress::DEFINITION,
    &pytest::DEFINITION,
    &pytest_pants::DEFINITION,
    &gotest::DEFINITION,
    &cucumber::DEFINITION,
    &custom::DEFINITION,
];

pub fn find(name: &str) -> Option<&'static Definition> {
    RUNNERS.iter().copied().find(|runner| runner.name == name)
}

/// Parses the runner's commands and checks its prerequisites, such as Python packages.
pub fn build(name: &str, settings: RunnerSettings) -> Result<Box<dyn Runner>> {
    let definition = find(name).ok_or_else(|| RunnerError::Unknown {
        name: name.to_owned(),
    })?;
    (definition.build)(settings)
}
