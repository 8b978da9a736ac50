//! Failures by cause and by commit.

use test_engine_insights::Fingerprint;

use super::health::TestedCommit;
use super::tests::Test;
use super::values::Timestamp;

/// The failures of a run with one fingerprint.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureGroup {
    /// `None` for failures without a text, and for those of earlier versions.
    pub fingerprint: Option<Fingerprint>,
    /// Of the first failure, shortened.
    pub reason: Option<String>,
    /// The first frame of the first failure that belongs to no library, as `path:line`.
    pub frame: Option<String>,
    pub executions: u64,
    /// All of its tests.
    pub tests_count: u64,
    /// The first hundred of them.
    pub tests: Vec<Test>,
    /// Other runs of the suite with this fingerprint.
    pub other_runs: u64,
    /// When the latest of them failed with it.
    pub last_seen_elsewhere: Option<Timestamp>,
}

/// The latest commits of the default branch with results, and what failed on them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FailuresOnMain {
    /// Oldest first.
    pub commits: Vec<MainCommit>,
    /// Those that failed on most commits first.
    pub tests: Vec<FailedOnMain>,
    /// All tests that failed.
    pub tests_count: u64,
}

/// A commit of the default branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MainCommit {
    pub commit: TestedCommit,
    /// It has a run that tells nothing about single tests, and that nobody has counted.
    pub is_outage: bool,
}

/// A test that failed on the default branch.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedOnMain {
    pub test: Test,
    /// In the order of the commits.
    pub failures: Vec<MainFailure>,
}

/// A commit on which a test failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MainFailure {
    /// The place in [`FailuresOnMain::commits`].
    pub commit: usize,
    /// It passed on the same commit too.
    pub passed: bool,
    /// It was muted when it failed.
    pub muted: bool,
}

/// The failures of a test with one fingerprint.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureKind {
    /// `None` for failures without a text, and for those of earlier versions.
    pub fingerprint: Option<Fingerprint>,
    /// Of the newest one, shortened.
    pub reason: Option<String>,
    /// The first frame of that failure that belongs to no library, as `path:line`.
    pub frame: Option<String>,
    /// When the commits on which it failed so were first tested, oldest first.
    pub commits: Vec<Timestamp>,
    /// Those of the default branch among them.
    pub main_commits: u64,
}

/// What failed the runs of a suite in a period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FailureCauses {
    /// Runs that failed, and not only at first.
    pub red_runs: u64,
    /// How many of them have one of the causes that together occur in most: the most frequent one,
    /// the best two, the best three.
    pub covered: Vec<u64>,
    /// Those of the page.
    pub causes: Vec<CauseInRuns>,
    /// All causes.
    pub total: u64,
    /// False if only the newest runs were read, because there are very many.
    pub is_complete: bool,
}

/// Failures with the same fingerprint in the runs of a period.
#[derive(Clone, Debug, PartialEq)]
pub struct CauseInRuns {
    pub fingerprint: Fingerprint,
    /// Of the first failure in its newest run, shortened.
    pub reason: Option<String>,
    /// The first frame of that failure that belongs to no library, as `path:line`.
    pub frame: Option<String>,
    /// On any branch.
    pub tests_count: u64,
    /// Those of them that failed on most commits.
    pub tests: Vec<Test>,
    /// Failed executions.
    pub executions: u64,
    /// Runs with it that failed, and not only at first.
    pub red_runs: u64,
    pub branches: u64,
    /// All of its failures are part of outages.
    pub is_outage: bool,
    /// When the oldest stored run failed with it, also before the period.
    pub first_at: Timestamp,
    /// When its runs failed with it, newest run first.
    pub runs_at: Vec<Timestamp>,
}

/// What a flaky test cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FlakyCost {
    /// Runs that failed only because of flaky tests; a run is shared evenly among these.
    pub runs: f64,
    /// Commits on which it failed.
    pub commits: u64,
    /// When it failed last.
    pub last_failed_at: Option<Timestamp>,
}
