//! Uploads by hour: accepted, rejected and failed ones on top of each other.

use std::fmt::Write as _;

use crate::axis::axis;
use crate::geometry::{Slots, Tenths};
use crate::markup::Markup;
use crate::table::{Cell, Table};

const WIDTH: Tenths = Tenths::units(1_000);
const HEIGHT: Tenths = Tenths::units(90);
/// Of a stack that is not empty, so that a single upload can be seen.
const LEAST_HEIGHT: Tenths = Tenths::units(3);
const MAX_LABELS: usize = 8;

/// The uploads of one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    /// Such as `14:00`.
    pub label: String,
    /// Uploads that were stored.
    pub accepted: u64,
    /// Uploads that were not valid.
    pub rejected: u64,
    /// Uploads that the server could not store.
    pub failed: u64,
}

impl Hour {
    fn counts(&self) -> [u64; 3] {
        [self.accepted, self.rejected, self.failed]
    }

    fn total(&self) -> u64 {
        self.counts().into_iter().fold(0, u64::saturating_add)
    }

    fn words(&self) -> String {
        let [accepted, rejected, failed] = self.counts();
        let label = &self.label;
        format!("{label}: {accepted} accepted, {rejected} rejected, {failed} failed")
    }
}

/// The uploads of consecutive hours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hours {
    /// Oldest first.
    pub hours: Vec<Hour>,
}

impl Hours {
    /// A stack for each hour, on an axis of hours.
    pub fn svg(&self) -> String {
        let mut out = Markup::default();
        let sum = |of: fn(&Hour) -> u64| self.hours.iter().map(of).fold(0, u64::saturating_add);
        let label = format!(
            "Uploads of each hour: {} accepted, {} rejected, {} failed",
            sum(|hour| hour.accepted),
            sum(|hour| hour.rejected),
            sum(|hour| hour.failed)
        );
        out.open(
            "svg",
            &[
                ("class", &"chart hours"),
                ("viewBox", &"0 0 1000 90"),
                ("preserveAspectRatio", &"none"),
                ("role", &"group"),
                ("aria-label", &label),
            ],
        );
        out.path("base", "M0 90H1000");
        let (shapes, bars) = self.shapes();
        for (class, shape) in ["c-passed pale", "c-flaky", "c-failed"].iter().zip(&shapes) {
            out.path(class, shape);
        }
        out.path("bar", &bars);
        self.tips(&mut out);
        out.close("svg");
        self.axis(&mut out);
        out.finish()
    }

    /// A shape for accepted, rejected and failed uploads, and the bars across the failed ones.
    fn shapes(&self) -> ([String; 3], String) {
        let greatest = self.hours.iter().map(Hour::total).max().unwrap_or(0).max(1);
        let slots = Slots::new(WIDTH, self.hours.len());
        let width = slots.step().part(3, 4);
        let (mut shapes, mut bars) = ([const { String::new() }; 3], String::new());
        for (index, hour) in self.hours.iter().enumerate() {
            let (x, mut y) = (slots.left(index), HEIGHT);
            for (place, number) in hour.counts().into_iter().enumerate() {
                if number == 0 {
                    continue;
                }
                let height = HEIGHT.part(number, greatest).max(LEAST_HEIGHT).min(y);
                y = y.minus(height);
                let _infallible = write!(shapes[place], "M{x} {y}h{width}v{height}h-{width}z");
                if place == 2 {
                    let (start, middle) = (x.plus(width.part(1, 4)), y.plus(height.part(1, 2)));
                    let _infallible = write!(bars, "M{start} {middle}h{}", width.part(1, 2));
                }
            }
        }
        (shapes, bars)
    }

    fn tips(&self, out: &mut Markup) {
        let slots = Slots::new(WIDTH, self.hours.len());
        for (index, hour) in self.hours.iter().enumerate() {
            if hour.total() == 0 {
                continue;
            }
            let words = hour.words();
            out.empty(
                "rect",
                &[
                    ("class", &"hit"),
                    ("x", &slots.left(index)),
                    ("y", &0),
                    ("width", &slots.step()),
                    ("height", &90),
                    ("role", &"img"),
                    ("aria-label", &words),
                    ("data-tip", &""),
                ],
            );
        }
    }

    fn axis(&self, out: &mut Markup) {
        let every = self.hours.len().div_ceil(MAX_LABELS).max(1);
        let labels = self.hours.iter().map(|hour| hour.label.as_str());
        let shown = labels.enumerate().step_by(every);
        axis(out, self.hours.len(), (22, 15), shown);
    }

    /// A row for each hour with uploads, newest first.
    pub fn table(&self) -> Table {
        let head = ["Hour", "Accepted", "Rejected", "Failed"];
        let mut table = Table::new("Uploads by hour", &head);
        let hours = self.hours.iter().rev().filter(|hour| hour.total() > 0);
        let rows = hours.map(|hour| {
            let [accepted, rejected, failed] = hour.counts();
            vec![
                Cell::text(&hour.label),
                Cell::count(accepted),
                Cell::count(rejected),
                Cell::count(failed),
            ]
        });
        table.rows = rows.collect();
        table
    }
}
