//! Plans and reports of small builds, and the verdict on them.

use std::collections::BTreeSet;

use test_engine_accounting::{Accounting, GroupAccounting, Input, VanishedTest, account};
use test_engine_wire::{
    Case, CaseFormat, NodeReport, NodeState, Plan, Population, TargetOutcome, TargetReport, Task,
};

pub(crate) fn selector(value: &str, expected_tests: Option<u64>) -> Case {
    Case {
        value: value.to_owned(),
        format: CaseFormat::Selector,
        expected_tests,
        ..Case::default()
    }
}

/// One node per list of cases.
pub(crate) fn plan(shares: &[Vec<Case>], requested: &[&str]) -> Plan {
    let tasks = shares.iter().zip(0_i64..).map(|(tests, node_number)| {
        let tests = tests.clone();
        (node_number.to_string(), Task { node_number, tests })
    });
    Plan {
        tasks: tasks.collect(),
        population: Some(population(requested)),
        ..Plan::default()
    }
}

pub(crate) fn population(values: &[&str]) -> Population {
    test_engine_accounting::population(values.iter().copied())
}

pub(crate) fn ran(value: &str, tests: u64) -> TargetReport {
    TargetReport {
        value: value.to_owned(),
        planned: true,
        tests,
        outcome: if tests == 0 {
            TargetOutcome::NoResults
        } else {
            TargetOutcome::Complete
        },
        ..TargetReport::default()
    }
}

pub(crate) fn report(node: u32, targets: Vec<TargetReport>, discovered: &[&str]) -> NodeReport {
    NodeReport {
        node,
        parallelism: 2,
        job_id: format!("job-{node}"),
        state: NodeState::Finished,
        targets,
        population: population(discovered),
        ..NodeReport::default()
    }
}

pub(crate) struct Known<'a> {
    pub(crate) plan: Option<&'a Plan>,
    pub(crate) reports: &'a [NodeReport],
    pub(crate) vanished: &'a [VanishedTest],
    pub(crate) unchanged: &'a [&'a str],
}

pub(crate) fn judge(known: &Known<'_>) -> Accounting {
    account(&Input {
        identifier: "b/s",
        plan: known.plan,
        reports: known.reports,
        targets_with_history: &BTreeSet::new(),
        vanished: known.vanished,
        unchanged_targets: &known.unchanged.iter().map(|&one| one.to_owned()).collect(),
    })
}

pub(crate) fn only_group(accounting: Accounting) -> GroupAccounting {
    let [group] = <[GroupAccounting; 1]>::try_from(accounting.groups).unwrap();
    group
}

pub(crate) fn group(plan: Option<&Plan>, reports: &[NodeReport]) -> GroupAccounting {
    only_group(judge(&Known {
        plan,
        reports,
        vanished: &[],
        unchanged: &[],
    }))
}
