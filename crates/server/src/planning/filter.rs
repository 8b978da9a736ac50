//! Which files a client should expand into examples before it asks for a plan.
//!
//! Expanding costs the client a start of its runner, so only files where it pays are named: those
//! that hold skipped tests (which can be left out only by example), and those so slow that whole
//! they would be the longest node.

use std::collections::HashSet;

use test_engine_planner::Defaults;
use test_engine_wire::{FilterTestsRequest, FilteredTest};

use super::timings::Known;
use super::wanted;
use crate::selectors;

/// Why a file with skipped tests is named.
const HOLDS_SKIPPED: &str = "file contains 1 or more skipped tests";
/// Why a slow file is named.
const SLOW: &str = "slow file";

/// `with_skipped` are the files of skipped tests, as they were uploaded.
pub(super) fn filter(
    request: &FilterTestsRequest,
    with_skipped: &[String],
    known: &Known,
) -> Vec<FilteredTest> {
    let with_skipped: HashSet<String> = with_skipped
        .iter()
        .map(|file| selectors::canonical(file))
        .collect();
    let estimates: Vec<Option<u64>> = if request.env.buildkite_test_engine_split_by_example {
        request
            .files
            .iter()
            .map(|file| known.estimate_of_path(&file.path).map(|known| known.micros))
            .collect()
    } else {
        vec![None; request.files.len()]
    };
    let limit = slow_above(request, &estimates);
    request
        .files
        .iter()
        .zip(&estimates)
        .filter_map(|(file, estimate)| {
            let path = selectors::canonical(&file.path);
            let reason = if holds_any(&path, &with_skipped) {
                HOLDS_SKIPPED
            } else if limit
                .zip(*estimate)
                .is_some_and(|(limit, micros)| micros > limit)
            {
                SLOW
            } else {
                return None;
            };
            Some(FilteredTest {
                path: file.path.clone(),
                reason: reason.to_owned(),
            })
        })
        .collect()
}

/// The request's paths carry a location prefix, the uploaded ones may not: compare their ends.
/// Naming a file too many only costs time.
fn holds_any(path: &str, with_skipped: &HashSet<String>) -> bool {
    selectors::suffixes(path).any(|end| with_skipped.contains(end))
}

/// Microseconds above which a file is worth splitting; `None` when splitting cannot help.
fn slow_above(request: &FilterTestsRequest, estimates: &[Option<u64>]) -> Option<u64> {
    let target = request
        .target_time
        .filter(|seconds| *seconds > 0.0)
        .map(wanted::micros);
    let nodes = request
        .max_parallelism
        .filter(|most| *most > 0)
        .unwrap_or(request.env.buildkite_parallel_job_count);
    let share = u64::try_from(nodes)
        .ok()
        .filter(|nodes| *nodes > 1)
        .map(|nodes| {
            let unknown = Defaults::from_known(estimates.iter().copied().flatten()).micros();
            let total: u64 = estimates
                .iter()
                .map(|estimate| estimate.unwrap_or(unknown))
                .fold(0, u64::saturating_add);
            total / nodes
        });
    match (target, share) {
        (Some(target), Some(share)) => Some(target.min(share)),
        (target, share) => target.or(share),
    }
}
