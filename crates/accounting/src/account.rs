//! The verdict on one plan of a build.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::group::{GroupAccounting, account_group};
use crate::input::Input;
use crate::verdict::Verdict;

/// The verdict on one plan, with its reasons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Accounting {
    /// Identifier of the plan.
    pub identifier: String,
    /// The worst of all groups.
    pub verdict: Verdict,
    /// One per matrix leg, by name; empty if there is neither a plan nor a report.
    pub groups: Vec<GroupAccounting>,
}

/// The verdicts on all plans of a build, or on one plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Accountings {
    /// By identifier; empty if no plan and no report is known.
    pub accountings: Vec<Accounting>,
}

impl Accounting {
    fn new(identifier: &str, groups: Vec<GroupAccounting>) -> Self {
        let worst = groups.iter().map(|group| group.verdict).max();
        Self {
            identifier: identifier.to_owned(),
            verdict: worst.unwrap_or(Verdict::Unknown),
            groups,
        }
    }

    /// The same, but vanished tests make a group incomplete.
    #[must_use]
    pub fn failing_on_vanished_tests(self) -> Self {
        let strict = |finding: Finding| match finding {
            Finding::TestsVanished { target, tests, .. } => Finding::TestsVanished {
                target,
                tests,
                fails: true,
            },
            Finding::TargetShrank {
                target,
                node,
                tests,
                expected_tests,
                ..
            } => Finding::TargetShrank {
                target,
                node,
                tests,
                expected_tests,
                fails: true,
            },
            other => other,
        };
        let groups = self.groups.into_iter().map(|mut group| {
            let (fail, warn): (Vec<_>, Vec<_>) = std::mem::take(&mut group.warnings)
                .into_iter()
                .map(strict)
                .partition(Finding::is_failure);
            if !fail.is_empty() {
                group.verdict = group.verdict.max(Verdict::Incomplete);
            }
            group.failures.extend(fail);
            group.warnings = warn;
            group
        });
        Self::new(&self.identifier, groups.collect())
    }

    /// Whether every node of every group has reported its end.
    pub fn has_all_reports(&self) -> bool {
        !self.groups.is_empty() && self.groups.iter().all(GroupAccounting::has_all_reports)
    }
}

impl Accountings {
    /// The same, but each plan that lacks one of `groups` is incomplete. Only reports name groups,
    /// so one that never started is otherwise unknown.
    #[must_use]
    pub fn expecting_groups(mut self, groups: &[String]) -> Self {
        for accounting in &mut self.accountings {
            let mut all = std::mem::take(&mut accounting.groups);
            let parallelism = all.iter().map(|group| group.parallelism).max();
            for group in groups {
                if !all.iter().any(|known| known.group == *group) {
                    all.push(GroupAccounting {
                        group: group.clone(),
                        verdict: Verdict::Incomplete,
                        parallelism: parallelism.unwrap_or(1),
                        failures: vec![Finding::GroupSilent],
                        ..GroupAccounting::default()
                    });
                }
            }
            all.sort_by(|a, b| a.group.cmp(&b.group));
            *accounting = Accounting::new(&accounting.identifier, all);
        }
        self
    }

    /// The worst verdict of all plans.
    pub fn verdict(&self) -> Verdict {
        let worst = self.accountings.iter().map(|one| one.verdict).max();
        worst.unwrap_or(Verdict::Unknown)
    }
}

/// Accounts for every target of a plan.
pub fn account(input: &Input<'_>) -> Accounting {
    let mut names: BTreeSet<&str> = input.reports.iter().map(|one| one.group.as_str()).collect();
    if names.is_empty() && input.plan_with_shares().is_some() {
        names.insert("");
    }
    let groups = names.into_iter().map(|group| account_group(group, input));
    Accounting::new(input.identifier, groups.collect())
}
