//! The spans of an execution on its time axis.

use crate::Format;
use crate::geometry::{Tenths, scaled};
use crate::markup::{Markup, isolate};
use crate::table::{Cell, Table};

/// A timed operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Such as `sql`.
    pub section: String,
    /// What was done.
    pub detail: String,
    /// From the start of the execution.
    pub start: u64,
    /// How long it took.
    pub duration: u64,
}

/// The spans of an execution.
#[derive(Clone, Debug)]
pub struct Spans {
    /// In the order of their start.
    pub spans: Vec<Span>,
    /// Of the execution.
    pub duration: u64,
    /// Writes a duration.
    pub format: Format,
}

impl Spans {
    /// A row for each span; empty without spans.
    pub fn svg(&self) -> String {
        let mut out = Markup::default();
        if self.spans.is_empty() {
            return out.finish();
        }
        let ends = self
            .spans
            .iter()
            .map(|span| span.start.saturating_add(span.duration));
        let length = ends.max().unwrap_or(0).max(self.duration).max(1);
        out.open("ol", &[("class", &"spans")]);
        for span in &self.spans {
            out.open("li", &[]);
            out.element("b", &[], &isolate(&span.section));
            let detail = isolate(&span.detail);
            out.open("code", &[("class", &"cut"), ("title", &detail)]);
            out.element("bdi", &[], &detail);
            out.close("code");
            let left = Tenths(scaled(10_000, span.start, length).min(9_980));
            let width = Tenths(scaled(10_000, span.duration, length).max(20));
            let width = width.min(Tenths::units(1_000).minus(left));
            out.open(
                "svg",
                &[
                    ("class", &"chart track"),
                    ("viewBox", &"0 0 1000 12"),
                    ("preserveAspectRatio", &"none"),
                    ("aria-hidden", &"true"),
                ],
            );
            out.path("base", "M0 0v12M250 0v12M500 0v12M750 0v12");
            out.path("c-span", &format!("M{left} 0h{width}v12h-{width}z"));
            out.close("svg");
            let duration = (self.format)(span.duration);
            out.element("span", &[("class", &"number")], &duration);
            out.close("li");
        }
        out.close("ol");
        out.finish()
    }

    /// The same in words.
    pub fn table(&self) -> Table {
        let head = ["Kind", "Operation", "Start", "Duration"];
        let mut table = Table::new("Timed operations of the execution", &head);
        table.rows = self
            .spans
            .iter()
            .map(|span| {
                vec![
                    Cell::text(&span.section),
                    Cell::text(&span.detail),
                    Cell::number((self.format)(span.start)),
                    Cell::number((self.format)(span.duration)),
                ]
            })
            .collect();
        table
    }
}
