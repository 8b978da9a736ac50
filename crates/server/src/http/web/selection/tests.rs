//! Tests of the figures of the page about test selection.

use test_engine_wire::{
    SelectionConfidence, SelectionOperatingPoint, SelectionPoint, SelectionWeek,
};

use super::*;

fn overview() -> SelectionOverview {
    let week = |plans, selected_plans, saved| SelectionWeek {
        from: "2026-11-23".to_owned(),
        plans,
        selected_plans,
        time: 7_200.0 * f64::from(u32::try_from(plans).unwrap()),
        time_saved: saved,
        time_of_holdouts: 60.0,
    };
    let point = |confidence, holdouts_needed, time| SelectionOperatingPoint {
        confidence,
        holdouts_needed,
        time,
    };
    SelectionOverview {
        seen: SelectionConfidence {
            holdouts: 40,
            caught: 39,
            shown: 39.0 / 41.0,
            at_least: 0.8866,
        },
        curve: vec![SelectionPoint {
            time: 1,
            caught: 12,
            unbiased_caught: 0,
        }],
        operating_points: vec![
            point(95.0, 19, Some(21)),
            point(98.0, 49, None),
            point(90.0, 9, None),
        ],
        full_reasons: [("few_holdouts".to_owned(), 2), ("holdout".to_owned(), 7)].into(),
        weeks: vec![week(0, 0, 0.0), week(4, 3, 10_800.0), week(2, 1, 3_600.0)],
        ..SelectionOverview::default()
    }
}

#[test]
fn the_curve_marks_the_time_of_the_promise() {
    let curve = curve(&overview()).unwrap();
    assert_eq!((curve.builds, curve.current), (40, Some(21)));
    assert!(super::curve(&SelectionOverview::default()).is_none());
}

#[test]
fn promises_that_cannot_be_given_yet_say_what_is_missing() {
    let times: Vec<String> = points(&overview())
        .into_iter()
        .map(|one| one.time)
        .collect();
    assert_eq!(
        times,
        [
            "21% of the time",
            "not yet: 9 failing builds to go",
            "not reached by any part of the tests"
        ]
    );
}

#[test]
fn weeks_before_the_first_plan_are_left_out() {
    let weeks = weeks(&overview()).unwrap();
    assert_eq!(weeks.rows.len(), 2);
    assert_eq!(weeks.rows[1].plans, "3 of 4");
    assert_eq!(weeks.rows[1].share, "37.5%");
    assert!(super::weeks(&SelectionOverview::default()).is_none());
}

#[test]
fn what_was_saved_names_what_measuring_cost() {
    let (saved, note) = saved(&overview());
    assert_eq!(saved, "4 h 0 min");
    assert_eq!(
        note,
        "33.3% of the test time; 3 min 0 s ran only to measure"
    );
}

#[test]
fn frequent_reasons_come_first() {
    let texts: Vec<String> = reasons(&overview())
        .into_iter()
        .map(|one| one.text)
        .collect();
    assert_eq!(
        texts,
        [
            "held out to measure selection",
            "too few failing builds are known"
        ]
    );
}
