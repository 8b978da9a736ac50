//! All attempts of a run. Each feeds the records of tests and targets. Pure.

use std::collections::BTreeSet;

use super::attempt::{Attempt, PartResults};
use super::record::Record;
use super::target_ledger::TargetLedger;
use super::verdict::{Evidence, Verdict, VerdictOptions};
use super::{Managed, NoResults, RunOutcome, UnprovenRetry};
use crate::process::Exit;
use crate::runners::{Observed, TestKey};

#[derive(Debug)]
pub(super) struct Ledger<'c> {
    pub(super) record: Record,
    pub(super) targets: TargetLedger<'c>,
    options: VerdictOptions,
    /// Without their tests, which are in the record.
    attempts: Vec<Attempt>,
}

/// What the next attempt has to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// The failed tests.
    Tests(Vec<TestKey>),
    /// Whole targets: those of the failed tests, and those that did not run to their end.
    Targets {
        /// Numbers in the index of targets, in plan order.
        targets: Vec<usize>,
        failed: Vec<TestKey>,
    },
}

impl Retry {
    pub(super) fn failed(&self) -> &[TestKey] {
        match self {
            Self::Tests(failed) | Self::Targets { failed, .. } => failed,
        }
    }
}

impl<'c> Ledger<'c> {
    pub(super) fn new(
        managed: Managed<'_>,
        targets: TargetLedger<'c>,
        options: VerdictOptions,
    ) -> Self {
        Self {
            record: Record::new(managed),
            targets,
            options,
            attempts: Vec::new(),
        }
    }

    pub(super) fn add_first(&mut self, mut attempt: Attempt) {
        let tests = self.judge(&mut attempt, true);
        self.record.add_first(tests);
        self.attempts.push(attempt);
    }

    pub(super) fn add_retry(&mut self, mut attempt: Attempt, retry: &Retry) {
        let unproven = match attempt.results.no_results {
            None => UnprovenRetry::NotListed,
            Some(_) => UnprovenRetry::NoResults,
        };
        let is_everything = match retry {
            Retry::Tests(_) => false,
            Retry::Targets { targets, .. } => targets.len() == self.targets.index.targets.len(),
        };
        let tests = self.judge(&mut attempt, is_everything);
        let is_whole = |key: &TestKey| self.targets.is_whole(&attempt.parts, key);
        self.record
            .add_retry(retry.failed(), tests, unproven, is_whole);
        self.attempts.push(attempt);
    }

    /// Counts the failures of each part, and judges whether it ran to its end.
    fn judge(&mut self, attempt: &mut Attempt, is_everything: bool) -> Vec<Observed> {
        let tests = std::mem::take(&mut attempt.results.tests);
        let deselected = std::mem::take(&mut attempt.results.deselected);
        let deselected_tests = std::mem::take(&mut attempt.results.deselected_tests);
        self.targets.add_deselected(deselected_tests);
        self.record.find_ambiguous_mutes(&tests);
        self.record
            .excuse_parents(&attempt.results.failed_by_subtest, &tests);
        for part in &mut attempt.parts {
            if let Some(results) = &mut part.results {
                let tests = &tests[results.tests.clone()];
                results.selected_nothing &=
                    self.targets
                        .expects_nothing_of(&part.given, &deselected, tests);
                let failed = tests.iter().filter(|test| test.has_failed());
                let (muted, counted): (Vec<&Observed>, Vec<&Observed>) =
                    failed.partition(|test| self.record.is_muted(&test.key));
                results.muted_failed = muted.len();
                results.failed = counted.len();
            }
        }
        if is_everything && attempt.ended_normally() {
            self.targets.start_over();
        }
        // Attributing many tests to targets takes time, and proves nothing if all is well.
        let is_clean = attempt.part_results().all(PartResults::is_clean);
        if !self.attempts.is_empty() || !is_clean {
            for part in &attempt.parts {
                let range = part.results.as_ref().map(|results| results.tests.clone());
                let tests = &tests[range.unwrap_or_default()];
                self.targets.add_part(part, tests, &deselected);
            }
        }
        tests
    }

    pub(super) fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// Of the last attempt, from 0.
    pub(super) fn last_number(&self) -> u32 {
        u32::try_from(self.attempts.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// What the next attempt has to run, if anything.
    pub(super) fn next_retry(&self, with_muted: bool) -> Option<Retry> {
        let failed = self.record.failed(with_muted);
        let is_needed = !failed.is_empty() || self.targets.has_certain_gaps();
        if !is_needed {
            None
        } else if self.targets.has_gaps() {
            let targets: BTreeSet<usize> = self
                .targets
                .with_gaps()
                .into_iter()
                .chain(self.targets.of_tests(&failed))
                .collect();
            let targets = targets.into_iter().collect();
            Some(Retry::Targets { targets, failed })
        } else {
            Some(Retry::Tests(failed))
        }
    }

    /// The targets whose end has to be proven because nothing else is wrong; `None` stands for all
    /// targets.
    pub(super) fn unproven_targets(&self) -> Vec<Option<usize>> {
        let uncertain = self.targets.uncertain();
        if uncertain.is_empty() || self.verdict().exit_code != 0 {
            return Vec::new();
        }
        uncertain
    }

    fn verdict(&self) -> Verdict {
        Evidence {
            attempts: &self.attempts,
            tests: &self.record.tests,
            incomplete: &self.targets.incomplete(),
            options: self.options,
        }
        .verdict()
    }

    pub(super) fn into_outcome(mut self) -> RunOutcome {
        let is_by_exit_code = |attempt: &Attempt| {
            attempt.exit == Exit::Code(0)
                && attempt.results.no_results == Some(NoResults::NotConfigured)
        };
        if self.last().is_some_and(is_by_exit_code) {
            self.targets.trust_exit_code();
        }
        let verdict = self.verdict();
        let retries = self.last_number();
        let ambiguous_mutes = self.record.ambiguous_mutes();
        let tests = self.record.tests;
        let has_focus = self
            .attempts
            .iter()
            .any(|attempt| attempt.results.has_focus);
        let first = self.attempts.first();
        let loading = first.and_then(|attempt| attempt.results.loading);
        let target_reports = self.targets.reports(&tests);
        let deselected = self.targets.take_deselected();
        let last = self.attempts.last_mut();
        let (killed_by, no_results) = last.map_or((None, None), |last| {
            let killed_by = match last.exit {
                Exit::Signal(signal) => Some(signal),
                Exit::Code(_) => None,
            };
            (killed_by, last.results.no_results.take())
        });
        let results = self.attempts.into_iter().map(|attempt| attempt.results);
        let targets = results.flat_map(|results| results.targets_without_results);
        RunOutcome {
            exit_code: verdict.exit_code,
            status: verdict.status,
            reasons: verdict.reasons,
            is_by_trust: verdict.is_by_trust,
            killed_by,
            tests,
            errors_outside_tests: verdict.errors,
            no_results,
            targets_without_results: targets.collect(),
            incomplete: self.targets.incomplete(),
            ambiguous_mutes,
            targets: target_reports,
            deselected,
            has_focus,
            loading,
            retries,
        }
    }
}
