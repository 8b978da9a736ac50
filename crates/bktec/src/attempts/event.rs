//! What happens while tests run, in order, for the log, the event stream and uploads.

use std::path::Path;

use super::{IncompleteTarget, NoResults};
use crate::process::{CommandLine, Exit};
use crate::runners::RunnerError;

/// What an attempt runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptKind {
    /// All targets.
    First,
    /// The failed tests.
    FailedTests,
    /// Whole targets.
    Targets,
    /// Whole targets, each in a part of its own.
    SingleTargets,
}

/// `attempt` is 0 for the first attempt, then the number of the retry. A `result_file` is set only
/// if this part wrote it; the next part moves or removes it.
#[derive(Debug)]
pub enum RunEvent<'a> {
    AttemptStarted {
        attempt: u32,
        /// The number of retries allowed.
        of: u32,
        kind: AttemptKind,
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
        kind: AttemptKind,
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
    /// Targets did not run to their end in this attempt or an earlier one.
    TargetsIncomplete {
        attempt: u32,
        targets: &'a [IncompleteTarget],
    },
    /// An option was added to the user's own command.
    FailFastOverridden {
        option: &'a str,
    },
    /// The runner lists the tests of these targets, to find out whether all of them ran.
    ListingTests {
        targets: &'a [String],
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
