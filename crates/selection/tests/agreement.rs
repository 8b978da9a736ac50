//! Compares the crate with an independent reference on histories of real projects.
//!
//! `values.json` has the values that a reference implementation in Python computes from the
//! formulas of the design; the figures below are those that it prints.

mod histories;

use std::collections::BTreeMap;
use std::path::PathBuf;

use histories::closed_loop::ClosedLoop;
use histories::open_loop::{OpenLoop, SHARES, for_each_failing};
use histories::{History, given_paths, mean};
use rstest::rstest;
use serde::Deserialize;
use test_engine_selection::{Share, Values};

#[derive(Deserialize)]
struct Expected {
    build: usize,
    values: Vec<f64>,
}

/// Values are written with five decimals, and counts are stored with 24 bits.
const TOLERANCE: f64 = 5e-5;

fn given() -> Vec<History> {
    let read = |path: &PathBuf| History::read(path, false).expect("the histories are readable");
    given_paths().iter().map(read).collect()
}

#[test]
fn values_are_those_of_the_reference() {
    let expected: BTreeMap<String, Vec<Expected>> =
        serde_json::from_str(include_str!("histories/values.json")).expect("valid JSON");
    for history in given() {
        let mut expected = expected[&history.suite.suite].iter().peekable();
        let durations = history.durations();
        for_each_failing(&history, |build, features, _| {
            let Some(expected) = expected.next_if(|expected| expected.build == build) else {
                return;
            };
            let values = Values::of(features, &durations);
            assert_eq!(values.as_slice().len(), expected.values.len());
            for (position, (value, expected)) in
                values.as_slice().iter().zip(&expected.values).enumerate()
            {
                assert!(
                    (value - expected).abs() < TOLERANCE,
                    "{} build {} item {position}: {value} instead of {expected}",
                    history.suite.suite,
                    build
                );
            }
        });
        assert!(
            expected.next().is_none(),
            "every expected build is compared"
        );
    }
}

/// Percent of failing builds and of failing files found at 10, 15, 20 and 33 % of the time. The
/// reference also learns from the seven builds that changed more than 40 files.
#[test]
fn found_builds_and_files_are_those_of_the_reference() {
    let expected = [
        ([79.6, 82.5, 92.3, 95.4], [55.3, 67.0, 72.6, 81.3]),
        ([97.3, 98.4, 99.0, 100.0], [74.1, 78.3, 81.0, 87.5]),
        ([90.7, 90.7, 90.7, 92.7], [92.3, 92.6, 92.6, 94.7]),
    ];
    let found: Vec<OpenLoop> = given().iter().map(OpenLoop::run).collect();
    for (number, share) in SHARES.into_iter().enumerate() {
        let mut differences = [Vec::new(), Vec::new()];
        for (found, (builds, files)) in found.iter().zip(expected) {
            differences[0].push(100.0 * found.found_builds(share) - builds[number]);
            differences[1].push(100.0 * found.found_files(share) - files[number]);
        }
        for differences in differences {
            assert!(
                mean(&differences).abs() <= 0.2,
                "at {share}: {differences:?}"
            );
            assert!(
                differences.iter().all(|one| one.abs() <= 0.4),
                "at {share}: {differences:?}"
            );
        }
    }
}

/// Percent caught and shown, and of the time of builds with a selection: means of the three
/// histories. Samples and holdouts are drawn differently than in the reference.
#[rstest]
#[case(90, 90.6, 90.2, 17.1)]
#[case(95, 95.4, 95.2, 20.8)]
#[case(98, 98.4, 98.2, 30.2)]
fn the_loop_keeps_its_promise_like_the_reference(
    #[case] promise: u32,
    #[case] caught: f64,
    #[case] shown: f64,
    #[case] selected_time: f64,
) {
    let promise = Share::from_percent(promise);
    let histories = given();
    let loops: Vec<ClosedLoop> = histories
        .iter()
        .map(|history| ClosedLoop::run(history, promise, 40))
        .collect();
    let sum = |count: fn(&ClosedLoop) -> usize| loops.iter().map(count).sum::<usize>();
    let found_caught = 100.0 * histories::ratio(sum(|one| one.caught), sum(|one| one.judged));
    let of = |value: fn(&ClosedLoop) -> f64| {
        100.0 * mean(&loops.iter().map(value).collect::<Vec<f64>>())
    };
    let found = [
        found_caught,
        of(ClosedLoop::shown),
        of(ClosedLoop::selected_time),
    ];
    for (found, expected) in found.into_iter().zip([caught, shown, selected_time]) {
        assert!(
            (found - expected).abs() <= 1.5,
            "{found} instead of {expected}"
        );
    }
    let error = of(|one| (one.shown() - one.seen()).abs());
    assert!(error <= 2.5, "shown and seen differ by {error}");
    assert!(of(ClosedLoop::time) < 60.0);
}
