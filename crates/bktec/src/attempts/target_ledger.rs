//! What is known of each target over all attempts. Pure.

use std::collections::BTreeMap;

use test_engine_results::Outcome;
use test_engine_wire::{Case, TargetOutcome, TargetReport};

use super::TestRecord;
use super::targets::TargetIndex;
use crate::runners::Naming;
use crate::runners::paths::file_of;

#[derive(Debug)]
pub(super) struct TargetLedger<'c> {
    pub(super) index: TargetIndex<'c>,
    /// Whether the runner was started with the target and ended by itself.
    ended: Vec<bool>,
    /// Only the exit code is known, or results cannot be attributed to targets.
    is_by_exit_code: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    tests: u64,
    failed: u64,
}

impl Counts {
    fn add(&mut self, test: &TestRecord) {
        self.tests += u64::from(test.outcome != Outcome::Unknown);
        self.failed += u64::from(test.is_failed() && !test.muted);
    }
}

impl<'c> TargetLedger<'c> {
    pub(super) fn new(cases: &'c [Case], naming: Naming) -> Self {
        let index = TargetIndex::new(cases, naming);
        Self {
            ended: vec![false; index.targets.len()],
            is_by_exit_code: false,
            index,
        }
    }

    /// The runner, started with these cases, ended by itself.
    pub(super) fn add_end(&mut self, cases: &[Case]) {
        for case in cases {
            if let Some(number) = self.index.of_case(case) {
                self.ended[number] = true;
            }
        }
    }

    /// The runner has no result file, and exited with code 0.
    pub(super) fn trust_exit_code(&mut self) {
        self.is_by_exit_code = true;
    }

    /// Each target of the node's share, then files that ran without being planned.
    pub(super) fn reports(&self, tests: &[TestRecord]) -> Vec<TargetReport> {
        let mut counts = vec![Counts::default(); self.index.targets.len()];
        let mut unplanned: BTreeMap<&str, Counts> = BTreeMap::new();
        let mut is_comparable = false;
        for test in tests {
            let targets = self.index.of_test(&test.key);
            is_comparable |= !targets.is_empty();
            let has_run = matches!(test.outcome, Outcome::Passed | Outcome::Failed);
            if targets.is_empty() && has_run && self.index.naming == Naming::AsTargets {
                let file = file_of(&test.key.path);
                unplanned.entry(file).or_default().add(test);
            }
            for number in targets {
                counts[number].add(test);
            }
        }
        let is_by_exit_code = self.is_by_exit_code
            || (self.index.naming == Naming::RunnerSpecific && !is_comparable && !tests.is_empty());
        let planned = self.index.targets.iter().zip(counts).zip(&self.ended);
        let planned = planned.map(|((target, counts), ended)| {
            let outcome = if !ended {
                TargetOutcome::NotRun
            } else if counts.tests > 0 || is_by_exit_code {
                TargetOutcome::Complete
            } else {
                TargetOutcome::NoResults
            };
            TargetReport {
                planned: true,
                expected_tests: target.expected,
                ..report(target.value, counts, outcome)
            }
        });
        let unplanned = unplanned
            .into_iter()
            .map(|(file, counts)| report(file, counts, TargetOutcome::Complete));
        planned.chain(unplanned).collect()
    }
}

fn report(value: &str, counts: Counts, outcome: TargetOutcome) -> TargetReport {
    TargetReport {
        value: value.to_owned(),
        tests: counts.tests,
        failed: counts.failed,
        outcome,
        ..TargetReport::default()
    }
}
