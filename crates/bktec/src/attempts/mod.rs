//! Runs a node's tests, reads their results, and retries failed tests.
//!
//! These rules keep a green build honest:
//! - A failed test passes only if the results of a retry list that very test as passed.
//! - A failure is retried or excused only if all other tests ran as well. Otherwise whole targets
//!   are rerun.
//! - A result file counts only if this attempt wrote it.
//! - An error outside the tests ends the run, and no mute excuses it.
//!
//! `run` starts the runner with `commands` and reads result files, and `proof` lists tests. The
//! rest is pure: an [`attempt::Attempt`] goes into the `ledger`, which keeps the `record` of each
//! test and, with `completeness`, of each target. The `verdict` follows from both. `coverage`
//! compares results with the plan. Log lines are up to `report`; uploads and timestamps are up to
//! the caller, which gets a [`RunEvent`] for each step.

mod attempt;
mod commands;
mod completeness;
mod coverage;
mod event;
mod ledger;
mod outcome;
mod parts;
mod proof;
mod record;
mod result_file;
mod run;
mod target_ledger;
mod verdict;

use test_engine_wire::{Case, TestIdentity};

pub use event::{AttemptKind, RunEvent};
pub use outcome::{IncompleteTarget, RunOutcome, RunStatus};
pub use record::{TestRecord, UnprovenRetry};
pub use result_file::NoResults;
pub use verdict::VerdictOptions;

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
    pub verdict: VerdictOptions,
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
    let mut targets = TargetLedger::new(cases, runner.naming());
    targets.can_list = runner.can_list();
    let mut run = Run {
        runner,
        cases,
        options,
        is_stop_relevant: options.retries > 0
            || !managed.muted.is_empty()
            || !managed.skipped.is_empty(),
        ledger: Ledger::new(managed, targets, options.verdict),
        on_event,
    };
    let mut may_retry = run.first_attempt()?;
    for retry in 1..=options.retries {
        if !may_retry {
            break;
        }
        may_retry = run.retry(retry);
    }
    run.prove_muted_failures();
    Ok(run.ledger.into_outcome())
}

#[cfg(test)]
mod tests;
