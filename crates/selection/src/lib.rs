//! Selects the tests that a change is likely to break, and says how sure that is.
//!
//! Values in, values out: no clock, no files, no SQL. Floats are computed by basic arithmetic only
//! and stored counts have fixed precision, so two servers with the same history decide the same.
//!
//! - [`Settings::parse`] reads the strategy and parameters of a plan request.
//! - [`Catalog`] indexes the names of a suite's items; [`Counts`] is what it has learned.
//! - [`decide`] turns a change into a [`Decision`], with a reason for everything.
//! - [`Assessment::holdout`] compares a decision with the items that really failed. The latest
//!   holdouts, the [`Window`], set the cut of the next decisions; [`Drift`] watches them.
//!
//! `docs/design/selection.md` explains the formulas; "§4 of the design" is its section 4.

mod always;
mod build;
mod catalog;
mod change;
mod confidence;
mod counts;
mod decide;
mod drift;
mod explain;
mod failure;
mod features;
mod full;
mod functions;
mod holdout;
mod paths;
mod patterns;
mod postings;
mod reason;
mod record;
mod rotation;
mod settings;
mod share;
mod value;
mod weights;
mod window;
mod words;

pub use always::{MAX_DAYS, MAX_DEFAULT_BRANCH_RUNS};
pub use build::{Build, Item, Knowledge, LastExecution};
pub use catalog::{Catalog, ItemNames, Location};
pub use change::{Change, ChangedFile, Source, Sources};
pub use confidence::Confidence;
pub use counts::{Counts, Learned, Row, Unlearned};
pub use decide::{Assessment, Decision, Selected, Verdict, decide};
pub use drift::{Drift, has_recovered};
pub use explain::{Cause, causes};
pub use failure::{FailedItem, is_breakdown};
pub use features::Features;
pub use functions::{FileFunctions, MAX_PATCH_BYTES, changed_functions};
pub use holdout::is_held_out;
pub use patterns::Patterns;
pub use reason::{AlwaysReason, FullReason, Off};
pub use record::{ScoredItem, compare_failures};
pub use rotation::{RotationOrder, RotationPointer};
pub use settings::{HostedStrategy, Mode, Problem, Settings, Target, Unit};
pub use share::Share;
pub use value::{Values, terms};
pub use weights::Weights;
pub use window::{Cut, Holdout, Origin, Window};
