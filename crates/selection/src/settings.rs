//! The strategy and the parameters of a plan request (§2 of the design).

mod parse;

use test_engine_duration::Micros;

use crate::patterns::Patterns;
use crate::share::Share;

pub use parse::Problem;

/// What a share counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Expected durations.
    Time,
    /// Items.
    Tests,
}

/// How many of the items are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// As many as it takes to catch this share of failing builds.
    Confidence(Share),
    /// Up to this share.
    Percent(Share, Unit),
    /// Up to this sum of expected durations.
    Time(Micros),
}

impl Target {
    /// The promised share of caught failing builds; `None` if nothing is promised.
    pub const fn promise(self) -> Option<Share> {
        match self {
            Self::Confidence(share) => Some(share),
            Self::Percent(..) | Self::Time(_) => None,
        }
    }
}

/// What happens to the result of a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only selected items run.
    Select,
    /// Everything runs; what would have been left out is recorded.
    Observe,
    /// Everything runs, because the strategy of the hosted product has no equivalent.
    Unsupported(HostedStrategy),
}

/// Strategies of the hosted product that are accepted, and run everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostedStrategy {
    /// `manual`
    Manual,
    /// `rspec_changed_files`
    RspecChangedFiles,
}

impl HostedStrategy {
    /// The name in requests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::RspecChangedFiles => "rspec_changed_files",
        }
    }
}

/// A parsed strategy with all its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether the result is used.
    pub mode: Mode,
    /// How many items are selected.
    pub target: Target,
    /// Share of branch builds that run everything, to measure without bias.
    pub holdout: Share,
    /// Share of the time that is spent on the rotating sample.
    pub sample: Share,
    /// Paths and names of items that always run.
    pub always: Patterns,
    /// Changed files that make everything run, besides the built-in list.
    pub config: Patterns,
    /// Branches on which everything runs.
    pub full_branch: Patterns,
    /// Whether everything runs after a failed run of the branch.
    pub all_after_red: bool,
    /// Fewer known failing builds than this select nothing.
    pub min_holdouts: u32,
}

impl Settings {
    /// The defaults for a target.
    pub fn new(target: Target) -> Self {
        Self {
            mode: Mode::Select,
            target,
            holdout: Share::from_percent(10),
            sample: Share::from_percent(2),
            always: Patterns::default(),
            config: Patterns::default(),
            full_branch: Patterns::default(),
            all_after_red: true,
            min_holdouts: 20,
        }
    }

    /// The known failing builds that a selection needs: as configured, and enough that the cut of
    /// the promise exists (§5 of the design).
    pub fn holdouts_needed(&self) -> u32 {
        let for_promise = self.target.promise().map_or(0, holdouts_for);
        self.min_holdouts.max(for_promise)
    }
}

/// ⌈1/α⌉ − 1 for the miss rate α = 1 − promise: the smallest number of known failing builds for
/// which the promise has a cut.
pub(crate) fn holdouts_for(promise: Share) -> u32 {
    let alpha = promise.rest().ppm().max(1);
    Share::ALL.ppm().div_ceil(alpha).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_promise_needs_more_holdouts() {
        let needed = |percent| holdouts_for(Share::parse_percent(percent, 0.0, 100.0).unwrap());
        let promises = ["50", "90", "95", "98", "99", "99.9", "100"];
        let expected = [1, 9, 19, 49, 99, 999, 999_999];
        assert_eq!(promises.map(needed), expected);
    }

    #[test]
    fn the_configured_minimum_counts_if_it_is_higher() {
        let needed = |percent| {
            let target = Target::Confidence(Share::from_percent(percent));
            Settings::new(target).holdouts_needed()
        };
        assert_eq!([90, 95, 98].map(needed), [20, 20, 49]);
        let percent = Target::Percent(Share::from_percent(1), Unit::Time);
        assert_eq!(Settings::new(percent).holdouts_needed(), 20);
    }
}
