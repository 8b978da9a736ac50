//! Results of one attempt, as runners report them.

use test_engine_results::{Outcome, Report, TestResult};

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
    /// Evidence that tests did not run. Such tests are not in `tests`.
    pub shortfalls: Vec<Shortfall>,
    /// Files whose tests were all deselected. They have no results.
    pub deselected: Vec<String>,
    /// A focused test (`.only`, `fit`) kept others from running.
    pub has_focus: bool,
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
    pub(crate) fn of(report: Report<'_>, mut key: impl FnMut(TestResult<'_>) -> TestKey) -> Self {
        let results = report.results.into_iter();
        Self {
            tests: results
                .map(|result| Observed {
                    outcome: result.outcome,
                    key: key(result),
                })
                .collect(),
            errors_outside_tests: report.errors_outside_tests,
            unusable: report.invalid.into_iter().map(|bad| bad.message).collect(),
            ..Self::default()
        }
    }
}

/// Whether a fail-fast setting can keep tests from running after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopPolicy {
    /// The user's command line has such an option.
    Requested { option: String },
    /// The command line has an option that overrides every setting, or there is no such setting.
    Overridden,
    /// A setting somewhere may be in effect.
    Possible,
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
