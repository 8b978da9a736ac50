//! All attempts of a run. Each feeds the record of tests and the verdict on the run. Pure.

use std::collections::HashSet;

use super::attempt::Attempt;
use super::record::Record;
use super::target_ledger::TargetLedger;
use super::verdict::exit_code;
use super::{Managed, NoResults, RunOutcome, UnprovenRetry};
use crate::process::Exit;
use crate::runners::TestKey;

#[derive(Debug)]
pub(super) struct Ledger<'c> {
    pub(super) record: Record,
    pub(super) targets: TargetLedger<'c>,
    /// Without their tests, which are in the record.
    attempts: Vec<Attempt>,
}

impl<'c> Ledger<'c> {
    pub(super) fn new(managed: Managed<'_>, targets: TargetLedger<'c>) -> Self {
        Self {
            record: Record::new(managed),
            targets,
            attempts: Vec::new(),
        }
    }

    pub(super) fn add_first(&mut self, mut attempt: Attempt) {
        self.record
            .add_first(std::mem::take(&mut attempt.results.tests));
        self.attempts.push(attempt);
    }

    pub(super) fn add_retry(&mut self, mut attempt: Attempt, retried: &[TestKey]) {
        let unproven = match attempt.results.no_results {
            None => UnprovenRetry::NotListed,
            Some(_) => UnprovenRetry::NoResults,
        };
        let tests = std::mem::take(&mut attempt.results.tests);
        self.record.add_retry(retried, tests, unproven);
        self.attempts.push(attempt);
    }

    pub(super) fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    pub(super) fn into_outcome(mut self) -> RunOutcome {
        let tests = self.record.tests;
        let exit_code = exit_code(&self.attempts, &tests);
        let has_focus = self
            .attempts
            .iter()
            .any(|attempt| attempt.results.has_focus);
        let is_by_exit_code = |attempt: &Attempt| {
            attempt.exit == Exit::Code(0)
                && attempt.results.no_results == Some(NoResults::NotConfigured)
        };
        if self.attempts.last().is_some_and(is_by_exit_code) {
            self.targets.trust_exit_code();
        }
        let target_reports = self.targets.reports(&tests);
        let retries = u32::try_from(self.attempts.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let last = self.attempts.last_mut();
        let (killed_by, no_results) = last.map_or((None, None), |last| {
            let killed_by = match last.exit {
                Exit::Signal(signal) => Some(signal),
                Exit::Code(_) => None,
            };
            (killed_by, last.results.no_results.take())
        });
        let (mut errors, mut targets) = (Vec::new(), Vec::new());
        for attempt in self.attempts {
            errors.extend(attempt.results.errors_outside_tests);
            targets.extend(attempt.results.targets_without_results);
        }
        let mut seen = HashSet::new();
        errors.retain(|error| seen.insert(error.clone()));
        RunOutcome {
            exit_code,
            killed_by,
            tests,
            errors_outside_tests: errors,
            no_results,
            targets_without_results: targets,
            targets: target_reports,
            has_focus,
            retries,
        }
    }
}
