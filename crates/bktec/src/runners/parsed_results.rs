//! Results of one attempt, as runners report them.

use std::collections::{BTreeMap, HashMap, HashSet};

use test_engine_results::{Outcome, Remark, Report, TestResult};
use test_engine_wire::Loading;

/// The identity of a test in results. Tests with equal scope and name but different paths are
/// different.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TestKey {
    /// May be empty.
    pub scope: String,
    pub name: String,
    /// What the runner reruns the test by: a file, a node id, a package.
    pub path: String,
}

impl TestKey {
    pub(crate) fn new(
        scope: impl Into<String>,
        name: impl Into<String>,
        path: impl Into<String>,
    ) -> Self {
        Self {
            scope: scope.into(),
            name: name.into(),
            path: path.into(),
        }
    }

    /// Prefers the result's identifier as path, then its location, then its file.
    pub(crate) fn by_identifier(result: TestResult<'_>) -> Self {
        let path = result.identifier.or(result.location).or(result.file_name);
        Self::new(result.scope, result.name, path.unwrap_or_default())
    }
}

/// One result of one test, by the runner's own verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    pub key: TestKey,
    pub outcome: Outcome,
    /// How often the runner itself retried the test after a failure before this outcome.
    pub failed_before: u32,
    /// A step of it has no definition, and nothing else failed.
    pub is_undefined: bool,
}

impl Observed {
    pub(crate) const fn new(key: TestKey, outcome: Outcome) -> Self {
        Self {
            key,
            outcome,
            failed_before: 0,
            is_undefined: false,
        }
    }

    pub fn has_failed(&self) -> bool {
        self.outcome == Outcome::Failed
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedResults {
    /// In file order; a test may be listed more than once.
    pub tests: Vec<Observed>,
    pub errors_outside_tests: Vec<String>,
    /// Problems of results that could not be used. Any of these results may be a failure.
    pub unusable: Vec<String>,
    /// Why tests may not have run: the runner is configured to stop at failures, and did.
    pub stopped_early: Option<String>,
    /// Evidence that tests did not run.
    pub shortfalls: Vec<Shortfall>,
    /// Files whose tests were all deselected. They have no results.
    pub deselected: Vec<String>,
    /// Tests that a filter of the command deselected, in any file.
    pub deselected_tests: Vec<TestKey>,
    /// Listed as skipped, but they did not run because of a failure. They are not in `tests`.
    pub unrun: Vec<TestKey>,
    /// Only focused tests ran, such as those with RSpec's `fit`.
    pub has_focus: bool,
    /// Failed tests that failed only because a subtest of theirs did, such as `TestA` because of
    /// `TestA/b`.
    pub failed_by_subtest: Vec<TestKey>,
    /// What loading the test files took, if the runner measures it.
    pub loading: Option<Loading>,
}

/// Evidence that tests which were to run did not, or that something beside a test failed which a
/// rerun of the whole target repairs, such as a teardown. No mute excuses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// A target, or a path as in [`TestKey::path`]. `None` if tests of any target may be missing.
    pub path: Option<String>,
    /// A sentence without the full stop.
    pub reason: String,
}

impl ParsedResults {
    /// In results with a failure, an unexplained skip is no result: the runner stopped early, or a
    /// hook failed.
    pub(crate) fn of(report: Report<'_>, mut key: impl FnMut(TestResult<'_>) -> TestKey) -> Self {
        let failed = |result: &TestResult<'_>| result.outcome == Outcome::Failed;
        let has_failed =
            report.results.iter().any(failed) || !report.errors_outside_tests.is_empty();
        let mut parsed = Self {
            errors_outside_tests: report.errors_outside_tests,
            has_focus: report.has_focus,
            ..Self::default()
        };
        // A rerun can make up for a shortfall, but not for an unusable result.
        let is_shortfall = |message: &String| {
            let mut shortfalls = report.shortfalls.iter();
            shortfalls.any(|shortfall| shortfall.reason == *message)
        };
        let invalid = report.invalid.into_iter().map(|bad| bad.message);
        parsed.unusable = invalid.filter(|message| !is_shortfall(message)).collect();
        for shortfall in report.shortfalls {
            parsed.shortfalls.push(Shortfall {
                path: shortfall.file.map(|file| path_of(file, &mut key)),
                reason: shortfall.reason,
            });
        }
        let mut silent = Vec::new();
        for result in report.results {
            let (outcome, remark) = (result.outcome, result.remark);
            let failed_before = result.failed_before;
            let key = key(result);
            match remark {
                Some(Remark::UnexplainedSkip) if has_failed => {
                    parsed.unrun.push(key);
                    continue;
                }
                Some(Remark::SilentFailure) => silent.push(key.clone()),
                Some(Remark::UnexplainedSkip | Remark::UndefinedStep) | None => {}
            }
            parsed.tests.push(Observed {
                key,
                outcome,
                failed_before,
                is_undefined: remark == Some(Remark::UndefinedStep),
            });
        }
        parsed.note_unrun();
        parsed.note_failed_by_subtest(silent);
        parsed
    }

    fn note_unrun(&mut self) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for key in &self.unrun {
            *counts.entry(&key.path).or_default() += 1;
        }
        let counts = counts.into_iter();
        let shortfalls = counts.map(|(path, count)| Shortfall::of_skips(path, count));
        self.shortfalls.extend(shortfalls);
    }

    /// Keeps those of the tests that failed without output which have a failed subtest. A test that
    /// also failed with output, in another execution, failed by itself.
    fn note_failed_by_subtest(&mut self, mut silent: Vec<TestKey>) {
        if silent.is_empty() {
            return;
        }
        let failed = |test: &&Observed| test.outcome == Outcome::Failed;
        let failed: Vec<&Observed> = self.tests.iter().filter(failed).collect();
        let mut with_output: HashMap<&TestKey, usize> = HashMap::new();
        for test in &failed {
            *with_output.entry(&test.key).or_default() += 1;
        }
        for key in &silent {
            if let Some(count) = with_output.get_mut(key) {
                *count -= 1;
            }
        }
        let with_output = with_output.into_iter().filter(|(_, count)| *count > 0);
        let with_output: HashSet<&TestKey> = with_output.map(|(key, _)| key).collect();
        let parents: HashSet<(&str, &str)> = failed
            .iter()
            .flat_map(|test| {
                let name = &test.key.name;
                let ends = name.match_indices('/').map(|(at, _)| at);
                ends.map(|end| (test.key.path.as_str(), &name[..end]))
            })
            .collect();
        silent
            .retain(|key| parents.contains(&(&key.path, &key.name)) && !with_output.contains(key));
        self.failed_by_subtest = silent;
    }
}

impl Shortfall {
    fn of_skips(path: &str, count: usize) -> Self {
        let tests = if count == 1 { "test" } else { "tests" };
        Self {
            reason: format!("{count} {tests} of {path} did not run after a failure"),
            path: Some(path.to_owned()),
        }
    }
}

/// The path of tests in this file, or in this Go package.
fn path_of(file: String, key: &mut impl FnMut(TestResult<'_>) -> TestKey) -> String {
    let result = TestResult {
        scope: file.clone().into(),
        file_name: Some(file.into()),
        ..TestResult::default()
    };
    key(result).path
}

/// How far a result file can be trusted, given the runner's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultTrust {
    Complete,
    /// Some results may be missing: the file is read, but nothing is retried.
    Partial,
    /// The runner aborted: the file is not read.
    Unusable,
}
