//! Runs a node's tests, reads their results, and retries failed tests.
//!
//! These rules keep a green build honest:
//! - A failed test passes only if the results of a retry list that very test as passed.
//! - A result file counts only if this attempt wrote it.
//! - An error outside the tests ends the run, and no mute excuses it.
//!
//! `run` starts the runner and reads result files. The rest is pure: an [`attempt::Attempt`] goes
//! into the `ledger`, which keeps the `record` of each test, and from which the `verdict` follows.
//! `coverage` compares results with the plan. Log lines are up to `report`; uploads and timestamps
//! are up to the caller, which gets a [`RunEvent`] for each step.

mod attempt;
mod coverage;
mod event;
mod ledger;
mod outcome;
mod parts;
mod record;
mod result_file;
mod run;
mod target_ledger;
mod targets;
mod verdict;

use test_engine_wire::{Case, TestIdentity};

pub use event::RunEvent;
pub use outcome::{RunOutcome, RunStatus};
pub use record::{TestRecord, UnprovenRetry};
pub use result_file::NoResults;

use self::ledger::Ledger;
use self::run::Run;
use self::target_ledger::TargetLedger;
use crate::process::Capacity;
use crate::runners::{Runner, RunnerError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptOptions {
    pub retries: u32,
    pub retry_muted: bool,
    /// A target without results, or unreadable results, fail the run.
    pub require_results: bool,
    /// Longer command lines run in parts.
    pub capacity: Capacity,
}

/// Tests that the plan mutes or skips.
#[derive(Clone, Copy, Debug, Default)]
pub struct Managed<'a> {
    pub muted: &'a [TestIdentity],
    /// Treated as muted if the runner runs them nevertheless.
    pub skipped: &'a [TestIdentity],
}

/// Runs `cases`, then retries failed tests. Fails only when a part of the first attempt cannot be
/// started; later failures are in the outcome.
pub fn run(
    runner: &dyn Runner,
    cases: &[Case],
    managed: Managed<'_>,
    options: &AttemptOptions,
    on_event: &mut dyn FnMut(RunEvent<'_>),
) -> Result<RunOutcome, RunnerError> {
    let mut run = Run {
        runner,
        cases,
        options,
        ledger: Ledger::new(managed, TargetLedger::new(cases, runner.naming())),
        on_event,
    };
    let mut may_retry = run.first_attempt()?;
    for retry in 1..=options.retries {
        if !may_retry {
            break;
        }
        may_retry = run.retry(retry);
    }
    Ok(run.ledger.into_outcome())
}

#[cfg(test)]
mod tests;
