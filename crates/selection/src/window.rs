//! The latest known failing builds, and the cut that would have caught enough of them (§5 of the
//! design).

use crate::confidence::Confidence;
use crate::settings::{Target, holdouts_for};
use crate::share::Share;

/// Failing builds that count; more if a promise needs them.
const WINDOW: usize = 300;
/// With this many others, failing builds from before selection no longer count.
const MIN_WITHOUT_HISTORY: usize = 40;

/// How a failing build became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Held out: everything ran.
    Holdout,
    /// Everything ran, because selection only observes.
    Observed,
    /// A selected run failed.
    Caught,
    /// A selected run passed, and an item that was left out failed on the default branch.
    Missed,
    /// Everything ran for another reason.
    Full,
    /// From before selection was switched on.
    History,
}

impl Origin {
    /// The name in stored rows and responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holdout => "holdout",
            Self::Observed => "observed",
            Self::Caught => "caught",
            Self::Missed => "missed",
            Self::Full => "full",
            Self::History => "history",
        }
    }

    /// Whether such builds are a sample of all failing builds, whatever the selection finds.
    pub const fn is_unbiased(self) -> bool {
        matches!(self, Self::Holdout | Self::Observed)
    }
}

/// A failing build whose failing items are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holdout {
    /// How it became known.
    pub origin: Origin,
    /// The negative of the highest value of its failing items; minus infinity if one of them always
    /// ran. The build is caught by every cut that is at least this.
    pub needed: f64,
    /// The share of the time at which it was caught, from 0 to 1.
    pub time_share: f64,
    /// Whether the selection of that time caught it, or would have.
    pub is_caught: bool,
}

/// Which items run for their value: those with −value ≤ cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut(pub f64);

impl Cut {
    /// Whether an item of this value runs.
    pub fn includes(self, value: f64) -> bool {
        -value <= self.0
    }
}

/// The latest holdouts that count, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window(Vec<Holdout>);

impl Window {
    /// The latest of these, oldest first, without those of the default branch.
    pub fn new(holdouts: &[Holdout], target: Target) -> Self {
        let needed = target.promise().map_or(0, holdouts_for) as usize;
        let is_real = |holdout: &&Holdout| holdout.origin != Origin::History;
        let real = holdouts.iter().filter(is_real).count();
        let mut counted: Vec<Holdout> = if real >= MIN_WITHOUT_HISTORY {
            holdouts.iter().filter(is_real).copied().collect()
        } else {
            holdouts.to_vec()
        };
        let excess = counted.len().saturating_sub(WINDOW.max(needed));
        counted.drain(..excess);
        Self(counted)
    }

    /// Number of holdouts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ⌊α(n + 1)⌋-th largest of what the holdouts needed, where α = 1 − promise: at most α (n +
    /// 1) − 1 of them are missed. `None` if there are too few, so that everything has to run.
    pub fn cut(&self, promise: Share) -> Option<Cut> {
        let place = promise.rest().floor_of(self.0.len() + 1);
        let mut needed: Vec<f64> = self.0.iter().map(|holdout| holdout.needed).collect();
        needed.sort_unstable_by(|left, right| right.total_cmp(left));
        needed.get(place.checked_sub(1)?).copied().map(Cut)
    }

    /// How many holdouts this cut catches; all of them without a cut.
    pub fn confidence_of_cut(&self, cut: Option<Cut>) -> Confidence {
        self.count(|holdout| cut.is_none_or(|cut| holdout.needed <= cut.0))
    }

    /// How many holdouts this share of the time catches.
    pub fn confidence_of_time(&self, share: f64) -> Confidence {
        self.count(|holdout| holdout.time_share <= share)
    }

    /// How many were caught when they were decided; of unbiased ones only if asked for.
    pub fn confidence_seen(&self, only_unbiased: bool) -> Confidence {
        if only_unbiased {
            return self.unbiased().count(|holdout| holdout.is_caught);
        }
        self.count(|holdout| holdout.is_caught)
    }

    /// The unbiased ones of these holdouts, and no older ones.
    #[must_use]
    pub fn unbiased(&self) -> Self {
        let unbiased = self.0.iter().filter(|holdout| holdout.origin.is_unbiased());
        Self(unbiased.copied().collect())
    }

