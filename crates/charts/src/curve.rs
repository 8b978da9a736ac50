//! The curve of test selection: the share of failing builds that are caught, by the share of the
//! time for which tests run.

use std::fmt::Write as _;

use crate::geometry::Tenths;
use crate::markup::Markup;
use crate::table::{Cell, Table};

const WIDTH: Tenths = Tenths::units(1_000);
const HEIGHT: Tenths = Tenths::units(170);
/// Room for the line at 100%.
const TOP: Tenths = Tenths::units(10);
const HUNDRED: u64 = 100;
/// Percentages of the time that are named below the picture, and that have a row in the table.
const STEP: u64 = 20;
const ROW_STEP: u64 = 5;

/// What is caught in a share of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CurvePoint {
    /// Percent of the time, from 0 to 100.
    pub time: u64,
    /// Failing builds that are caught by then.
    pub caught: u64,
    /// Unbiased ones that are caught by then.
    pub unbiased: u64,
}

/// Caught failing builds over time.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// By time, ascending.
    pub points: Vec<CurvePoint>,
    /// All failing builds that are known.
    pub builds: u64,
    /// The unbiased ones among them.
    pub unbiased: u64,
    /// The share of builds to catch, in percent.
    pub promise: Option<u64>,
    /// Percent of the time that current selections take.
    pub current: Option<u64>,
}

impl Curve {
    /// A line for all failing builds and one for the unbiased ones. A dashed line is the promise,
    /// and a dot what current selections take.
    pub fn svg(&self) -> String {
        let mut out = Markup::default();
        let label = format!(
            "Share of {} failing builds that are caught, by share of the time",
            self.builds
        );
        out.open(
            "svg",
            &[
                ("class", &"chart curve"),
                ("width", &"100%"),
                ("height", &194),
                ("role", &"img"),
                ("aria-label", &label),
            ],
        );
        out.open(
            "svg",
            &[
                ("viewBox", &"0 0 1000 170"),
                ("preserveAspectRatio", &"none"),
                ("width", &"100%"),
                ("height", &170),
            ],
        );
        let levels = [0, 25, 50, 75, HUNDRED];
        let grid = levels.map(|level| format!("M0 {}H1000", y(level, HUNDRED)));
        out.path("base", &grid.concat());
        if let Some(promise) = self.promise {
            out.path("planned", &format!("M0 {}H1000", y(promise, HUNDRED)));
        }
        let line = |caught: fn(&CurvePoint) -> u64, of: u64| {
            let mut shape = String::new();
            for (index, point) in self.points.iter().enumerate().filter(|_| of > 0) {
                let command = if index == 0 { 'M' } else { 'L' };
                let _infallible =
                    write!(shape, "{command}{} {}", x(point.time), y(caught(point), of));
            }
            shape
        };
        out.path(
            "line c-neutral",
            &line(|point| point.unbiased, self.unbiased),
        );
        out.path("line c-strong", &line(|point| point.caught, self.builds));
        if let Some(point) = self.current_point() {
            let place = y(point.caught, self.builds);
            out.path("planned", &format!("M{} {HEIGHT}V{place}", x(point.time)));
            out.path("dots now", &format!("M{} {place}h0", x(point.time)));
        }
        out.close("svg");
        for level in levels.into_iter().skip(1) {
            let place = y(level, HUNDRED).minus(Tenths::units(3));
            out.element("text", &[("x", &4), ("y", &place)], &format!("{level}%"));
        }
        for time in (0..=HUNDRED).filter(|time| time.is_multiple_of(STEP)) {
            let (class, text) = match time {
                0 => ("start", "0%".to_owned()),
                HUNDRED => ("end", "100% of the time".to_owned()),
                _ => ("mid", format!("{time}%")),
            };
            let place = format!("{time}%");
            out.element(
                "text",
                &[("class", &class), ("x", &place), ("y", &188)],
                &text,
            );
        }
        out.close("svg");
        out.finish()
    }

    fn current_point(&self) -> Option<&CurvePoint> {
        let current = self.current.filter(|_| self.builds > 0)?;
        self.points.iter().find(|point| point.time >= current)
    }

    /// A row for every 5% of the time.
    pub fn table(&self) -> Table {
        let head = [
            "Time",
            "Caught",
            "Of the failing builds",
            "Unbiased caught",
            "Of the unbiased",
        ];
        let mut table = Table::new("Caught failing builds by share of the time", &head);
        let rows = self
            .points
            .iter()
            .filter(|point| point.time.is_multiple_of(ROW_STEP));
        let rows = rows.map(|point| {
            vec![
                Cell::number(format!("{}%", point.time)),
                Cell::count(point.caught),
                Cell::number(percent(point.caught, self.builds)),
                Cell::count(point.unbiased),
                Cell::number(percent(point.unbiased, self.unbiased)),
            ]
        });
        table.rows = rows.collect();
        table
    }
}

fn x(time: u64) -> Tenths {
    WIDTH.part(time.min(HUNDRED), HUNDRED)
}

fn y(part: u64, whole: u64) -> Tenths {
    HEIGHT.minus(HEIGHT.minus(TOP).part(part.min(whole), whole))
}

/// With one digit, rounded down: a share is never more than it is.
fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let tenths = u128::from(part.min(whole)) * 1_000 / u128::from(whole);
    match (tenths / 10, tenths % 10) {
        (units, 0) => format!("{units}%"),
        (units, rest) => format!("{units}.{rest}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn shares_are_rounded_down() {
        assert_eq!(percent(203, 212), "95.7%");
        assert_eq!(percent(999, 1_000), "99.9%");
        assert_eq!(percent(1_999, 2_000), "99.9%");
        assert_eq!(percent(2, 3), "66.6%");
        assert_eq!(percent(5, 5), "100%");
        assert_eq!(percent(0, 0), "–");
    }
}
