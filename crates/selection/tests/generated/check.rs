//! What must hold for every decision.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use test_engine_duration::Micros;
use test_engine_selection::{
    AlwaysReason, Assessment, Decision, Mode, Origin, Selected, Share, Target, Unit, Verdict,
    decide, is_held_out,
};

use super::expected::{always_reason, full_reason};
use super::{Case, World};

/// The decision on a case.
pub(crate) fn decision(case: &Case, world: &World) -> Decision {
    let items = world.items(case);
    decide(
        &world.build(case),
        &case.settings,
        &items,
        &world.knowledge(case),
    )
}

/// Everything runs exactly when the list of reasons says so, with the first reason.
pub(crate) fn full_rules(case: &Case) -> Result<(), TestCaseError> {
    let world = case.world();
    let decision = decision(case, &world);
    let expected = full_reason(case, &world);
    match &decision.verdict {
        Verdict::Full(reason) if reason.as_str() == "all_selected" => {
            prop_assert_eq!(expected, None);
            let assessment = decision.assessment.as_ref().expect("a selection was made");
            prop_assert!(assessment.selected.iter().all(Option::is_some));
        }
        Verdict::Full(reason) => prop_assert_eq!(expected, Some(reason.as_str())),
        Verdict::Observed => {
            prop_assert_eq!((expected, case.settings.mode), (None, Mode::Observe));
        }
        Verdict::Selected => {
            prop_assert_eq!((expected, case.settings.mode), (None, Mode::Select));
            let is_left_out = |position: usize| !decision.runs(position);
            prop_assert!((0..case.items.len()).any(is_left_out));
        }
    }
    if decision.verdict != Verdict::Selected {
        prop_assert!((0..case.items.len()).all(|position| decision.runs(position)));
        prop_assert_eq!(decision.pointer, world.knowledge(case).pointer);
    }
    Ok(())
}

/// Items run always exactly when a reason applies, with the first reason, and the others run
/// exactly if their value is high enough.
pub(crate) fn always_rules(case: &Case) -> Result<(), TestCaseError> {
    let world = case.world();
    let decision = decision(case, &world);
    let Some(assessment) = &decision.assessment else {
        return Ok(());
    };
    let mut has_sample = false;
    for (position, selected) in assessment.selected.iter().enumerate() {
        let expected = always_reason(case, position);
        match selected {
            Some(Selected::Always(AlwaysReason::Rotation)) => {
                has_sample = true;
                prop_assert_eq!(expected, None);
            }
            Some(Selected::Always(reason)) => prop_assert_eq!(expected, Some(*reason)),
            Some(Selected::Value) | None => prop_assert_eq!(expected, None),
        }
    }
    let all_have_reasons = (0..case.items.len()).all(|at| always_reason(case, at).is_some());
    let is_sampled = has_sample || decision.pointer != world.knowledge(case).pointer;
    prop_assert!(decision.verdict != Verdict::Selected || is_sampled || all_have_reasons);
    match case.settings.target {
        Target::Confidence(promise) => check_cut(assessment, promise, &world),
        target => check_budget(assessment, target, &world),
    }?;
    check_holdouts(case, assessment, &world)
}

fn check_cut(assessment: &Assessment, promise: Share, world: &World) -> Result<(), TestCaseError> {
    for (value, selected) in assessment
        .values
        .as_slice()
        .iter()
        .zip(&assessment.selected)
    {
        let is_above = assessment.cut.is_none_or(|cut| cut.includes(*value));
        let is_selected = *selected == Some(Selected::Value);
        let is_always = matches!(selected, Some(Selected::Always(_)));
        prop_assert!(is_always || is_selected == is_above);
    }
    let shown = assessment.confidence.shown();
    if assessment.cut.is_some() {
        prop_assert!(
            shown >= promise.as_f64() - 1e-12,
            "{} of {}",
            shown,
            promise
        );
    }
    prop_assert!(assessment.confidence.at_least() <= shown + 1e-9 || world.window.is_empty());
    Ok(())
}

fn check_budget(
    assessment: &Assessment,
    target: Target,
    world: &World,
) -> Result<(), TestCaseError> {
    let selected = |position: &u32| assessment.selected[*position as usize];
    let ranking = assessment.values.ranking(&world.catalog);
    let left_out = ranking
        .iter()
        .position(|position| selected(position).is_none());
    if let Some(first) = left_out {
        let mut after = ranking[first..].iter();
        prop_assert!(after.all(|position| selected(position) != Some(Selected::Value)));
    }
    let has_chosen = assessment.selected.contains(&Some(Selected::Value));
    let count = assessment.selected.iter().flatten().count() as u64;
    let items = assessment.selected.len() as u64;
    let is_within = match target {
        Target::Percent(share, Unit::Tests) => count * 1_000_000 <= u64::from(share.ppm()) * items,
        Target::Percent(share, Unit::Time) => {
            let time = assessment.selected_time.get() * 1_000_000;
            time <= u64::from(share.ppm()) * assessment.time.get()
        }
        Target::Time(time) => assessment.selected_time <= time,
        Target::Confidence(_) => true,
    };
    prop_assert!(is_within || !has_chosen, "{assessment:?}");
    prop_assert_eq!(is_within, !assessment.always_exceeds_target);
    Ok(())
}

/// What is kept of a failing build agrees with the selection, whichever items failed.
fn check_holdouts(
    case: &Case,
    assessment: &Assessment,
    world: &World,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(assessment.holdout(&world.catalog, Origin::Full, &[]), None);
    for last in 0..case.items.len() {
        let failed: Vec<usize> = (0..=last).rev().step_by(2).collect();
        let holdout = assessment.holdout(&world.catalog, Origin::Full, &failed);
        let holdout = holdout.expect("an item failed");
        let is_caught = failed
            .iter()
            .any(|item| assessment.selected[*item].is_some());
        prop_assert_eq!(holdout.is_caught, is_caught);
        if matches!(case.settings.target, Target::Confidence(_)) {
            let by_cut = assessment.cut.is_none_or(|cut| holdout.needed <= cut.0);
            prop_assert_eq!(is_caught, by_cut || holdout.needed.is_infinite());
        }
        prop_assert!((0.0..=1.0).contains(&holdout.time_share));
        if assessment.time > Micros::ZERO && !assessment.always_exceeds_target {
            let is_late = holdout.time_share > assessment.selected_share() + 1e-9;
            prop_assert!(is_caught || is_late || has_free_items(case));
        }
    }
    Ok(())
}

/// Items without a duration do not change the share of the time.
fn has_free_items(case: &Case) -> bool {
    case.items.iter().any(|item| item.milliseconds == 0)
}

/// The same request leads to the same decision on another server, which has restored what the suite
/// has learned.
pub(crate) fn one_decision(case: &Case) -> Result<(), TestCaseError> {
    let (world, other) = (case.world(), case.world());
    prop_assert_eq!(decision(case, &world), decision(case, &other));
    Ok(())
}

/// A build that is held out at some share is held out at every larger one.
pub(crate) fn holdout_hash(suite: u128, identifier: &str) -> Result<(), TestCaseError> {
    let suite = suite.to_be_bytes();
    let is_held_out = |percent| is_held_out(&suite, identifier, Share::from_percent(percent));
    let held_out: Vec<bool> = [0, 1, 10, 50, 90, 100]
        .into_iter()
        .map(is_held_out)
        .collect();
    prop_assert!(held_out.is_sorted() && !held_out[0] && held_out[5]);
    prop_assert_eq!(is_held_out(10), held_out[2]);
    Ok(())
}