    fn count(&self, is_caught: impl Fn(&Holdout) -> bool) -> Confidence {
        let caught = self.0.iter().filter(|holdout| is_caught(holdout)).count();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Confidence {
            holdouts: count(self.0.len()),
            caught: count(caught),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALWAYS: Target = Target::Confidence(Share::from_percent(95));

    fn holdout(needed: f64) -> Holdout {
        Holdout {
            origin: Origin::Observed,
            needed,
            time_share: needed / 100.0,
            is_caught: true,
        }
    }

    fn window(needed: &[f64]) -> Window {
        Window::new(
            &needed
                .iter()
                .map(|needed| holdout(*needed))
                .collect::<Vec<_>>(),
            ALWAYS,
        )
    }

    #[test]
    fn the_cut_misses_as_many_as_the_promise_allows() {
        let promise = Share::from_percent(95);
        let needed: Vec<f64> = (1..=39).map(f64::from).collect();
        assert_eq!(window(&needed[..18]).cut(promise), None);
        assert_eq!(window(&needed[..19]).cut(promise), Some(Cut(19.0)));
        let all = window(&needed);
        assert_eq!(all.cut(promise), Some(Cut(38.0)));
        let confidence = all.confidence_of_cut(all.cut(promise));
        assert_eq!((confidence.holdouts, confidence.caught), (39, 38));
        assert_eq!(all.confidence_of_cut(None).caught, 39);
        assert_eq!(all.confidence_of_time(0.1).caught, 10);
    }

    #[test]
    fn always_items_need_no_cut() {
        let cut = window(&[f64::NEG_INFINITY; 30])
            .cut(Share::from_percent(95))
            .unwrap();
        assert!(!cut.includes(1e9) && !cut.includes(f64::MAX));
    }

    #[test]
    fn unbiased_holdouts_are_those_of_the_window() {
        let mut many: Vec<Holdout> = (0..400).map(|needed| holdout(f64::from(needed))).collect();
        for (index, holdout) in many.iter_mut().enumerate() {
            if index % 10 != 0 {
                holdout.origin = Origin::Caught;
            }
        }
        let window = Window::new(&many, ALWAYS);
        // 40 are unbiased, and ten of them are too old.
        assert_eq!((window.len(), window.unbiased().len()), (300, 30));
        let seen = window.confidence_seen(true);
        assert_eq!(seen.holdouts, 30);
        let at_the_end = window.unbiased().confidence_of_time(100.0);
        assert_eq!(at_the_end.holdouts, seen.holdouts);
    }

    #[test]
    fn the_window_has_the_latest_and_grows_for_high_promises() {
        let many: Vec<Holdout> = (0..2_000)
            .map(|needed| holdout(f64::from(needed)))
            .collect();
        let lengths = [("95", 300), ("99.9", 999)].map(|(promise, expected)| {
            let promise = Share::parse_percent(promise, 0.0, 100.0).unwrap();
            let window = Window::new(&many, Target::Confidence(promise));
            assert!(window.cut(promise).is_some());
            (window.len(), expected)
        });
        assert!(
            lengths.iter().all(|(found, expected)| found == expected),
            "{lengths:?}"
        );
        let latest = Window::new(&many, ALWAYS)
            .cut(Share::from_percent(50))
            .unwrap();
        assert!(latest.0 > 1_700.0);
    }

    #[test]
    fn history_counts_until_there_are_40_others() {
        let mut history = vec![
            Holdout {
                origin: Origin::History,
                ..holdout(1.0)
            };
            10
        ];
        history.extend([holdout(2.0); 39]);
        assert_eq!(Window::new(&history, ALWAYS).len(), 49);
        history.push(holdout(2.0));
        assert_eq!(Window::new(&history, ALWAYS).len(), 40);
    }

    #[test]
    fn unbiased_holdouts_are_counted_apart() {
        let missed = Holdout {
            origin: Origin::Missed,
            is_caught: false,
            ..holdout(1.0)
        };
        let window = Window::new(&[holdout(1.0), missed, holdout(3.0)], ALWAYS);
        let seen = [false, true].map(|only_unbiased| window.confidence_seen(only_unbiased));
        assert_eq!(
            seen.map(|seen| (seen.holdouts, seen.caught)),
            [(3, 2), (2, 2)]
        );
    }

    proptest! {
        /// At every size, what is shown at the cut is at least the promise.
        #[test]
        fn what_is_shown_keeps_the_promise(
            needed in proptest::collection::vec(-50_i32..50, 0..400),
            percent in 50_u32..=99,
        ) {
            let needed: Vec<f64> = needed.into_iter().map(f64::from).collect();
            let promise = Share::from_percent(percent);
            let window = window(&needed);
            let cut = window.cut(promise);
            let is_enough = window.len() >= holdouts_for(promise) as usize;
            prop_assert_eq!(cut.is_some(), is_enough);
            if is_enough {
                let shown = window.confidence_of_cut(cut).shown();
                prop_assert!(shown >= promise.as_f64() - 1e-12, "{} {}", shown, promise);
            }
        }
    }
}
