//! Decides from the history of a test whether it is flaky, broken or new, and why.
//!
//! Values in, values out: no clock, no files, no SQL. Everything that is kept is a whole number,
//! and every float is computed by basic arithmetic only, so two servers with the same history
//! agree.
//!
//! `docs/design/flaky.md` explains the formulas; "§4 of the design" is its section 4.

mod alarm;
mod brake;
mod breaks;
mod causes;
mod evidence;
mod executions;
mod failure;
mod fingerprint;
mod fisher;
mod frames;
mod group;
mod guard;
mod health;
mod monitors;
mod parameters;
mod preview;
mod release;
mod replay;
mod score;
mod time;

pub use alarm::{Alarm, Transition};
pub use brake::Brake;
pub use breaks::{Breaks, OpenBreak};
pub use causes::{Cause, Causes, FirstExecution, TestedCause, causes};
pub use evidence::{Change, Day, Event, Evidence, KEPT_DAYS, Sums};
pub use executions::Execution;
pub use failure::{FailureFacts, FailureVerdict, passed_before_branch};
pub use fingerprint::{Fingerprint, InvalidFingerprint, normalized};
pub use frames::{Frame, own_frame};
pub use group::{Commit, CommitGroup, Counts, GroupOutcome};
pub use guard::{MIN_SHARED_CAUSE, Recovered, RunCounts, UploadCounts, shared_cause};
pub use health::{Health, Level, judge};
pub use monitors::{History, Monitor};
pub use parameters::Parameters;
pub use preview::{Preview, preview};
pub use release::clean_passes_needed;
pub use replay::{AlarmChange, Run, Suite, TestResult, Tracked, Upload};
pub use score::{Score, score};
pub use time::{DAY, day_of};
