//! Lists tests where muted failures are all that is wrong, but a fail-fast setting may have kept
//! other tests from running.

use std::collections::HashSet;

use super::RunEvent;
use super::run::Run;
use super::target_ledger::Listed;
use crate::runners::{RunnerError, TestKey};

impl Run<'_> {
    /// Compares the tests that the runner lists with those that have results. What it cannot list
    /// stays unproven.
    pub(super) fn prove_muted_failures(&mut self) {
        let unproven = self.ledger.unproven_targets();
        let numbers: Vec<usize> = unproven.iter().copied().flatten().collect();
        if unproven.is_empty() || self.options.verdict.allow_missing_results {
            return;
        }
        let listed = if numbers.len() == unproven.len() {
            self.list(&numbers)
        } else {
            Err(UNKNOWN_FILES.to_owned())
        };
        match listed {
            Ok(listed) => {
                for (number, listed) in numbers.into_iter().zip(listed) {
                    self.ledger.targets.compare(number, &listed);
                }
            }
            Err(why) => {
                for target in unproven {
                    self.ledger.targets.confirm(target, &why);
                }
            }
        }
        let targets = self.ledger.targets.incomplete();
        if !targets.is_empty() {
            (self.on_event)(RunEvent::TargetsIncomplete {
                attempt: self.ledger.last_number(),
                targets: &targets,
            });
        }
    }

    /// The distinct tests that the runner lists for each of these targets.
    fn list(&mut self, numbers: &[usize]) -> Result<Vec<Listed>, String> {
        let index = &self.ledger.targets.index;
        let targets: Vec<String> = numbers
            .iter()
            .map(|&number| index.targets[number].value.to_owned())
            .collect();
        if !self.runner.can_list() {
            return Err(CANNOT_LIST.to_owned());
        }
        (self.on_event)(RunEvent::ListingTests { targets: &targets });
        let examples = self
            .runner
            .examples(&targets)
            .map_err(|error| match error {
                RunnerError::NoExamples { .. } => CANNOT_LIST.to_owned(),
                error => format!("the tests cannot be listed: {error}"),
            })?;
        let mut known = HashSet::new();
        let mut listed = vec![Listed::default(); index.targets.len()];
        for example in &examples {
            let key = TestKey::new(&*example.scope, &*example.name, &*example.path);
            if !known.insert(key.clone()) {
                continue;
            }
            let has_result = self.ledger.record.has_result(&key);
            for number in index.of_test(&key) {
                listed[number].tests += 1;
                listed[number].without_results += u64::from(!has_result);
            }
        }
        Ok(numbers.iter().map(|&number| listed[number]).collect())
    }
}

const CANNOT_LIST: &str = "this runner cannot list its tests, so a mute is not enough";
const UNKNOWN_FILES: &str = "the results name no files, so a mute is not enough";
