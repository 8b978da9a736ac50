//! Which items of a plan request run, and why (§3 of the design).

use test_engine_duration::Micros;

use crate::always::always_reasons;
use crate::build::{Build, Item, Knowledge};
use crate::confidence::Confidence;
use crate::features::Features;
use crate::full::{UsableChange, full_reason, usable_change};
use crate::reason::{AlwaysReason, FullReason};
use crate::rotation::RotationPointer;
use crate::settings::{Mode, Settings, Target, Unit};
use crate::value::Values;
use crate::window::Cut;

/// Why an item is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected {
    /// Whatever its value.
    Always(AlwaysReason),
    /// For its value.
    Value,
}

/// What is known of every item of a decision, if its change could be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// The value of each item, by position.
    pub values: Values,
    /// Why each item is selected, or would have been if everything runs; `None` if it is left out.
    pub selected: Vec<Option<Selected>>,
    /// The cut of the values. With a confidence, `None` if there are too few holdouts, so that
    /// everything is selected; otherwise the value of the last item that fits.
    pub cut: Option<Cut>,
    /// What is shown of the selection.
    pub confidence: Confidence,
    /// Sum of the durations of all items, and of selected ones.
    pub time: Micros,
    /// See `time`.
    pub selected_time: Micros,
    /// Whether the items that always run are more than the target allows. They run all the same.
    pub always_exceeds_target: bool,
    pub(crate) durations: Vec<Micros>,
}

/// What happens to the items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Only the selected items run.
    Selected,
    /// Every item runs, and the selection is recorded.
    Observed,
    /// Every item runs.
    Full(FullReason),
}

/// The decision on a plan request.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What happens to the items.
    pub verdict: Verdict,
    /// `None` if the change could not be looked at.
    pub assessment: Option<Assessment>,
    /// Where the rotating sample continues after this decision.
    pub pointer: RotationPointer,
}

impl Decision {
    /// Whether an item runs, by position.
    pub fn runs(&self, position: usize) -> bool {
        match (&self.verdict, &self.assessment) {
            (Verdict::Selected, Some(assessment)) => assessment.selected[position].is_some(),
            _ => true,
        }
    }
}

/// Decides which items run. The same arguments always lead to the same decision.
pub fn decide(
    build: &Build<'_>,
    settings: &Settings,
    items: &[Item<'_>],
    knowledge: &Knowledge<'_>,
) -> Decision {
    let full = |reason, assessment| Decision {
        verdict: Verdict::Full(reason),
        assessment,
        pointer: knowledge.pointer,
    };
    let count = knowledge.catalog.len();
    if items.len() != count || knowledge.rotation.len() != count {
        return full(FullReason::InconsistentItems, None);
    }
    let usable = match usable_change(build, settings, knowledge) {
        Ok(usable) => usable,
        Err(reason) => return full(reason, None),
    };
    let (assessment, pointer) = assess(&usable, settings, items, knowledge);
    let reason = full_reason(&usable, build, settings, knowledge);
    if let Some(reason) = reason {
        return full(reason, Some(assessment));
    }
    let verdict = if settings.mode == Mode::Observe {
        Verdict::Observed
    } else if assessment.selected.iter().all(Option::is_some) {
        return full(FullReason::AllSelected, Some(assessment));
    } else {
        Verdict::Selected
    };
    // Only plans whose sample matters move the pointer.
    let pointer = if verdict == Verdict::Selected {
        pointer
    } else {
        knowledge.pointer
    };
    Decision {
        verdict,
        assessment: Some(assessment),
        pointer,
    }
}

/// Values the items and selects some of them.
fn assess(
    usable: &UsableChange<'_>,
    settings: &Settings,
    items: &[Item<'_>],
    knowledge: &Knowledge<'_>,
) -> (Assessment, RotationPointer) {
    let catalog = knowledge.catalog;
    let durations: Vec<Micros> = items.iter().map(|item| item.duration).collect();
    let features = Features::of(catalog, knowledge.counts, &usable.sources);
    let values = Values::of(&features, &durations);
    let mut always = always_reasons(items, usable.change, settings, knowledge);
    let rotation = knowledge.rotation;
    let (sample, pointer) = rotation.take(knowledge.pointer, &durations, settings.sample);
    for position in sample {
        always[position as usize].get_or_insert(AlwaysReason::Rotation);
    }
    let mut selected: Vec<Option<Selected>> = always
        .into_iter()
        .map(|reason| reason.map(Selected::Always))
        .collect();
    let always_time = time_of_selected(&durations, &selected);
    let (cut, always_exceeds_target) = match settings.target {
        Target::Confidence(promise) => {
            let cut = knowledge.window.cut(promise);
            select_above(cut, &values, &mut selected);
            (cut, false)
        }
        Target::Percent(share, Unit::Tests) => {
            let budget = share.floor_of(items.len()) as u64;
            let used = selected.iter().flatten().count() as u64;
            let order = values.ranking(catalog);
            let cut = select_best(&order, budget, used, |_| 1, &values, &mut selected);
            (Some(cut), used > budget)
        }
        Target::Percent(_, Unit::Time) | Target::Time(_) => {
            let budget = time_budget(settings.target, &durations);
            let cost = |position: usize| durations[position].get();
            let order = values.ranking(catalog);
            let (budget, used) = (budget.get(), always_time.get());
            let cut = select_best(&order, budget, used, cost, &values, &mut selected);
            (Some(cut), used > budget)
        }
    };
    let mut assessment = Assessment {
        cut,
        confidence: Confidence::default(),
        time: sum(&durations),
        selected_time: time_of_selected(&durations, &selected),
        always_exceeds_target,
        values,
        selected,
        durations,
    };
    assessment.confidence = match settings.target {
        Target::Confidence(_) => knowledge.window.confidence_of_cut(cut),
        Target::Percent(..) | Target::Time(_) => knowledge
            .window
            .confidence_of_time(assessment.selected_share()),
    };
    (assessment, pointer)
}

fn select_above(cut: Option<Cut>, values: &Values, selected: &mut [Option<Selected>]) {
    for (value, selected) in values.as_slice().iter().zip(selected) {
        if cut.is_none_or(|cut| cut.includes(*value)) {
            selected.get_or_insert(Selected::Value);
        }
    }
}

/// The sum of durations up to which items are selected.
fn time_budget(target: Target, durations: &[Micros]) -> Micros {
    match target {
        Target::Percent(share, _) => share.of(sum(durations)),
        Target::Time(time) => time,
        Target::Confidence(_) => Micros::MAX,
    }
}

/// Selects items in this order until the next does not fit; smaller ones after it are not taken, so
/// that the order explains the selection. Returns the cut at the last one; nothing is below a cut
/// of minus infinity.
fn select_best(
    order: &[u32],
    budget: u64,
    mut used: u64,
    cost: impl Fn(usize) -> u64,
    values: &Values,
    selected: &mut [Option<Selected>],
) -> Cut {
    let mut cut = Cut(f64::NEG_INFINITY);
    for position in order {
        let position = *position as usize;
        if selected[position].is_none() {
            used = used.saturating_add(cost(position));
            if used > budget {
                break;
            }
            selected[position] = Some(Selected::Value);
        }
        cut = Cut(-values.as_slice()[position]);
    }
    cut
}

fn sum(durations: &[Micros]) -> Micros {
    durations.iter().copied().sum()
}

fn time_of_selected(durations: &[Micros], selected: &[Option<Selected>]) -> Micros {
    let pairs = durations.iter().zip(selected);
    pairs
        .filter(|(_, selected)| selected.is_some())
        .map(|(duration, _)| *duration)
        .sum()
}
