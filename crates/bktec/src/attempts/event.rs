//! What happens while tests run, in order, for the log, the event stream and uploads.

use std::path::Path;

use super::NoResults;
use crate::process::{CommandLine, Exit};
use crate::runners::RunnerError;

/// `attempt` is 0 for the first attempt, then the number of the retry. A `result_file` is set only
/// if this part wrote it; the next part moves or removes it.
#[derive(Debug)]
pub enum RunEvent<'a> {
    AttemptStarted {
        attempt: u32,
        /// The number of retries allowed.
        of: u32,
        command: &'a CommandLine,
        parts: usize,
        /// In all parts together.
        targets: usize,
    },
    /// A part that is not the last one finished.
    PartFinished {
        attempt: u32,
        exit: Exit,
        result_file: Option<&'a Path>,
    },
    /// A part that is not the first one is about to start.
    PartStarted {
        attempt: u32,
        /// From 2.
        part: usize,
        parts: usize,
        command: &'a CommandLine,
        /// In all parts together.
        targets: usize,
    },
    AttemptFinished {
        attempt: u32,
        /// Of all parts together.
        exit: Exit,
        result_file: Option<&'a Path>,
        /// The first stop signal that arrived during the last part.
        interrupted_by: Option<i32>,
    },
    ResultsUnreadable {
        attempt: u32,
        why: &'a NoResults,
    },
    /// Some results are unusable, or the runner stopped early.
    ResultsIncomplete {
        attempt: u32,
        reasons: &'a [String],
    },
    /// Targets of the first attempt without results: they contain no tests, all their tests were
    /// deselected, or they did not run.
    TargetsWithoutResults {
        targets: &'a [&'a str],
    },
    /// Files with tests that ran although they are not in the plan, sorted: the runner treats each
    /// path as a substring match.
    UnplannedFilesRan {
        files: &'a [&'a str],
    },
    /// Tests that the plan skips ran: the runner cannot deselect single tests.
    SkippedTestsRan {
        count: usize,
    },
    /// Errors that belong to no test; nothing is retried.
    ErrorsOutsideTests {
        attempt: u32,
        errors: &'a [String],
    },
    /// Failed tests and retries are left, but the retry cannot start.
    RetryImpossible {
        why: &'a RunnerError,
    },
}
