//! The status and the exit code of the whole run. Pure.
//!
//! One function decides both: the exit code is 0 if and only if nothing is wrong. Otherwise it is
//! the runner's own failing code, or 1 if the runner reported success.

use std::collections::HashSet;

use test_engine_results::Outcome;

use super::attempt::{Attempt, Part, PartResults, TESTS_FAILED};
use super::outcome::{IncompleteTarget, RunStatus};
use super::record::TestRecord;
use crate::exit_code::SIGNAL_BASE;
use crate::process::{Exit, signal_name};

/// What the verdict follows from.
#[derive(Debug)]
pub(super) struct Evidence<'e> {
    /// In order; at least one.
    pub(super) attempts: &'e [Attempt],
    pub(super) tests: &'e [TestRecord],
    pub(super) incomplete: &'e [IncompleteTarget],
    pub(super) options: VerdictOptions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerdictOptions {
    /// Failures in the results do not count if the runner exits with code 0.
    pub trust_exit_code: bool,
    /// Results may be missing or incomplete if the runner exits with code 0, and a mute excuses a
    /// failure even if nothing proves that all tests ran.
    pub allow_missing_results: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) status: RunStatus,
    pub(super) exit_code: i32,
    /// Sentences without the full stop; empty unless the status needs an explanation.
    pub(super) reasons: Vec<String>,
    /// The run passes only because of `trust_exit_code`.
    pub(super) is_by_trust: bool,
    /// Errors outside the tests, each once.
    pub(super) errors: Vec<String>,
}

impl Evidence<'_> {
    pub(super) fn verdict(&self) -> Verdict {
        let errors = self.errors();
        let (status, reasons) = self.status(&errors);
        let code = self.failing_code();
        let is_failure = match status {
            RunStatus::Passed => false,
            RunStatus::Unknown => self.attempts.last().is_some_and(|last| {
                matches!(last.exit, Exit::Signal(_)) || !last.parts.iter().all(Part::is_excused)
            }),
            _ => true,
        };
        let is_by_trust = self.options.trust_exit_code
            && code == 0
            && matches!(status, RunStatus::Failed | RunStatus::Error)
            && !self.lacks_tests()
            && self.doubts().is_empty();
        if is_by_trust {
            return Verdict {
                status: RunStatus::Passed,
                exit_code: 0,
                reasons,
                is_by_trust,
                errors,
            };
        }
        let exit_code = match code {
            _ if !is_failure => 0,
            0 => TESTS_FAILED,
            code => code,
        };
        Verdict {
            status,
            exit_code,
            reasons,
            is_by_trust,
            errors,
        }
    }

    fn status(&self, errors: &[String]) -> (RunStatus, Vec<String>) {
        let Some(last) = self.attempts.last() else {
            return (RunStatus::Unknown, Vec::new());
        };
        if !errors.is_empty() {
            return (RunStatus::Error, errors.to_vec());
        }
        let mut reasons: Vec<String> = self
            .incomplete
            .iter()
            .map(IncompleteTarget::to_string)
            .collect();
        let has_gaps = !reasons.is_empty();
        reasons.extend(self.doubts());
        // A failing exit code says all there is.
        if self.tests.is_empty() && !has_gaps && (last.exit != Exit::Code(0) || reasons.is_empty())
        {
            return (RunStatus::Unknown, Vec::new());
        }
        if self
            .tests
            .iter()
            .any(|test| test.is_failed() && !test.muted)
        {
            return (RunStatus::Failed, Vec::new());
        }
        if !reasons.is_empty() {
            return (RunStatus::Incomplete, reasons);
        }
        match unexplained_exit(last) {
            Some(reason) => (RunStatus::UnexplainedExit, vec![reason]),
            None => (RunStatus::Passed, Vec::new()),
        }
    }

    fn errors(&self) -> Vec<String> {
        let results = self.attempts.iter().map(|attempt| &attempt.results);
        let errors = results.flat_map(|results| &results.errors_outside_tests);
        let mut seen = HashSet::new();
        let new = errors.filter(|error| seen.insert(*error));
        new.cloned().collect()
    }

    /// Whether planned tests are known not to have run, which no exit code excuses.
    fn lacks_tests(&self) -> bool {
        let mut attempts = self.attempts.iter();
        attempts.any(|attempt| attempt.results.lacks_tests) || !self.incomplete.is_empty()
    }

    /// Why the results may lack tests, apart from incomplete targets.
    fn doubts(&self) -> Vec<String> {
        let last = self.attempts.last().into_iter();
        last.flat_map(|last| {
            let missing = self.missing_results(last).into_iter();
            missing.chain(self.incomplete_results(last))
        })
        .collect()
    }

    fn missing_results(&self, last: &Attempt) -> Option<String> {
        if let Exit::Signal(signal) = last.exit {
            return Some(format!(
                "The runner was killed by signal {signal} ({}), so some tests may not have run",
                signal_name(signal)
            ));
        }
        if let Some(signal) = last.interrupted_by() {
            return Some(format!(
                "{} arrived while the tests ran, so some tests may not have run",
                signal_name(signal)
            ));
        }
        let why = last.results.no_results.as_ref()?;
        let is_allowed = self.options.allow_missing_results && self.failing_code() == 0;
        (why.is_unexpected() && !is_allowed).then(|| why.to_string())
    }

    /// Why a test may have failed, or not have run, without being recorded as failed.
    fn incomplete_results(&self, last: &Attempt) -> Option<String> {
        let any =
            |attempt: &Attempt, flag: fn(&PartResults) -> bool| attempt.part_results().any(flag);
        let has_failing_code = self.failing_code() != 0;
        let is_strict = has_failing_code || !self.options.allow_missing_results;
        let with_unusable = self
            .attempts
            .iter()
            .find(|attempt| any(attempt, |results| results.has_unusable));
        if let Some(attempt) = with_unusable.filter(|_| is_strict) {
            let reason = attempt.results.incomplete.first();
            let reason = reason.map_or("", |reason| reason.trim());
            return Some(format!("The result file is incomplete: {reason}"));
        }
        // An early stop of an attempt that was retried nevertheless is made up for by the retry.
        if has_failing_code && any(last, |results| results.stopped_early.is_some()) {
            let reason = last.results.incomplete.last();
            return reason
                .cloned()
                .or_else(|| Some("The runner stopped early".to_owned()));
        }
        let unknown = self
            .tests
            .iter()
            .filter(|test| test.outcome == Outcome::Unknown);
        let unknown = unknown.count();
        (has_failing_code && unknown > 0).then(|| {
            let tests = if unknown == 1 {
                "test has"
            } else {
                "tests have"
            };
            format!("{unknown} {tests} no outcome, so they may not have run")
        })
    }

    /// The last failing code of an attempt; 0 if none failed.
    fn failing_code(&self) -> i32 {
        let codes = self
            .attempts
            .iter()
            .rev()
            .map(|attempt| match attempt.exit {
                Exit::Code(code) => code,
                Exit::Signal(signal) => i32::from(SIGNAL_BASE).saturating_add(signal),
            });
        codes.into_iter().find(|&code| code != 0).unwrap_or(0)
    }
}

fn unexplained_exit(last: &Attempt) -> Option<String> {
    let Exit::Code(code) = last.exit else {
        return None;
    };
    if code == 0 {
        return None;
    }
    let is_excused = last.parts.iter().all(Part::is_excused);
    (!is_excused).then(|| {
        format!("The runner exited with code {code}, which no failed test explains; see its output")
    })
}

#[cfg(test)]
mod tests;
