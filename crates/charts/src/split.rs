//! How a plan split the work: what was planned for each node, and how long it took.

use std::fmt::Write as _;

use crate::Format;
use crate::geometry::{Tenths, count, scaled};
use crate::markup::{Markup, isolate};
use crate::table::{Cell, Table};

const WIDTH: u64 = 10_000;
/// Narrower parts are drawn together with their neighbours of the same kind.
const LEAST_WIDTH: u64 = 25;

/// What a part of a node's time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A file, or what the plan deals out.
    File,
    /// The file that sets the pace of the whole run.
    Pace,
    /// A file with a failed test.
    Failed,
    /// Retries.
    Retry,
}

impl PartKind {
    const ALL: [Self; 4] = [Self::File, Self::Pace, Self::Failed, Self::Retry];

    const fn class(self) -> &'static str {
        match self {
            Self::File => "c-neutral",
            Self::Pace => "c-strong",
            Self::Failed => "c-failed",
            Self::Retry => "retry",
        }
    }
}

/// A part of a node's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Such as the path of the file.
    pub label: String,
    /// How long it took.
    pub duration: u64,
    /// What it is.
    pub kind: PartKind,
}

/// A node of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Such as `Node 4`.
    pub label: String,
    /// How long the plan expected it to take, if that is known.
    pub planned: Option<u64>,
    /// In the order in which they ran.
    pub parts: Vec<Part>,
}

impl Node {
    fn actual(&self) -> u64 {
        let durations = self.parts.iter().map(|part| part.duration);
        durations.fold(0, u64::saturating_add)
    }

    fn sum(&self, kind: PartKind) -> u64 {
        let of_kind = self.parts.iter().filter(|part| part.kind == kind);
        of_kind.fold(0, |sum, part| sum.saturating_add(part.duration))
    }
}

/// The nodes of a run.
#[derive(Clone, Debug)]
pub struct Split {
    /// In their order.
    pub nodes: Vec<Node>,
    /// Writes a duration.
    pub format: Format,
}

impl Split {
    /// A row for each node, all on one scale; empty without nodes.
    pub fn svg(&self) -> String {
        let mut out = Markup::default();
        if self.nodes.is_empty() {
            return out.finish();
        }
        let all = self.nodes.iter();
        let scale = all.map(|node| node.actual().max(node.planned.unwrap_or(0)));
        let scale = scale.max().unwrap_or(0).max(1);
        let label = "Planned and actual duration of each node";
        out.open(
            "div",
            &[
                ("class", &"nodes"),
                ("role", &"group"),
                ("aria-label", &label),
            ],
        );
        for node in &self.nodes {
            out.element("span", &[("class", &"cut")], &isolate(&node.label));
            self.track(&mut out, node, scale);
            out.open("span", &[("class", &"number")]);
            out.text(&(self.format)(node.actual()));
            if let Some(planned) = node.planned {
                out.text(" ");
                let difference = self.difference(node.actual(), planned);
                out.element("span", &[("class", &"softer")], &difference);
            }
            out.close("span");
        }
        out.close("div");
        out.finish()
    }

    fn difference(&self, actual: u64, planned: u64) -> String {
        let sign = if actual < planned { "−" } else { "+" };
        format!("{sign}{}", (self.format)(actual.abs_diff(planned)))
    }

    fn label(&self, node: &Node) -> String {
        let mut label = match node.planned {
            Some(planned) => format!("planned {}, took ", (self.format)(planned)),
            None => "took ".to_owned(),
        };
        label.push_str(&(self.format)(node.actual()));
        let retries = node.sum(PartKind::Retry);
        if retries > 0 {
            let _infallible = write!(label, ", of it retries {}", (self.format)(retries));
        }
        for part in node.parts.iter().filter(|part| part.kind == PartKind::Pace) {
            let (name, duration) = (isolate(&part.label), (self.format)(part.duration));
            let _infallible = write!(label, "; {name} sets the pace with {duration}");
        }
        label
    }

    fn track(&self, out: &mut Markup, node: &Node, scale: u64) {
        let label = self.label(node);
        out.open(
            "svg",
            &[
                ("class", &"chart track"),
                ("viewBox", &"0 0 1000 24"),
                ("preserveAspectRatio", &"none"),
                ("role", &"img"),
                ("aria-label", &label),
                ("data-tip", &""),
            ],
        );
        let shapes = shapes(node, scale);
        for (kind, shape) in PartKind::ALL.iter().zip(&shapes) {
            out.path(kind.class(), shape);
        }
        if let Some(planned) = node.planned {
            let width = Tenths(scaled(WIDTH - 20, planned, scale));
            out.path("planned", &format!("M1 2h{width}v20h-{width}z"));
        }
        out.close("svg");
    }

    /// A row for each node.
    pub fn table(&self) -> Table {
        let head = [
            "Node",
            "Planned",
            "Took",
            "Difference",
            "Files",
            "Sets the pace",
            "Retries",
        ];
        let mut table = Table::new("Planned and actual duration of each node", &head);
        let none = || "–".to_owned();
        let rows = self.nodes.iter().map(|node| {
            let actual = node.actual();
            let planned = node.planned;
            let files = node
                .parts
                .iter()
                .filter(|part| part.kind != PartKind::Retry);
            let pace = node.parts.iter().find(|part| part.kind == PartKind::Pace);
            let difference = planned.map(|planned| self.difference(actual, planned));
            vec![
                Cell::text(&node.label),
                Cell::number(planned.map_or_else(none, self.format)),
                Cell::number((self.format)(actual)),
                Cell::number(difference.unwrap_or_else(none)),
                Cell::count(count(files.count())),
                Cell::text(pace.map_or_else(none, |part| part.label.clone())),
                Cell::number((self.format)(node.sum(PartKind::Retry))),
            ]
        });
        table.rows = rows.collect();
        table
    }
}

/// A shape for each kind of part.
fn shapes(node: &Node, scale: u64) -> [String; 4] {
    let mut shapes = [const { String::new() }; 4];
    let mut sum = 0_u64;
    let mut parts = node.parts.iter().peekable();
    while let Some(part) = parts.next() {
        let left = scaled(WIDTH, sum, scale);
        sum = sum.saturating_add(part.duration);
        while let Some(next) = parts.peek() {
            let width = scaled(WIDTH, sum, scale) - left;
            if width >= LEAST_WIDTH || next.kind != part.kind {
                break;
            }
            sum = sum.saturating_add(next.duration);
            parts.next();
        }
        let right = scaled(WIDTH, sum, scale).max(left + LEAST_WIDTH);
        // A gap to the next part.
        let (x, width) = (Tenths(left), Tenths(right - left - 10));
        let shape = &mut shapes[part.kind as usize];
        if part.kind == PartKind::Retry {
            hatch(shape, left, right - 10);
        } else {
            let _infallible = write!(shape, "M{x} 5h{width}v14h-{width}z");
        }
    }
    shapes
}

/// Diagonal lines within the part.
fn hatch(shape: &mut String, left: u64, right: u64) {
    let end = Tenths(right);
    let start = Tenths(left);
    let _infallible = write!(shape, "M{start} 5H{end}V19H{start}z");
    let mut x = left;
    while x < right && x < left + 100 * 50 {
        let next = (x + 50).min(right);
        let width = Tenths(next - x);
        let _infallible = write!(shape, "M{} 19l{width} -14", Tenths(x));
        x = next;
    }
}
