//! What is wrong with a build, or worth knowing about it.

use serde::{Deserialize, Serialize};

/// A test that ran in earlier complete runs and has no result now, although its target ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct VanishedTest {
    /// The target it used to be in.
    pub target: String,
    /// Its group; may be empty.
    pub scope: String,
    /// Its name.
    pub name: String,
}

/// One observation about a build. [`Finding::is_failure`]: whether it makes the build incomplete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// No node is known to have run this target.
    TargetNotRun {
        /// The target.
        target: String,
        /// Nodes whose share held it; empty if it was in no share.
        nodes: Vec<u32>,
    },
    /// Tests of this target did not run.
    TargetIncomplete {
        /// The target.
        target: String,
        /// The node that ran it.
        node: u32,
        /// Number of tests with a result.
        tests: u64,
        /// Number of tests expected, if known.
        expected_tests: Option<u64>,
    },
    /// The target ran and left no results.
    TargetWithoutResults {
        /// The target.
        target: String,
        /// The node that ran it.
        node: u32,
        /// Whether it had results in an earlier run. If not, it may hold no tests.
        had_results: bool,
    },
    /// The target ran to its end with fewer tests than expected. Some may have been deleted.
    TargetShrank {
        /// The target.
        target: String,
        /// The node that ran it.
        node: u32,
        /// Number of tests with a result.
        tests: u64,
        /// Number of tests expected.
        expected_tests: u64,
        /// It lost more than half of its tests, and its file is unchanged.
        fails: bool,
    },
    /// A job that ran missing targets ran this one, and that job failed. Unlike a job of the step,
    /// it does not make the build red by itself: a retry would find the target run.
    RepairFailed {
        /// The target.
        target: String,
        /// Exit code of the job; absent if it did not report its end.
        exit_code: Option<i32>,
    },
    /// No job of this matrix leg reported, although the leg is expected.
    GroupSilent,
    /// Tests of this target failed, and are not muted. The job that ran them reports that failure;
    /// the build can still be complete.
    TargetFailed {
        /// The target.
        target: String,
        /// The node that ran it.
        node: u32,
        /// Number of failed tests.
        failed: u64,
    },
    /// The plan lacks targets of the request that created it: they were not selected, or all of
    /// their tests are skipped.
    TargetsNotPlanned {
        /// Number of them.
        count: u64,
    },
    /// More than one node ran this target.
    TargetRanTwice {
        /// The target.
        target: String,
        /// The nodes.
        nodes: Vec<u32>,
    },
    /// A node sent no report. What it missed is reported per target.
    NodeSilent {
        /// Its index.
        node: u32,
        /// Whether its share is known from the plan, or from what the other nodes discovered.
        is_share_known: bool,
    },
    /// A node reported its start, but not its end.
    NodeUnfinished {
        /// Its index.
        node: u32,
    },
    /// Several jobs ran as the same node, none of them a retry of another.
    NodeIndexUsedTwice {
        /// The index.
        node: u32,
        /// Identifiers of the jobs.
        jobs: Vec<String>,
    },
    /// A node discovered other targets than the request that created the plan.
    PopulationDiffers {
        /// The node.
        node: u32,
        /// Number of targets it discovered.
        count: u64,
        /// Targets that only this node has; at most 1,000.
        only_here: Vec<String>,
        /// Whether all targets this node discovered are accounted for all the same.
        is_covered: bool,
    },
    /// No test ran on any node.
    NoTestRan,
    /// Tests disappeared from a target that ran.
    TestsVanished {
        /// The target.
        target: String,
        /// The tests.
        tests: Vec<VanishedTest>,
        /// The target lost more than half of its tests and its file is unchanged, or the user asked
        /// for vanished tests to fail.
        fails: bool,
    },
    /// Only focused tests ran, by the results of a node, such as those with RSpec's `fit`.
    Focus {
        /// The node.
        node: u32,
    },
    /// The runner chooses its tests itself, so there are no targets to account for.
    NoTargets,
    /// A kind that this version does not know.
    #[serde(other)]
    Other,
}

impl Finding {
    /// Whether the build is incomplete because of it; the others are warnings.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::TargetNotRun { .. }
            | Self::TargetIncomplete { .. }
            | Self::RepairFailed { .. }
            | Self::GroupSilent
            | Self::NoTestRan
            | Self::Focus { .. } => true,
            Self::TargetWithoutResults { had_results, .. } => *had_results,
            Self::PopulationDiffers { is_covered, .. } => !is_covered,
            Self::TestsVanished { fails, .. } | Self::TargetShrank { fails, .. } => *fails,
            Self::NodeSilent { is_share_known, .. } => !is_share_known,
            Self::TargetRanTwice { .. }
            | Self::TargetFailed { .. }
            | Self::TargetsNotPlanned { .. }
            | Self::NodeUnfinished { .. }
            | Self::NodeIndexUsedTwice { .. }
            | Self::NoTargets
            | Self::Other => false,
        }
    }
}
