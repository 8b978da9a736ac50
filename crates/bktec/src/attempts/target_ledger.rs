//! What is known of each target over all attempts. Pure.

use std::collections::{BTreeMap, BTreeSet};

use test_engine_results::Outcome;
use test_engine_wire::{Case, TargetOutcome, TargetReport};

use super::TestRecord;
use super::attempt::{Given, Part};
use super::completeness::{self, Gap, Gaps, PartFacts};
use super::outcome::IncompleteTarget;
use crate::runners::paths::file_of;
use crate::runners::{Naming, Observed, TargetIndex, TestKey};

#[derive(Debug)]
pub(super) struct TargetLedger<'c> {
    pub(super) index: TargetIndex<'c>,
    /// Whether the runner was started with the target and ended by itself.
    ended: Vec<bool>,
    /// Whether an attempt had results for the target.
    had_results: Vec<bool>,
    /// What later attempts have not closed.
    gaps: Gaps,
    /// The runner can list the tests of a target.
    pub(super) can_list: bool,
    /// Tests that a filter of the command deselected, in any attempt.
    deselected: BTreeSet<TestKey>,
    /// Only the exit code is known, or results cannot be attributed to targets.
    is_by_exit_code: bool,
}

/// The distinct tests that the runner lists for a target, in number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Listed {
    pub(super) tests: u64,
    /// Those of them that no attempt has a result of.
    pub(super) without_results: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    tests: u64,
    failed: u64,
    not_selected: u64,
}

