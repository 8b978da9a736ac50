//! Selects the files that a client should expand into examples before it requests a plan.
//!
//! Expanding costs the client an invocation of its runner, so only two kinds of files are selected:
//! those with skipped tests, which can only be omitted by example, and those that would make a node
//! too slow.

use std::borrow::Cow;
use std::collections::HashSet;

use test_engine_duration::Micros;
use test_engine_planner::Defaults;
use test_engine_wire::{FilterTestsRequest, FilteredTest};

use super::node_count;
use super::timings::Known;
use crate::selectors;

const HAS_SKIPPED_TESTS: &str = "file contains 1 or more skipped tests";
const SLOW: &str = "slow file";

/// `with_skipped` are the files of skipped tests, as uploaded.
pub(super) fn filter(
    request: &FilterTestsRequest,
    with_skipped: &[String],
    known: &Known,
) -> Vec<FilteredTest> {
    let with_skipped: HashSet<Cow<'_, str>> = with_skipped
        .iter()
        .map(|file| selectors::canonical(file))
        .collect();
    let is_split_by_example = request.env.buildkite_test_engine_split_by_example;
    let estimate = |path| known.estimate_of_path(path).map(|known| known.duration);
    let estimates: Vec<Option<Micros>> = request
        .files
        .iter()
        .map(|file| is_split_by_example.then(|| estimate(&file.path)).flatten())
        .collect();
    let limit = slow_above(request, &estimates);
    request
        .files
        .iter()
        .zip(&estimates)
        .filter_map(|(file, estimate)| {
            let path = selectors::canonical(&file.path);
            let reason = if has_skipped_tests(&path, &with_skipped) {
                HAS_SKIPPED_TESTS
            } else if limit
                .zip(*estimate)
                .is_some_and(|(limit, estimate)| estimate > limit)
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

/// Compares suffixes, because requested paths have a location prefix and uploaded ones may not. A
/// file selected by mistake only costs time.
fn has_skipped_tests(path: &str, with_skipped: &HashSet<Cow<'_, str>>) -> bool {
    selectors::suffixes(path).any(|end| with_skipped.contains(end))
}

/// The duration above which a file should be split; `None` if splitting cannot help.
fn slow_above(request: &FilterTestsRequest, estimates: &[Option<Micros>]) -> Option<Micros> {
    let target = request
        .target_time
        .filter(|seconds| *seconds > 0.0)
        .map(node_count::duration);
    let nodes = request
        .max_parallelism
        .filter(|max| *max > 0)
        .unwrap_or(request.env.buildkite_parallel_job_count);
    let share = u64::try_from(nodes)
        .ok()
        .filter(|nodes| *nodes > 1)
        .map(|nodes| {
            let unknown = Defaults::from_known(estimates.iter().copied().flatten()).duration();
            let total: Micros = estimates
                .iter()
                .map(|estimate| estimate.unwrap_or(unknown))
                .sum();
            Micros::new(total.get() / nodes)
        });
    [target, share].into_iter().flatten().min()
}
