//! One verdict for each test, from all of its executions.
//!
//! A test that ran several times (`-count`) has failed if it failed once. The exception is a rerun
//! of failed tests: `gotestsum --rerun-fails` runs the package again with only those.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::model::{Outcome, Remark, TestResult};

#[derive(Default)]
pub(super) struct Verdicts<'a> {
    /// In the order in which packages end.
    pub(super) results: Vec<TestResult<'a>>,
    /// By package and test, indexes of `results`.
    index: HashMap<(Cow<'a, str>, Cow<'a, str>), usize>,
}

impl<'a> Verdicts<'a> {
    /// Adds the results of one run of one package.
    pub(super) fn add_run(&mut self, run: Vec<TestResult<'a>>) {
        let is_rerun = self.is_rerun(&run);
        let known_before = self.results.len();
        for result in run {
            match self
                .index
                .entry((result.scope.clone(), result.name.clone()))
            {
                Entry::Vacant(entry) => {
                    entry.insert(self.results.len());
                    self.results.push(result);
                }
                Entry::Occupied(entry) => {
                    let index = *entry.get();
                    let Some(known) = self.results.get_mut(index) else {
                        continue;
                    };
                    if is_rerun && index < known_before {
                        retry(known, result);
                    } else if known.outcome != Outcome::Failed || explains(&result, known) {
                        *known = result;
                    }
                }
            }
        }
    }

    /// Whether every test of the run, apart from subtests, failed before.
    fn is_rerun(&self, run: &[TestResult<'a>]) -> bool {
        let mut tests = run
            .iter()
            .filter(|result| !result.name.contains('/'))
            .peekable();
        tests.peek().is_some()
            && tests.all(|result| {
                let known = self.index.get(&(result.scope.clone(), result.name.clone()));
                let known = known.and_then(|&index| self.results.get(index));
                known.is_some_and(|known| known.outcome == Outcome::Failed)
            })
    }
}

/// Whether this is the test's own failure, and the known one may be that of a subtest.
fn explains(result: &TestResult<'_>, known: &TestResult<'_>) -> bool {
    let is_silent = |result: &TestResult<'_>| result.remark == Some(Remark::SilentFailure);
    result.outcome == Outcome::Failed && is_silent(known) && !is_silent(result)
}

/// A failure counts until a retry passes.
fn retry<'a>(known: &mut TestResult<'a>, result: TestResult<'a>) {
    let has_failed = known.outcome == Outcome::Failed;
    if has_failed && matches!(result.outcome, Outcome::Passed | Outcome::Failed) {
        let failed_before = known.failed_before + 1;
        *known = TestResult {
            failed_before,
            ..result
        };
    } else if !has_failed && result.outcome == Outcome::Failed {
        *known = result;
    }
}
