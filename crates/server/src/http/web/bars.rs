//! The recent executions of a test as a bar chart of their durations, in SVG.

use test_engine_duration::Micros;
use test_engine_results::Outcome;
use test_engine_store::Execution;

/// Height of the chart in SVG units; bars are at least 2 high.
const HEIGHT: u64 = 48;
/// Distance between bars.
const STEP: usize = 12;

pub(super) struct Bar {
    pub(super) x: usize,
    pub(super) y: u64,
    pub(super) height: u64,
    pub(super) class: &'static str,
    /// Failed executions are marked by a cross too, not only by colour.
    pub(super) is_failed: bool,
}

/// Bars with the oldest execution on the left; `executions` are newest first.
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
        .map(|(index, execution)| {
            let share = execution
                .duration
                .unwrap_or_default()
                .get()
                .saturating_mul(HEIGHT)
                / longest;
            let height = share.clamp(2, HEIGHT);
            Bar {
                x: index * STEP,
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
