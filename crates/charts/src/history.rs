//! The latest runs of a test, with their executions stacked upward.

use std::fmt::Write as _;

use crate::geometry::{Slots, Tenths, count};
use crate::markup::{Markup, isolate};
use crate::table::{Cell, Table};

const WIDTH: Tenths = Tenths::units(1_000);
const HEIGHT: Tenths = Tenths::units(64);
/// Of an execution, with the space above it.
const MAX_PITCH: Tenths = Tenths::units(21);
/// With fewer runs, bars do not become wider.
const LEAST_SLOTS: usize = 40;
/// Executions of a run that are drawn.
const MAX_ATTEMPTS: usize = 8;

/// How an execution ended, as the picture distinguishes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Passed, and nothing failed before it in the run.
    Passed,
    /// Passed after a failure in the run.
    PassedOnRetry,
    /// Failed.
    Failed,
    /// Failed while the test was muted.
    FailedMuted,
    /// Skipped, or its outcome is unknown.
    NotRun,
}

impl Attempt {
    const ALL: [Self; 5] = [
        Self::Passed,
        Self::PassedOnRetry,
        Self::Failed,
        Self::FailedMuted,
        Self::NotRun,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::PassedOnRetry => "passed on retry",
            Self::Failed => "failed",
            Self::FailedMuted => "failed while muted",
            Self::NotRun => "not run",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Passed => "c-passed pale",
            Self::PassedOnRetry => "c-flaky",
            Self::Failed => "c-failed",
            Self::FailedMuted => "c-muted",
            Self::NotRun => "c-none",
        }
    }
}

/// The executions of a test in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryRun {
    /// Such as `#4680 · main · 18 November`.
    pub label: String,
    /// Of the run.
    pub address: String,
    /// In the order in which they ran.
    pub attempts: Vec<Attempt>,
    /// How long they took, in words.
    pub duration: String,
}

impl HistoryRun {
    fn words(&self) -> String {
        let words: Vec<&str> = self.attempts.iter().map(|attempt| attempt.word()).collect();
        words.join(", ")
    }

    fn label(&self) -> String {
        format!(
            "{}: {} · {}",
            isolate(&self.label),
            self.words(),
            self.duration
        )
    }
}

/// The latest runs of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Oldest first.
    pub runs: Vec<HistoryRun>,
}

impl History {
    /// A bar for each run.
    pub fn svg(&self) -> String {
        let mut out = Markup::default();
        let label = format!("Executions in the last {} runs", self.runs.len());
        out.open(
            "svg",
            &[
                ("class", &"chart attempts"),
                ("viewBox", &"0 0 1000 64"),
                ("preserveAspectRatio", &"none"),
                ("role", &"group"),
                ("aria-label", &label),
            ],
        );
        let slots = Slots::at_the_end(WIDTH, self.runs.len(), LEAST_SLOTS);
        let most = self.runs.iter().map(|run| run.attempts.len()).max();
        let most = count(most.unwrap_or(0).clamp(1, MAX_ATTEMPTS));
        let pitch = MAX_PITCH.min(Tenths(HEIGHT.0 / most));
        for kind in Attempt::ALL {
            out.path(kind.class(), &self.marks(kind, slots, pitch));
        }
        for (index, run) in self.runs.iter().enumerate() {
            let label = run.label();
            out.open(
                "a",
                &[
                    ("href", &run.address),
                    ("tabindex", &-1),
                    ("aria-label", &label),
                    ("data-tip", &""),
                ],
            );
            let rect: crate::markup::Attributes<'_> = &[
                ("class", &"hit"),
                ("x", &slots.left(index)),
                ("y", &0),
                ("width", &slots.step()),
                ("height", &64),
            ];
            out.empty("rect", rect);
            out.close("a");
        }
        out.close("svg");
        out.finish()
    }

    fn marks(&self, kind: Attempt, slots: Slots, pitch: Tenths) -> String {
        let mut shape = String::new();
        let gap = pitch.part(1, 8).min(Tenths::units(2));
        let (width, height) = (slots.step().part(4, 5), pitch.minus(gap));
        let (half, notch) = (width.part(1, 2), height.part(1, 4));
        let rest = width.minus(half);
        for (index, run) in self.runs.iter().enumerate() {
            let drawn = run.attempts.iter().take(MAX_ATTEMPTS).enumerate();
            for (level, _) in drawn.filter(|(_, attempt)| **attempt == kind) {
                let below = Tenths(pitch.0 * count(level));
                let (x, y) = (slots.left(index), HEIGHT.minus(below).minus(height));
                let _infallible = match kind {
                    Attempt::Failed | Attempt::FailedMuted => write!(
                        shape,
                        "M{x} {y}l{half} {notch}l{rest} -{notch}v{height}h-{width}z"
                    ),
                    _ => write!(shape, "M{x} {y}h{width}v{height}h-{width}z"),
                };
            }
        }
        shape
    }

    /// A row for each run, newest first.
    pub fn table(&self) -> Table {
        let head = ["Run", "Executions", "Duration"];
        let mut table = Table::new("Executions by run, newest first", &head);
        let rows = self.runs.iter().rev().map(|run| {
            vec![
                Cell::link(&run.label, &run.address),
                Cell::text(run.words()),
                Cell::number(run.duration.as_str()),
            ]
        });
        table.rows = rows.collect();
        table
    }
}
