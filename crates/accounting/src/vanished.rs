//! Tests that earlier builds had, in targets that ran.

use std::collections::{BTreeMap, BTreeSet};

use test_engine_wire::{TargetOutcome, without_dot_slash};

use crate::finding::{Finding, VanishedTest};
use crate::input::Input;
use crate::targets::Targets;

/// By name where names are known, else by number.
pub(crate) fn vanished_findings(input: &Input<'_>, targets: &Targets<'_>) -> Vec<Finding> {
    let unchanged: BTreeSet<&str> = input
        .unchanged_targets
        .iter()
        .map(|target| without_dot_slash(target))
        .collect();
    let mut by_target: BTreeMap<&str, Vec<VanishedTest>> = BTreeMap::new();
    for test in input.vanished {
        let tests = by_target
            .entry(without_dot_slash(&test.target))
            .or_default();
        tests.push(test.clone());
    }
    let mut findings = Vec::new();
    for (&target, facts) in targets {
        let Some((node, report)) = facts.best() else {
            continue;
        };
        let named = by_target.remove(target).unwrap_or_default();
        // Their number explains those without results, and their names are not known.
        let not_selected = report.not_selected;
        let named = if named.len() as u64 > not_selected {
            named
        } else {
            Vec::new()
        };
        let fails = unchanged.contains(target) && facts.lost_most(named.len());
        if !named.is_empty() {
            findings.push(Finding::TestsVanished {
                target: target.to_owned(),
                tests: named,
                fails,
            });
            continue;
        }
        let expected = facts.expected_tests().unwrap_or_default();
        if report.outcome == TargetOutcome::Complete && report.tests + not_selected < expected {
            findings.push(Finding::TargetShrank {
                target: target.to_owned(),
                node,
                tests: report.tests,
                expected_tests: expected,
                fails,
            });
        }
    }
    findings
}
