//! What fails on a branch: a row for each test, a column for each run.
//!
//! Scattered marks are flaky tests, a solid stretch is a break, a full column is an outage.

use std::fmt::Write as _;

use crate::axis::axis;
use crate::geometry::{Slots, Tenths};
use crate::markup::Markup;
use crate::table::{Cell, Table};

const WIDTH: Tenths = Tenths::units(1_000);
const MAX_LABELS: usize = 6;

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Such as `#4510`.
    pub label: String,
    /// Such as `3 Nov`.
    pub date: String,
    /// Of the run.
    pub address: String,
    /// Whether the run is part of an outage and does not count.
    pub is_outage: bool,
}

/// How a test ended in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// It did not run, or was skipped.
    #[default]
    NotRun,
    /// Every execution passed.
    Passed,
    /// Failed, then passed on the same commit.
    Recovered,
    /// Every execution failed.
    Failed,
    /// Failed while muted.
    FailedMuted,
}

impl Mark {
    const FAILURES: [Self; 3] = [Self::Recovered, Self::Failed, Self::FailedMuted];

    const fn word(self) -> &'static str {
        match self {
            Self::NotRun => "not run",
            Self::Passed => "passed",
            Self::Recovered => "passed on retry",
            Self::Failed => "failed",
            Self::FailedMuted => "failed while muted",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Recovered => "c-flaky",
            Self::FailedMuted => "c-muted",
            _ => "c-failed",
        }
    }
}

/// A test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Of the test.
    pub name: String,
    /// Of the page about it.
    pub address: String,
    /// One for each column.
    pub marks: Vec<Mark>,
}

impl Row {
    /// In how many runs the test failed, and in how many it ran.
    pub fn failed_and_ran(&self) -> (usize, usize) {
        let failed = self
            .marks
            .iter()
            .filter(|mark| Mark::FAILURES.contains(mark));
        let ran = self.marks.iter().filter(|mark| **mark != Mark::NotRun);
        (failed.count(), ran.count())
    }

    fn label(&self) -> String {
        let (failed, ran) = self.failed_and_ran();
        let mut label = format!("failed in {failed} of {ran} runs");
        let parts: Vec<String> = [Mark::Recovered, Mark::FailedMuted]
            .into_iter()
            .map(|kind| {
                (
                    kind,
                    self.marks.iter().filter(|mark| **mark == kind).count(),
                )
            })
            .filter(|(_, number)| *number > 0)
            .map(|(kind, number)| format!("{} in {number}", kind.word()))
            .collect();
        if !parts.is_empty() {
            let _infallible = write!(label, ", {}", parts.join(", "));
        }
        label
    }
}

/// The failures of some tests in some runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raster {
    /// Oldest first.
    pub columns: Vec<Column>,
    /// In the order of the page.
    pub rows: Vec<Row>,
}

impl Raster {
    /// The strip of a row; empty if there is no such row.
    pub fn strip(&self, row: usize) -> String {
        let Some(row) = self.rows.get(row) else {
            return String::new();
        };
        let slots = Slots::new(WIDTH, self.columns.len());
        let mut out = Markup::default();
        out.open(
            "svg",
            &[
                ("class", &"chart strip"),
                ("viewBox", &"0 0 1000 20"),
                ("preserveAspectRatio", &"none"),
                ("role", &"img"),
                ("aria-label", &row.label()),
            ],
        );
        out.path("outage", &self.outages(slots));
        out.path("dashes", &dashes(row, slots));
        for kind in Mark::FAILURES {
            out.path(kind.class(), &marks(row, kind, slots));
        }
        out.close("svg");
        out.finish()
    }

    fn outages(&self, slots: Slots) -> String {
        let mut shape = String::new();
        let columns = self.columns.iter().enumerate();
        for (index, _) in columns.filter(|(_, column)| column.is_outage) {
            let (x, step) = (slots.left(index), slots.step());
            for y in [6, 13, 20] {
                let _infallible = write!(shape, "M{x} {y}l{step} -6");
            }
        }
        shape
    }

    /// Dates below the strips.
    pub fn axis(&self) -> String {
        let every = self.columns.len().div_ceil(MAX_LABELS).max(1);
        let mut last = "";
        let dates = self.columns.iter().map(|column| column.date.as_str());
        let shown = dates.enumerate().filter(|&(index, date)| {
            let is_shown = index % every == every / 2 && date != last;
            if is_shown {
                last = date;
            }
            is_shown
        });
        let mut out = Markup::default();
        axis(&mut out, self.columns.len(), (20, 14), shown);
        out.finish()
    }

    /// A row for each failure: tests in their order, the latest run first.
    pub fn table(&self) -> Table {
        let head = ["Test", "Run", "Date", "Result"];
        let mut table = Table::new("Failures by test and run", &head);
        for row in &self.rows {
            let marks = self.columns.iter().zip(&row.marks).rev();
            let failures = marks.filter(|(_, mark)| Mark::FAILURES.contains(mark));
            table.rows.extend(failures.map(|(column, mark)| {
                vec![
                    Cell::link(&row.name, &row.address),
                    Cell::link(&column.label, &column.address),
                    Cell::text(&column.date),
                    Cell::text(mark.word()),
                ]
            }));
        }
        table
    }
}

/// A dashed line along each stretch of passes.
fn dashes(row: &Row, slots: Slots) -> String {
    let mut shape = String::new();
    let mut start = None;
    for (index, mark) in row.marks.iter().chain([&Mark::NotRun]).enumerate() {
        match (*mark, start) {
            (Mark::Passed, None) => start = Some(index),
            (Mark::Passed, Some(_)) | (_, None) => {}
            (_, Some(first)) => {
                let (from, to) = (slots.left(first), slots.left(index));
                let _infallible = write!(shape, "M{from} 10H{to}");
                start = None;
            }
        }
    }
    shape
}

fn marks(row: &Row, kind: Mark, slots: Slots) -> String {
    let width = slots.step().part(4, 5).clamp(Tenths(15), Tenths::units(8));
    // A test that failed every execution is taller.
    let (y, height) = if kind == Mark::Failed {
        (1, 18)
    } else {
        (4, 12)
    };
    let mut shape = String::new();
    for (index, _) in row
        .marks
        .iter()
        .enumerate()
        .filter(|(_, mark)| **mark == kind)
    {
        let x = slots.middle(index).minus(width.part(1, 2));
        let _infallible = write!(shape, "M{x} {y}h{width}v{height}h-{width}z");
    }
    shape
}
