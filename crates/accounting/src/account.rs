//! The verdict on one plan of a build.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::group::{GroupAccounting, account_group};
use crate::input::Input;

/// Whether every test is accounted for. Ordered from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every target ran to its end.
    Complete,
    /// A target did not, or that cannot be proven.
    Incomplete,
    /// There is neither a plan nor a report.
    Unknown,
}

/// The verdict on one plan, with its reasons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accounting {
    /// Identifier of the plan.
    pub identifier: String,
    /// The worst of all groups.
    pub verdict: Verdict,
    /// One per matrix leg, by name; at least one unless the verdict is [`Verdict::Unknown`].
    pub groups: Vec<GroupAccounting>,
}

/// Accounts for every target of a plan.
pub fn account(input: &Input<'_>) -> Accounting {
    let mut names: BTreeSet<&str> = input.reports.iter().map(|one| one.group.as_str()).collect();
    if names.is_empty() && input.plan.is_some() {
        names.insert("");
    }
    let groups: Vec<GroupAccounting> = names
        .into_iter()
        .map(|group| account_group(group, input))
        .collect();
    let fails = |group: &GroupAccounting| group.findings.iter().any(Finding::is_failure);
    let verdict = if groups.is_empty() {
        Verdict::Unknown
    } else if groups.iter().any(fails) {
        Verdict::Incomplete
    } else {
        Verdict::Complete
    };
    Accounting {
        identifier: input.identifier.to_owned(),
        verdict,
        groups,
    }
}
