//! What is known of a build and of the items of its plan request when the plan is made.

use test_engine_duration::Micros;

use crate::catalog::Catalog;
use crate::change::Change;
use crate::counts::Counts;
use crate::reason::Off;
use crate::rotation::{RotationOrder, RotationPointer};
use crate::window::Window;

/// The build that a plan is requested for.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// The UUID of the suite.
    pub suite: &'a [u8; 16],
    /// Of the plan.
    pub identifier: &'a str,
    /// May be empty.
    pub branch: &'a str,
    /// Whether the branch is the suite's default branch.
    pub is_default_branch: bool,
    /// Whether a tag is built.
    pub is_tag: bool,
    /// The commit message.
    pub message: &'a str,
    /// `None` if the request has no changed files, or the client found no merge base.
    pub change: Option<&'a Change>,
    /// Whether the last finished run of the branch failed.
    pub last_run_failed: bool,
}

/// The last execution of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastExecution {
    /// Whole days since.
    pub days: u32,
    /// Runs of the default branch since.
    pub default_branch_runs: u32,
}

/// An item of the plan request, in the order of the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The runner's name of it, with the location prefix; matched by `always`.
    pub name: &'a str,
    /// The planner's estimate.
    pub duration: Micros,
    /// `None` if there is none.
    pub last_execution: Option<LastExecution>,
    /// Whether its last result on this branch was a failure.
    pub failed_on_branch: bool,
    /// Whether its last result on the default branch was a failure.
    pub failed_on_default_branch: bool,
    /// Whether any failure is known.
    pub ever_failed: bool,
}

/// What a suite has learned.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge<'a> {
    /// Of the items of the request.
    pub catalog: &'a Catalog,
    /// Failures after changes.
    pub counts: &'a Counts,
    /// Known failing builds.
    pub window: &'a Window,
    /// Why selection is switched off, if it is.
    pub off: Option<&'a Off>,
    /// The order of the round that `pointer` is in.
    pub rotation: &'a RotationOrder,
    /// Where the rotating sample continues.
    pub pointer: RotationPointer,
}
