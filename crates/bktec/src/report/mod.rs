//! The output of a run: log lines while it runs, the report at its end, and events for other
//! programs. Pure: events and outcomes in, text out; `terminal` prints it.
//!
//! Lists are sorted, so that nodes and builds can be compared.

mod events;
mod folding;
mod lines;
mod summary;

pub use events::{
    Event, EventLine, PlanReady, PlanSource, RunFailed, RunFinished, RunResult, RunStarted,
    SCHEMA_VERSION, UploadFinished, of_outcome,
};
pub use folding::folded;
pub use lines::{lines, long_command};
pub use summary::{ReportContext, may_be_coverage, report};
