//! The durations of a test over time: a dot for each execution that is known, with the median and
//! the middle 80% of every period.

use std::fmt::Write as _;

use crate::Format;
use crate::geometry::{Slots, Tenths, percentile, scaled, ticks};
use crate::markup::Markup;
use crate::table::{Cell, Table};

const WIDTH: Tenths = Tenths::units(1_000);
const HEIGHT: Tenths = Tenths::units(130);
const MAX_DATES: usize = 6;

/// An execution with a duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimedExecution {
    /// When it ran, in any unit.
    pub at: u64,
    /// How long it took.
    pub duration: u64,
    /// Whether it failed.
    pub has_failed: bool,
}

/// The durations of a stretch of time, such as a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DurationPeriod {
    /// Its middle, in the unit of [`TimedExecution::at`].
    pub at: u64,
    /// Executions with a duration.
    pub executions: u64,
    /// Failed executions.
    pub failed: u64,
    /// One in ten is shorter.
    pub low: u64,
    /// One in two is shorter.
    pub median: u64,
    /// Nine in ten are shorter.
    pub high: u64,
}

/// Durations over time.
#[derive(Clone, Debug)]
pub struct Durations {
    /// Oldest first, without empty ones.
    pub periods: Vec<DurationPeriod>,
    /// Those of which more is known than the sums of their period, oldest first.
    pub executions: Vec<TimedExecution>,
    /// Writes a duration.
    pub format: Format,
    /// Writes a time as a date.
    pub date: Format,
}

impl Durations {
    /// The first and the last time.
    fn ends(&self) -> (u64, u64) {
        let periods = self.periods.iter().map(|period| period.at);
        let times = periods.chain(self.executions.iter().map(|one| one.at));
        let first = times.clone().min().unwrap_or(0);
        (first, times.max().unwrap_or(0))
    }

    fn x(&self, at: u64) -> Tenths {
        let (first, last) = self.ends();
        if first >= last {
            return WIDTH.part(1, 2);
        }
        // Within the picture, with room for half a dot.
        let room = WIDTH.minus(Tenths::units(8));
        let from_first = at.clamp(first, last) - first;
        Tenths(scaled(room.0, from_first, last - first)).plus(Tenths::units(4))
    }

    /// The greatest duration of the axis. One slow execution does not flatten all others.
    fn scale(&self) -> u64 {
        let mut durations: Vec<u64> = self.executions.iter().map(|one| one.duration).collect();
        durations.extend(self.periods.iter().map(|period| period.high));
        durations.sort_unstable();
        let usual = percentile(&durations, 95).unwrap_or(0);
        let greatest = durations.last().copied().unwrap_or(0);
        greatest.min(usual.saturating_mul(2)).max(1)
    }

    /// Dots, median and band; an execution above the scale is at its upper edge.
    pub fn svg(&self) -> String {
        let scale = self.scale();
        let top = Tenths::units(8);
        let y = |duration: u64| {
            let height = HEIGHT.minus(top).part(duration.min(scale), scale);
            HEIGHT.minus(height)
        };
        let mut out = Markup::default();
        let periods = self.periods.iter().map(|period| period.executions);
        let executions = periods.fold(0, u64::saturating_add);
        out.open(
            "svg",
            &[
                ("class", &"chart durations"),
                ("width", &"100%"),
                ("height", &154),
                ("role", &"img"),
                (
                    "aria-label",
                    &format_args!("Durations of {executions} executions"),
                ),
            ],
        );
        out.open(
            "svg",
            &[
                ("viewBox", &"0 0 1000 130"),
                ("preserveAspectRatio", &"none"),
                ("width", &"100%"),
                ("height", &130),
            ],
        );
        let ticks = ticks(scale);
        let grid = ticks.iter().map(|tick| format!("M0 {}H1000", y(*tick)));
        out.path("base", &(grid.collect::<String>() + "M0 130H1000"));
        out.path("band", &self.band(y));
        out.path("dots", &self.dots(false, y));
        out.path("line c-strong", &self.median(y));
        out.path("dots c-failed", &self.dots(true, y));
        out.close("svg");
        for tick in ticks {
            let text = (self.format)(tick);
            let place = y(tick).plus(Tenths::units(4));
            out.element("text", &[("x", &4), ("y", &place)], &text);
        }
        self.dates(&mut out);
        out.close("svg");
        out.finish()
    }

    fn dates(&self, out: &mut Markup) {
        let (first, last) = self.ends();
        if self.periods.is_empty() && self.executions.is_empty() {
            return;
        }
        let mut shown = String::new();
        let slots = Slots::new(Tenths::units(100), MAX_DATES);
        for index in 0..MAX_DATES {
            let middle = slots.middle(index);
            let at = first.saturating_add(scaled(last - first, middle.0, 1_000));
            let text = (self.date)(at);
            if text == shown {
                continue;
            }
            let x = format!("{middle}%");
            out.element("text", &[("class", &"mid"), ("x", &x), ("y", &148)], &text);
            shown = text;
        }
    }

    fn median(&self, y: impl Fn(u64) -> Tenths) -> String {
        let mut shape = String::new();
        for (index, period) in self.periods.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let (x, y) = (self.x(period.at), y(period.median));
            let _infallible = write!(shape, "{command}{x} {y}");
        }
        if self.periods.len() == 1 {
            shape.push_str("h0");
        }
        shape
    }

    fn band(&self, y: impl Fn(u64) -> Tenths) -> String {
        if self.periods.len() < 2 {
            return String::new();
        }
        let mut shape = String::new();
        let upper = self.periods.iter().map(|period| (period.at, period.high));
        let lower = self.periods.iter().rev();
        let lower = lower.map(|period| (period.at, period.low));
        for (index, (at, value)) in upper.chain(lower).enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let _infallible = write!(shape, "{command}{} {}", self.x(at), y(value));
        }
        shape.push('z');
        shape
    }

    /// Strokes without length, whose ends are the dots.
    fn dots(&self, failed: bool, y: impl Fn(u64) -> Tenths) -> String {
        let mut shape = String::new();
        let of_kind = self
            .executions
            .iter()
            .filter(|one| one.has_failed == failed);
        for one in of_kind {
            let _infallible = write!(shape, "M{} {}h0", self.x(one.at), y(one.duration));
        }
        shape
    }

    /// A row for each period, newest first.
    pub fn table(&self) -> Table {
        let head = ["Date", "Executions", "Failed", "Median", "Middle 80%"];
        let mut table = Table::new("Durations over time, newest first", &head);
        let rows = self.periods.iter().rev().map(|period| {
            let (low, high) = ((self.format)(period.low), (self.format)(period.high));
            vec![
                Cell::text((self.date)(period.at)),
                Cell::count(period.executions),
                Cell::count(period.failed),
                Cell::number((self.format)(period.median)),
                Cell::number(format!("{low} to {high}")),
            ]
        });
        table.rows = rows.collect();
        table
    }
}

#[cfg(test)]
mod tests {
    use super::{Durations, TimedExecution};

    #[test]
    fn one_slow_execution_does_not_set_the_scale() {
        let usual = TimedExecution {
            duration: 10,
            ..TimedExecution::default()
        };
        let mut durations = Durations {
            periods: Vec::new(),
            executions: vec![usual; 100],
            format: |value| value.to_string(),
            date: |value| value.to_string(),
        };
        assert_eq!(durations.scale(), 10);
        durations.executions[50].duration = 10_000;
        assert_eq!(durations.scale(), 20);
    }
}
