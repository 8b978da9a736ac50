//! Small pictures: sparkline, bars, share bar, meter.

use std::fmt::Write as _;

use crate::geometry::{Slots, Tenths, count, scaled};
use crate::markup::Markup;

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Passed.
    Passed,
    /// Passed on retry, or flaky.
    Flaky,
    /// Failed.
    Failed,
    /// Failed while muted.
    Muted,
    /// Skipped, or without meaning.
    Neutral,
    /// What to look at, without good or bad.
    Strong,
}

impl Tone {
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Passed => "c-passed",
            Self::Flaky => "c-flaky",
            Self::Failed => "c-failed",
            Self::Muted => "c-muted",
            Self::Neutral => "c-neutral",
            Self::Strong => "c-strong",
        }
    }
}

/// Points of a line, as a path; a missing value interrupts it.
pub(crate) fn line(
    values: impl Iterator<Item = Option<u64>>,
    slots: Slots,
    y: impl Fn(u64) -> Tenths,
) -> String {
    let mut shape = String::new();
    let mut is_open = false;
    for (index, value) in values.enumerate() {
        let Some(value) = value else {
            is_open = false;
            continue;
        };
        let command = if is_open { 'L' } else { 'M' };
        // A stroke without length shows a single point.
        let end = if is_open { "" } else { "h0" };
        let _infallible = write!(shape, "{command}{} {}{end}", slots.middle(index), y(value));
        is_open = true;
    }
    shape
}

/// A line over time from zero to the greatest value. Decoration: the number stands beside it.
pub fn sparkline(values: &[Option<u64>], tone: Tone) -> String {
    const WIDTH: Tenths = Tenths::units(200);
    const HEIGHT: Tenths = Tenths::units(32);
    let greatest = values.iter().flatten().max().copied().unwrap_or(0).max(1);
    let slots = Slots::new(WIDTH, values.len());
    let y = |value: u64| {
        let height = HEIGHT.minus(Tenths::units(2)).part(value, greatest);
        HEIGHT.minus(Tenths::units(1)).minus(height)
    };
    let mut out = Markup::default();
    out.open(
        "svg",
        &[
            ("class", &"chart spark"),
            ("viewBox", &"0 0 200 32"),
            ("preserveAspectRatio", &"none"),
            ("aria-hidden", &"true"),
        ],
    );
    let class = format!("line {}", tone.class());
    out.path(&class, &line(values.iter().copied(), slots, y));
    out.close("svg");
    out.finish()
}

/// A bar for each count, such as the failures of each day.
pub fn bars(values: &[u64], tone: Tone, label: &str) -> String {
    const WIDTH: Tenths = Tenths::units(120);
    const HEIGHT: Tenths = Tenths::units(16);
    let greatest = values.iter().max().copied().unwrap_or(0).max(1);
    let slots = Slots::new(WIDTH, values.len());
    let width = slots
        .step()
        .part(3, 4)
        .max(Tenths(10))
        .min(Tenths::units(4));
    let mut shape = String::new();
    for (index, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
        let height = HEIGHT.part(*value, greatest).max(Tenths::units(2));
        let (x, y) = (slots.left(index), HEIGHT.minus(height));
        let _infallible = write!(shape, "M{x} {y}h{width}v{height}h-{width}z");
    }
    let mut out = Markup::default();
    out.open(
        "svg",
        &[
            ("class", &"chart tally"),
            ("viewBox", &"0 0 120 16"),
            ("preserveAspectRatio", &"none"),
            ("role", &"img"),
            ("aria-label", &label),
        ],
    );
    out.path("base", "M0 15.5H120");
    out.path(tone.class(), &shape);
    out.close("svg");
    out.finish()
}

/// A part of a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Such as `passed`.
    pub label: String,
    /// Its size.
    pub count: u64,
    /// Its colour.
    pub tone: Tone,
}

/// Parts of a whole side by side. A part that is not empty can be seen, however small it is.
pub fn share_bar(shares: &[Share]) -> String {
    const WIDTH: u64 = 10_000;
    const LEAST: u64 = 60;
    const GAP: u64 = 20;
    let present: Vec<&Share> = shares.iter().filter(|share| share.count > 0).collect();
    let total: u64 = present.iter().map(|share| share.count).sum();
    let fixed = count(present.len()) * LEAST + count(present.len().saturating_sub(1)) * GAP;
    let free = WIDTH.saturating_sub(fixed);
    let texts: Vec<String> = present
        .iter()
        .map(|share| format!("{} {}", share.count, share.label))
        .collect();
    let mut out = Markup::default();
    out.open(
        "svg",
        &[
            ("class", &"chart shares"),
            ("viewBox", &"0 0 1000 10"),
            ("preserveAspectRatio", &"none"),
            ("role", &"img"),
            ("aria-label", &texts.join(", ")),
        ],
    );
    let mut before = 0_u64;
    for (index, share) in present.iter().enumerate() {
        let end = before.saturating_add(share.count);
        let at = |sum: u64, parts: usize| scaled(free, sum, total) + count(parts) * LEAST;
        let gaps = count(index) * GAP;
        let (left, right) = (at(before, index) + gaps, at(end, index + 1) + gaps);
        let (x, width) = (Tenths(left), Tenths(right.saturating_sub(left)));
        out.path(share.tone.class(), &format!("M{x} 0h{width}v10h-{width}z"));
        before = end;
    }
    out.close("svg");
    out.finish()
}

/// How much of a whole. Decoration: the number stands beside it.
pub fn meter(part: u64, whole: u64, tone: Tone) -> String {
    let width = Tenths::units(1_000).part(part.min(whole), whole);
    let width = if part > 0 {
        width.max(Tenths::units(6))
    } else {
        width
    };
    let mut out = Markup::default();
    out.open(
        "svg",
        &[
            ("class", &"chart meter"),
            ("viewBox", &"0 0 1000 8"),
            ("preserveAspectRatio", &"none"),
            ("aria-hidden", &"true"),
        ],
    );
    out.path("rest", "M0 0h1000v8h-1000z");
    if width > Tenths(0) {
        out.path(tone.class(), &format!("M0 0h{width}v8h-{width}z"));
    }
    out.close("svg");
    out.finish()
}
