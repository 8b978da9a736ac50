//! What the verdict on a plan is computed from.

use std::collections::BTreeSet;

use test_engine_wire::{NodeReport, Plan};

use crate::finding::VanishedTest;

/// Everything known of one plan.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Identifier of the plan.
    pub identifier: &'a str,
    /// The plan, unless every node worked without it.
    pub plan: Option<&'a Plan>,
    /// Reports of its nodes, of all groups, in any order; several per node are allowed.
    pub reports: &'a [NodeReport],
    /// Targets that had results in an earlier run.
    pub targets_with_history: &'a BTreeSet<String>,
    /// Tests that earlier complete runs have and this one lacks.
    pub vanished: &'a [VanishedTest],
    /// Targets whose file is unchanged since the merge base.
    pub unchanged_targets: &'a BTreeSet<String>,
}

impl<'a> Input<'a> {
    /// The plan if it assigns targets to nodes. A plan without any stands for "each node splits the
    /// tests itself", so nothing is known of the shares.
    pub(crate) fn plan_with_shares(&self) -> Option<&'a Plan> {
        self.plan.filter(|plan| !plan.tasks.is_empty())
    }
}