/// The tests of all attempts, by target.
struct Counted<'t> {
    targets: Vec<Counts>,
    /// By file.
    unplanned: BTreeMap<&'t str, Counts>,
    are_comparable: bool,
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
            had_results: vec![false; index.targets.len()],
            gaps: Gaps::new(),
            can_list: false,
            deselected: BTreeSet::new(),
            is_by_exit_code: false,
            index,
        }
    }

    pub(super) fn all(&self) -> Vec<usize> {
        (0..self.index.targets.len()).collect()
    }

    /// The targets of these cases.
    pub(super) fn of_cases(&self, cases: &[Case]) -> Vec<usize> {
        let numbers: BTreeSet<usize> = cases
            .iter()
            .filter_map(|case| self.index.of_case(case))
            .collect();
        numbers.into_iter().collect()
    }

    /// The targets of these tests; all targets if a test cannot be attributed to any.
    pub(super) fn of_tests<'k>(&self, keys: impl IntoIterator<Item = &'k TestKey>) -> Vec<usize> {
        let mut numbers = BTreeSet::new();
        for key in keys {
            let found = self.index.of_test(key);
            if found.is_empty() {
                return self.all();
            }
            numbers.extend(found);
        }
        numbers.into_iter().collect()
    }

    /// The targets that these paths belong to.
    pub(super) fn of_paths(&self, paths: &[String]) -> BTreeSet<usize> {
        let numbers = paths.iter().flat_map(|path| self.index.of_path(path));
        numbers.collect()
    }

    /// Whether no result was to be expected of these targets: all their tests were deselected or
    /// skipped, or they never had a result. The ID of a test (`file::name`) always has one: with
    /// pytest-xdist, an ID that does not exist makes pytest run nothing.
    pub(super) fn expects_nothing_of(
        &self,
        given: &Given,
        deselected: &[String],
        tests: &[Observed],
    ) -> bool {
        let mut left_out = self.of_paths(deselected);
        let skipped = tests
            .iter()
            .filter(|test| test.outcome == Outcome::Skipped)
            .flat_map(|test| self.index.of_test(&test.key));
        left_out.extend(skipped);
        let mut given = given.targets.iter();
        given.all(|number| {
            let target = &self.index.targets[*number];
            let is_expected = target.expected.unwrap_or(0) > 0 || target.value.contains("::");
            left_out.contains(number) || !is_expected
        })
    }

    /// Whether a retry of these parts ran all tests of the test's targets.
    pub(super) fn is_whole(&self, parts: &[Part], key: &TestKey) -> bool {
        let targets = self.index.of_test(key);
        let is_given = |number: &usize| {
            let mut givens = parts.iter().map(|part| &part.given);
            givens.any(|given| given.is_whole && given.targets.contains(number))
        };
        !targets.is_empty() && targets.iter().all(is_given)
    }

    /// The runner, started with these targets, ended by itself.
    pub(super) fn add_end(&mut self, given: &Given) {
        for &number in &given.targets {
            self.ended[number] = true;
        }
    }

    pub(super) fn add_deselected(&mut self, tests: Vec<TestKey>) {
        self.deselected.extend(tests);
    }

    pub(super) fn take_deselected(&mut self) -> Vec<TestKey> {
        std::mem::take(&mut self.deselected).into_iter().collect()
    }

    /// Everything is run again.
    pub(super) fn start_over(&mut self) {
        self.gaps.remove(&None);
    }

    /// Judges a part with results, in file order.
    pub(super) fn add_part(&mut self, part: &Part, tests: &[Observed], deselected: &[String]) {
        let Some(results) = &part.results else {
            return;
        };
        let given = &part.given;
        let ended_normally = part.ended_normally();
        let deselected = self.of_paths(deselected);
        let (mut gaps, found) = completeness::judge(&PartFacts {
            index: &self.index,
            given: &given.targets,
            is_whole: given.is_whole,
            tests,
            deselected: &deselected,
            shortfalls: &results.shortfalls,
            stopped_early: results.stopped_early.as_deref(),
            policy: part.policy.as_ref(),
            ended_normally,
            has_unexplained_exit: part.has_unexplained_exit(),
            can_list: self.can_list,
        });
        for &number in given.targets.iter().filter(|_| given.is_whole) {
            if ended_normally {
                self.gaps.remove(&Some(number));
            }
            let has_results = found.has_results(number);
            if self.had_results[number] && !has_results && found.are_comparable {
                gaps.insert(
                    Some(number),
                    Gap {
                        seen: 0,
                        expected: self.index.targets[number].expected,
                        reason: "the rerun left no results for it".to_owned(),
                        is_certain: true,
                        is_unproven: false,
                    },
                );
            }
        }
        for number in self.all() {
            self.had_results[number] |= found.has_results(number);
        }
        self.gaps.append(&mut gaps);
    }

    pub(super) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    pub(super) fn has_certain_gaps(&self) -> bool {
        self.gaps.values().any(|gap| gap.is_certain)
    }

    /// The targets to run again because of gaps; all if a gap belongs to no target.
    pub(super) fn with_gaps(&self) -> Vec<usize> {
        let numbers: Option<Vec<usize>> = self.gaps.keys().copied().collect();
        numbers.unwrap_or_else(|| self.all())
    }

    /// The targets for which it is not certain that they have a gap.
    pub(super) fn uncertain(&self) -> Vec<Option<usize>> {
        let gaps = self.gaps.iter().filter(|(_, gap)| !gap.is_certain);
        gaps.map(|(number, _)| *number).collect()
    }

    /// Closes an uncertain gap if every test that the runner lists has a result, or, for names that
    /// change from attempt to attempt, if the attempt that left the gap had as many results. Else
    /// the gap counts from now on.
    pub(super) fn compare(&mut self, number: usize, listed: &Listed) {
        let target = Some(number);
        let Some(gap) = self.gaps.get_mut(&target) else {
            return;
        };
        if listed.tests == 0 && gap.seen > 0 {
            self.confirm(target, "the runner lists no tests for it");
        } else if listed.without_results == 0 || listed.tests <= gap.seen {
            self.gaps.remove(&target);
        } else {
            gap.is_certain = true;
            gap.expected = Some(listed.tests);
        }
    }

    /// An uncertain gap counts from now on.
    pub(super) fn confirm(&mut self, target: Option<usize>, why: &str) {
        if let Some(gap) = self.gaps.get_mut(&target) {
            gap.is_certain = true;
            gap.is_unproven = true;
            gap.reason = format!("{}; {why}", gap.reason);
        }
    }

    /// Targets with certain gaps, in plan order.
    pub(super) fn incomplete(&self) -> Vec<IncompleteTarget> {
        let gaps = self.gaps.iter().filter(|(_, gap)| gap.is_certain);
        gaps.map(|(number, gap)| IncompleteTarget {
            target: number.map(|number| self.index.targets[number].value.to_owned()),
            tests: gap.seen,
            expected_tests: gap.expected,
            reason: gap.reason.clone(),
            is_unproven: gap.is_unproven,
        })
        .collect()
    }

    fn counted<'t>(&self, tests: &'t [TestRecord]) -> Counted<'t> {
        let mut targets = vec![Counts::default(); self.index.targets.len()];
        let mut unplanned: BTreeMap<&str, Counts> = BTreeMap::new();
        let are_comparable = self.index.attribute(
            tests,
            |test| &test.key,
            |test, numbers| {
                for &number in numbers {
                    targets[number].add(test);
                }
                let has_run = matches!(test.outcome, Outcome::Passed | Outcome::Failed);
                if numbers.is_empty() && has_run && self.index.naming == Naming::AsTargets {
                    let file = file_of(&test.key.path);
                    unplanned.entry(file).or_default().add(test);
                }
            },
        );
        for test in &self.deselected {
            for number in self.index.of_test(test) {
                targets[number].not_selected += 1;
            }
        }
        Counted {
            targets,
            unplanned,
            are_comparable,
        }
    }

    /// The runner has no result file, and exited with code 0.
    pub(super) fn trust_exit_code(&mut self) {
        self.is_by_exit_code = true;
    }

    /// Each target of the node's share, then files that ran without being planned. Of those, it is
    /// not known how many tests they have: the runner may have stopped in one, and no attempt
    /// repeats it.
    pub(super) fn reports(&self, tests: &[TestRecord]) -> Vec<TargetReport> {
        let counted = self.counted(tests);
        let is_by_exit_code = self.is_by_exit_code || !counted.are_comparable;
        let is_certain = |target: Option<usize>| {
            let gap = self.gaps.get(&target);
            gap.is_some_and(|gap| gap.is_certain)
        };
        let planned = self.index.targets.iter().enumerate().zip(counted.targets);
        let planned = planned.map(|((number, target), counts)| {
            let outcome = if !self.ended[number] {
                TargetOutcome::NotRun
            } else if is_certain(Some(number)) || is_certain(None) {
                TargetOutcome::Incomplete
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
        let unplanned = counted.unplanned.into_iter();
        let unplanned =
            unplanned.map(|(file, counts)| report(file, counts, TargetOutcome::RanUnplanned));
        planned.chain(unplanned).collect()
    }
}

fn report(value: &str, counts: Counts, outcome: TargetOutcome) -> TargetReport {
    TargetReport {
        value: value.to_owned(),
        tests: counts.tests,
        failed: counts.failed,
        not_selected: counts.not_selected,
        outcome,
        ..TargetReport::default()
    }
}
