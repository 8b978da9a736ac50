//! What a run tells its user: lines while it goes, and the report at its end.
//!
//! Pure: events and outcomes in, text out; `terminal` prints it. Lists are sorted, so that two
//! nodes and two builds can be compared.

mod lines;
mod summary;

pub use lines::{ATTEMPT_MARK, lines};
pub use summary::{ReportContext, report};
