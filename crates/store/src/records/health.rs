//! The judgement on tests, and what their causes are found from.

use std::collections::BTreeMap;

use test_engine_duration::Micros;
use test_engine_insights::{Fingerprint, Level, Score};

use super::tests::Test;
use super::values::Timestamp;

/// What is known of a test that failed at least once.
#[derive(Clone, Debug, PartialEq)]
pub struct TestHealth {
    pub level: Level,
    /// When it was first considered flaky; `None` while it is not.
    pub alarm_since: Option<Timestamp>,
    /// Over the last 28 days.
    pub score: Score,
    /// Commits on which it failed and passed.
    pub mixed_groups: u64,
    /// Breaks of the default branch that lasted at most two commits.
    pub short_breaks: u64,
    /// If it fails on the default branch now.
    pub broken: Option<Broken>,
    pub judged_at: Timestamp,
    /// False if results have arrived since the judgement.
    pub is_current: bool,
}

/// A break of the default branch that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its first commit, of the last 88 days.
    pub since: TestedCommit,
    /// The last commit before it that passed, if it is among the five before.
    pub last_passed: Option<TestedCommit>,
}

/// A commit with results. A run without a commit has one of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestedCommit {
    /// In lower case; `None` if the run had none.
    pub sha: Option<String>,
    /// When its first results were received.
    pub first_at: Timestamp,
}

/// A test that is not sound.
#[derive(Clone, Debug, PartialEq)]
pub struct UnhealthyTest {
    pub test: Test,
    pub health: TestHealth,
}

/// What a round of judging did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    pub tests: u64,
    /// Tests that are considered flaky from now on.
    pub alarms: u64,
    /// Tests that no longer are.
    pub recoveries: u64,
}

/// The first execution of a test in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circumstances {
    pub failed: bool,
    /// Whether the first retry in the same job passed; `None` without a retry.
    pub passed_on_retry: Option<bool>,
    /// When it was received.
    pub at: Timestamp,
    /// Uploads of the organization within ten minutes, apart from those of this run; at most 3 of
    /// each suite are counted.
    pub overlapping_uploads: u32,
    /// How long the other tests of the upload took, in percent of their medians; `None` if too
    /// little is known.
    pub slowness_percent: Option<u32>,
    /// Identifies the set of tests before it in its upload.
    pub order: Option<u64>,
    pub duration: Option<Micros>,
    /// The upload's tags and its own, which take precedence.
    pub tags: BTreeMap<String, String>,
}

/// First executions of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    pub executions: Vec<Circumstances>,
    /// The time of the oldest one.
    pub since: Option<Timestamp>,
    /// Whether these are all of the last 60 days, or only the newest ones.
    pub is_complete: bool,
}

/// A fingerprint of a test that others have too.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedCause {
    pub fingerprint: Fingerprint,
    /// On which this test failed with it.
    pub commits: u64,
    /// This test and the others.
    pub tests_count: u64,
    /// The first ones.
    pub others: Vec<Test>,
}
