//! The recent executions of a test as bars of their duration, for a picture made without script.

use test_engine_duration::Micros;
use test_engine_results::Outcome;
use test_engine_store::Execution;

/// Height of the picture, in its own units; the lowest bar keeps two of them.
const HEIGHT: u64 = 48;
/// From one bar to the next.
const STEP: usize = 12;

/// One execution.
pub(super) struct Bar {
    pub(super) x: usize,
    pub(super) y: u64,
    pub(super) height: u64,
    pub(super) class: &'static str,
    /// Failed ones get a cross as well as a colour.
    pub(super) is_failed: bool,
}

/// Oldest on the left. `executions` are newest first, as the history lists them.
pub(super) fn of(executions: &[Execution]) -> Vec<Bar> {
    let longest = executions
        .iter()
        .filter_map(|execution| execution.duration)
        .max();
    let longest = longest.unwrap_or_default().max(Micros::ONE).get();
    executions
        .iter()
        .rev()
        .enumerate()
        .map(|(place, execution)| {
            let share = execution
                .duration
                .unwrap_or_default()
                .get()
                .saturating_mul(HEIGHT)
                / longest;
            let height = share.clamp(2, HEIGHT);
            Bar {
                x: place * STEP,
                y: HEIGHT - height,
                height,
                class: match execution.outcome {
                    Outcome::Passed => "passed",
                    Outcome::Failed => "failed",
                    Outcome::Skipped => "skipped",
                    Outcome::Unknown => "unknown",
                },
                is_failed: execution.outcome == Outcome::Failed,
            }
        })
        .collect()
}
