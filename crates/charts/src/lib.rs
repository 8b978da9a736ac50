//! The pictures of the pages: pure functions from data to SVG, each with its table.
//!
//! A picture is a value with its data. `svg()` returns markup for a page, and `table()` the same
//! data as a [`Table`], which is the text alternative of the picture. The markup
//!
//! - has no `style` attribute and no script, so that a strict content security policy allows it;
//!   positions are coordinates, colours are classes of [`STYLE`];
//! - has one `path` per kind of mark, whatever their number, and for the marks that are links one
//!   `a` with a transparent `rect` each. The links are not in the tab order: the table has them;
//! - escapes every text, and shortens long ones in labels. A tooltip is the `aria-label` of an
//!   element with the attribute `data-tip`.
//!
//! Quantities are whole numbers in a unit of the caller's choice, usually microseconds, and the
//! caller supplies the function that writes them as text. So the markup is the same on every
//! machine. What the pictures mean is not decided here: a caller says which run failed.

mod axis;
mod curve;
mod durations;
mod geometry;
mod history;
mod hours;
mod key;
mod markup;
mod pulse;
mod raster;
mod rates;
mod small;
mod spans;
mod split;
mod table;

pub use curve::{Curve, CurvePoint};
pub use durations::{DurationPeriod, Durations, TimedExecution};
pub use history::{Attempt, History, HistoryRun};
pub use hours::{Hour, Hours};
pub use key::{KeyMark, key};
pub use markup::{escape, isolate};
pub use pulse::{Day, DurationBand, Pulse, PulseRun, RunMark};
pub use raster::{Column, Mark, Raster, Row};
pub use rates::{Rate, RateGroup, Rates};
pub use small::{Share, Tone, bars, meter, share_bar, sparkline};
pub use spans::{Span, Spans};
pub use split::{Node, Part, PartKind, Split};
pub use table::{Cell, Table};

/// The style sheet of the pictures. It uses the custom properties that the pages define for the
/// light and the dark colour scheme.
pub const STYLE: &str = include_str!("charts.css");

/// Writes a quantity as text, such as `1.2 s`.
pub type Format = fn(u64) -> String;
