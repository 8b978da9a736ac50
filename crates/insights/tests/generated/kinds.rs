//! What is wrong with each generated test.

use super::numbers::Numbers;

/// Fractions of days since the start of the history.
type Stretch = (f64, f64);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Fails once in 50,000 executions.
    Sound,
    /// Each execution fails with this probability.
    Random(f64),
    /// Fails so rarely that nobody could expect it to be found.
    Rare,
    /// The first execution of a run fails with this probability, depending on the order of tests;
    /// a retry runs it alone, and passes.
    Order(f64),
    /// Fails between these hours of the day.
    Hours(f64, f64),
    /// Fails half of its executions on a busy machine.
    Load,
    /// Each execution fails with this probability from this day on.
    NewlyFlaky(f64, f64),
    /// Each execution failed with this probability until this day.
    Fixed(f64, f64),
    /// The default branch broke it during each of these stretches.
    Broken(Vec<Stretch>),
    /// Fails on one day of the calendar.
    Calendar(u32),
}

/// How a test counts when a rule is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    Flaky,
    /// Must never be flagged.
    NotFlaky,
    /// Was flaky, and is not at the end.
    WasFlaky,
    /// Not scored.
    Unscored,
}

/// Failure rates of random tests, each as frequent as the others.
const RATES: [f64; 7] = [0.01, 0.02, 0.03, 0.05, 0.10, 0.20, 0.35];

impl Kind {
    pub(crate) fn truth(&self) -> Truth {
        match self {
            Self::Random(_)
            | Self::Order(_)
            | Self::Hours(..)
            | Self::Load
            | Self::NewlyFlaky(..) => Truth::Flaky,
            Self::Sound | Self::Broken(_) | Self::Calendar(_) => Truth::NotFlaky,
            Self::Fixed(..) => Truth::WasFlaky,
            Self::Rare => Truth::Unscored,
        }
    }

    pub(crate) fn is_flaky_from_the_start(&self) -> bool {
        self.truth() == Truth::Flaky && !matches!(self, Self::NewlyFlaky(..))
    }

    /// For tables.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Sound => "sound".into(),
            Self::Random(rate) => format!("random {:2.0}%", rate * 100.0),
            Self::Rare => "rare".into(),
            Self::Order(_) => "order".into(),
            Self::Hours(..) => "hours".into(),
            Self::Load => "load".into(),
            Self::NewlyFlaky(..) => "newly flaky".into(),
            Self::Fixed(..) => "fixed".into(),
            Self::Broken(stretches) => match stretches.as_slice() {
                [(_, end)] if end.is_infinite() => "still broken".into(),
                [_] => "broken once".into(),
                _ => "broken three times".into(),
            },
            Self::Calendar(_) => "calendar".into(),
        }
    }

    /// The probability that an execution on good code fails. `day` has a fraction; `is_busy`: the
    /// machine is; `is_retry`: not the first execution of the run.
    pub(crate) fn failure_rate(&self, day: f64, is_busy: bool, is_retry: bool) -> f64 {
        let hour = day.fract() * 24.0;
        match *self {
            Self::Sound | Self::Broken(_) => 0.000_02,
            Self::Rare => 0.004,
            Self::Random(rate) => rate,
            Self::Order(_) if is_retry => 0.0,
            Self::Order(rate) => rate,
            Self::Hours(from, to) if (from..to).contains(&hour) => 0.95,
            Self::Hours(..) => 0.0,
            Self::Load if is_busy => 0.5,
            Self::Load => 0.002,
            Self::NewlyFlaky(rate, from) if day >= from => rate,
            Self::NewlyFlaky(..) => 0.000_02,
            Self::Fixed(rate, until) if day < until => rate,
            Self::Fixed(..) => 0.000_02,
            Self::Calendar(on) if (0.0..1.0).contains(&(day - f64::from(on))) => 1.0,
            Self::Calendar(_) => 0.0,
        }
    }

    /// Whether the code of the default branch is bad for the test.
    pub(crate) fn is_broken(&self, day: f64) -> bool {
        let is_inside = |stretch: &Stretch| (stretch.0..stretch.1).contains(&day);
        matches!(self, Self::Broken(stretches) if stretches.iter().any(is_inside))
    }

    /// All tests of a suite; most are sound.
    pub(crate) fn suite(tests: usize, days: f64, numbers: &mut Numbers) -> Vec<Self> {
        let mut kinds = Vec::new();
        let mut add = |count: usize, make: &mut dyn FnMut(usize) -> Self| {
            kinds.extend((0..count).map(make));
        };
        add(40, &mut |index| Self::Random(RATES[index % RATES.len()]));
        add(12, &mut |_| Self::Rare);
        add(12, &mut |_| Self::Order(numbers.within(0.1, 0.4)));
        add(8, &mut |_| {
            let from = numbers.within(0.0, 23.0);
            Self::Hours(from, from + 1.0)
        });
        add(12, &mut |_| Self::Load);
        add(8, &mut |_| {
            Self::NewlyFlaky(numbers.within(0.05, 0.3), numbers.within(0.4, 0.75) * days)
        });
        add(8, &mut |_| {
            Self::Fixed(numbers.within(0.05, 0.3), numbers.within(0.25, 0.55) * days)
        });
        add(24, &mut |_| Self::Broken(stretches(1, days, numbers)));
        add(6, &mut |_| Self::Broken(stretches(3, days, numbers)));
        add(4, &mut |_| {
            Self::Broken(vec![(numbers.within(0.85, 0.97) * days, f64::INFINITY)])
        });
        add(3, &mut |_| Self::Calendar(numbers.between(5, 55)));
        kinds.resize(tests, Self::Sound);
        kinds
    }
}

fn stretches(count: u32, days: f64, numbers: &mut Numbers) -> Vec<Stretch> {
    let part = days / f64::from(count);
    let stretch = |index: u32| {
        let from = part * (f64::from(index) + numbers.within(0.0, 0.7));
        (from, from + numbers.within(0.2, 3.0))
    };
    (0..count).map(stretch).collect()
}
