//! The outcomes of each test over all attempts. Pure.
//!
//! A test is identified by scope, name and path together, so a pass at one path proves nothing
//! about a test of the same name at another. A failure stands until a retry proves the test passed.

use std::collections::HashSet;

use test_engine_results::Outcome;
use test_engine_wire::{Statistics, TestIdentity};

use super::Managed;
use crate::runners::{Observed, TestKey};

/// Limits the memory that the count in a report can claim.
const MAX_OWN_RETRIES: u32 = 100;

/// Why a retried test still counts as failed although its retry did not fail it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnprovenRetry {
    NotListed,
    /// Listed as skipped or without an outcome.
    NotRun,
    NoResults,
}

impl UnprovenRetry {
    /// Follows the test's name in the report.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotListed => "the retry's results do not list it",
            Self::NotRun => "the retry did not run it",
            Self::NoResults => "the retry left no usable results",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRecord {
    pub key: TestKey,
    pub muted: bool,
    /// The plan skips it. It is muted as well, in case it runs nevertheless.
    pub to_be_skipped: bool,
    /// In each attempt whose results list it, the runner's own retries included.
    pub outcomes: Vec<Outcome>,
    /// The final one, which may differ from the last of `outcomes`.
    pub outcome: Outcome,
    /// Why it is failed if the last attempt did not fail it.
    pub unproven: Option<UnprovenRetry>,
}

impl TestRecord {
    pub fn is_failed(&self) -> bool {
        self.outcome == Outcome::Failed
    }

    /// The plan skips it, but its results do not list it as skipped.
    pub fn ran_despite_skip(&self) -> bool {
        self.to_be_skipped && self.outcome != Outcome::Skipped
    }

    pub fn passed_on_retry(&self) -> bool {
        self.outcome == Outcome::Passed && self.outcomes.len() > 1
    }

    fn observe(&mut self, outcome: Outcome, failed_before: u32) {
        self.outcomes.extend(outcomes(outcome, failed_before));
        self.outcome = outcome;
        self.unproven = None;
    }

    fn keep_failed(&mut self, why: UnprovenRetry) {
        self.outcome = Outcome::Failed;
        self.unproven = Some(why);
    }
}

#[derive(Debug)]
pub(super) struct Record {
    /// Sorted by key, each key once. Keys are moved here from the results, not copied: a run may
    /// have very many tests.
    pub(super) tests: Vec<TestRecord>,
    muted: TestNames,
    skipped: TestNames,
}

/// Scopes and names: the server mutes and skips tests regardless of their paths.
#[derive(Debug)]
struct TestNames(HashSet<(String, String)>);

impl TestNames {
    fn of(tests: &[TestIdentity]) -> Self {
        let names = tests
            .iter()
            .map(|test| (test.scope.clone(), test.name.clone()));
        Self(names.collect())
    }

    fn contain(&self, key: &TestKey) -> bool {
        !self.0.is_empty() && self.0.contains(&(key.scope.clone(), key.name.clone()))
    }
}

impl Record {
    pub(super) fn new(managed: Managed<'_>) -> Self {
        Self {
            tests: Vec::new(),
            muted: TestNames::of(managed.muted),
            skipped: TestNames::of(managed.skipped),
        }
    }

    pub(super) fn is_muted(&self, key: &TestKey) -> bool {
        self.muted.contain(key) || self.skipped.contain(key)
    }

    pub(super) fn skipped_tests_ran(&self) -> usize {
        let tests = self.tests.iter();
        tests.filter(|test| test.ran_despite_skip()).count()
    }

    pub(super) fn add_first(&mut self, observed: Vec<Observed>) {
        let tests = merged(observed).into_iter();
        self.tests = tests.map(|test| self.begin(test)).collect();
    }

    /// Adds a retry of the tests `retried`. Those it does not list stay failed because of
    /// `unlisted`.
    pub(super) fn add_retry(
        &mut self,
        retried: &[TestKey],
        observed: Vec<Observed>,
        unlisted: UnprovenRetry,
    ) {
        let observed = merged(observed);
        for key in retried {
            let is_listed = observed.binary_search_by(|test| test.key.cmp(key)).is_ok();
            if let Some(test) = self.find(key).filter(|_| !is_listed) {
                test.keep_failed(unlisted);
            }
        }
        let retried: HashSet<&TestKey> = retried.iter().collect();
        let mut new = Vec::new();
        for test in observed {
            let ran = matches!(test.outcome, Outcome::Passed | Outcome::Failed);
            if !ran && !retried.contains(&test.key) {
                continue;
            }
            match self.find(&test.key) {
                None => new.push(self.begin(test)),
                Some(known) => {
                    known.observe(test.outcome, test.failed_before);
                    if !ran {
                        known.keep_failed(UnprovenRetry::NotRun);
                    }
                }
            }
        }
        self.tests.append(&mut new);
        self.tests.sort_by(|one, other| one.key.cmp(&other.key));
    }

    fn find(&mut self, key: &TestKey) -> Option<&mut TestRecord> {
        let found = self.tests.binary_search_by(|test| test.key.cmp(key));
        found.ok().and_then(|index| self.tests.get_mut(index))
    }

    fn begin(&self, observed: Observed) -> TestRecord {
        let Observed {
            key,
            outcome,
            failed_before,
        } = observed;
        TestRecord {
            muted: self.is_muted(&key),
            to_be_skipped: self.skipped.contain(&key),
            outcomes: outcomes(outcome, failed_before).collect(),
            outcome,
            unproven: None,
            key,
        }
    }

    /// The tests to retry, in the order of their keys.
    pub(super) fn failed(&self, with_muted: bool) -> Vec<TestKey> {
        self.tests
            .iter()
            .filter(|test| test.is_failed() && (with_muted || !test.muted))
            .map(|test| test.key.clone())
            .collect()
    }
}

/// The runner's own attempts at a test.
fn outcomes(last: Outcome, failed_before: u32) -> impl Iterator<Item = Outcome> {
    let before = usize::try_from(failed_before.min(MAX_OWN_RETRIES)).unwrap_or_default();
    std::iter::repeat_n(Outcome::Failed, before).chain([last])
}

/// Sorts by key and merges duplicates. A test that an attempt lists more than once, because it was
/// repeated or because two tests share a key, is failed if it failed once.
fn merged(mut observed: Vec<Observed>) -> Vec<Observed> {
    observed.sort_by(|one, other| one.key.cmp(&other.key));
    observed.dedup_by(|again, known| {
        let is_same = again.key == known.key;
        if is_same && severity(again.outcome) > severity(known.outcome) {
            known.outcome = again.outcome;
        }
        if is_same {
            known.failed_before = known.failed_before.max(again.failed_before);
        }
        is_same
    });
    observed
}

fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Skipped => 0,
        Outcome::Passed => 1,
        Outcome::Unknown => 2,
        Outcome::Failed => 3,
    }
}

pub(super) fn statistics(tests: &[TestRecord]) -> Statistics {
    let mut counts = Statistics {
        total: i64::try_from(tests.len()).unwrap_or(i64::MAX),
        ..Statistics::default()
    };
    for test in tests {
        let count = match (test.outcome, test.muted) {
            (Outcome::Passed, true) => &mut counts.muted_passed,
            (Outcome::Failed, true) => &mut counts.muted_failed,
            (Outcome::Passed, false) if test.passed_on_retry() => &mut counts.passed_on_retry,
            (Outcome::Passed, false) => &mut counts.passed_on_first_run,
            (Outcome::Failed, false) => &mut counts.failed,
            (Outcome::Skipped, _) => &mut counts.skipped,
            (Outcome::Unknown, _) => continue,
        };
        *count += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use Outcome::{Failed, Passed, Skipped, Unknown};

    use super::*;
    use crate::runners::testing::{identity, key};

    fn seen(tests: &[(&str, Outcome)]) -> Vec<Observed> {
        tests
            .iter()
            .map(|(name, outcome)| Observed::new(key("S", name, "p"), *outcome))
            .collect()
    }

    fn muted(names: &[&str]) -> Vec<TestIdentity> {
        let names = names.iter();
        names
            .map(|name| identity("S", name, "elsewhere:3"))
            .collect()
    }

    fn outcome_of<'r>(record: &'r Record, name: &str) -> &'r TestRecord {
        let wanted = key("S", name, "p");
        let mut tests = record.tests.iter();
        tests.find(|test| test.key == wanted).unwrap()
    }

    fn retried(managed: Managed<'_>, first: &[(&str, Outcome)], retry: Vec<Observed>) -> Record {
        let mut record = Record::new(managed);
        record.add_first(seen(first));
        let failed = record.failed(false);
        record.add_retry(&failed, retry, UnprovenRetry::NotListed);
        record
    }

    #[test]
    fn a_failure_stands_unless_a_retry_passes() {
        let names = ["fixed", "gone", "skipped", "unknown", "still"];
        let retry = [
            ("fixed", Passed),
            ("skipped", Skipped),
            ("unknown", Unknown),
            ("still", Failed),
        ];
        let first = names.map(|name| (name, Failed));
        let record = retried(Managed::default(), &first, seen(&retry));
        assert!(outcome_of(&record, "fixed").passed_on_retry());
        for (name, unproven) in [
            ("gone", Some(UnprovenRetry::NotListed)),
            ("skipped", Some(UnprovenRetry::NotRun)),
            ("unknown", Some(UnprovenRetry::NotRun)),
            ("still", None),
        ] {
            let test = outcome_of(&record, name);
            assert!(test.is_failed(), "{name}");
            assert_eq!(test.unproven, unproven, "{name}");
        }
    }

    #[test]
    fn a_pass_at_another_path_proves_nothing() {
        let elsewhere = Observed::new(key("S", "t", "other"), Passed);
        let record = retried(Managed::default(), &[("t", Failed)], vec![elsewhere]);
        assert!(outcome_of(&record, "t").is_failed());
        assert_eq!(record.tests.len(), 2);
    }

    #[test]
    fn a_retry_ignores_skips_of_tests_it_did_not_retry() {
        let retry = seen(&[("t", Passed), ("u", Skipped), ("v", Skipped)]);
        let record = retried(Managed::default(), &[("t", Failed), ("u", Passed)], retry);
        assert_eq!(outcome_of(&record, "u").outcomes, [Passed]);
        assert_eq!(record.tests.len(), 2);
    }

    #[test]
    fn a_test_that_fails_only_in_a_retry_fails_the_run() {
        let retry = seen(&[("t", Passed), ("u", Failed)]);
        let record = retried(Managed::default(), &[("t", Failed), ("u", Passed)], retry);
        assert!(outcome_of(&record, "u").is_failed());
    }

    #[test]
    fn a_test_listed_twice_is_failed_if_it_failed_once() {
        for order in [[Failed, Passed], [Passed, Failed]] {
            let mut record = Record::new(Managed::default());
            record.add_first(seen(&order.map(|outcome| ("t", outcome))));
            assert!(outcome_of(&record, "t").is_failed());
            assert_eq!(outcome_of(&record, "t").outcomes.len(), 1);
        }
    }

    #[test]
    fn retries_by_the_runner_are_attempts() {
        let own_retries = |outcome, failed_before| Observed {
            failed_before,
            ..Observed::new(key("S", "t", "p"), outcome)
        };
        let mut record = Record::new(Managed::default());
        record.add_first(vec![own_retries(Passed, 2)]);
        let test = outcome_of(&record, "t");
        assert_eq!(test.outcomes, [Failed, Failed, Passed]);
        assert!(test.passed_on_retry());

        let mut record = Record::new(Managed::default());
        record.add_first(vec![own_retries(Failed, 1)]);
        let failed = record.failed(false);
        record.add_retry(
            &failed,
            vec![own_retries(Passed, 1)],
            UnprovenRetry::NotListed,
        );
        let test = outcome_of(&record, "t");
        assert_eq!(test.outcomes, [Failed, Failed, Failed, Passed]);
        assert!(test.passed_on_retry());
    }

    #[test]
    fn mutes_by_scope_and_name() {
        let mut record = Record::new(Managed {
            muted: &muted(&["t"]),
            skipped: &[],
        });
        record.add_first(seen(&[("t", Failed), ("u", Failed)]));
        assert_eq!(record.failed(false), [key("S", "u", "p")]);
        assert_eq!(record.failed(true).len(), 2);
    }

    #[test]
    fn mutes_skipped_tests_that_ran() {
        let mut record = Record::new(Managed {
            muted: &[],
            skipped: &muted(&["t", "u", "v"]),
        });
        record.add_first(seen(&[("t", Failed), ("u", Skipped), ("w", Passed)]));
        assert_eq!(record.failed(false), []);
        assert_eq!(record.skipped_tests_ran(), 1);
        assert!(outcome_of(&record, "t").ran_despite_skip());
        assert!(!outcome_of(&record, "u").ran_despite_skip());
        assert!(!outcome_of(&record, "w").muted);
    }

    #[test]
    fn counts_each_test_once() {
        let first = [
            ("first", Passed),
            ("later", Failed),
            ("never", Failed),
            ("mp", Passed),
            ("mf", Failed),
            ("ms", Skipped),
            ("s", Skipped),
        ];
        let managed = Managed {
            muted: &muted(&["mp", "mf", "ms"]),
            skipped: &[],
        };
        let record = retried(
            managed,
            &first,
            seen(&[("later", Passed), ("never", Failed)]),
        );
        assert_eq!(
            statistics(&record.tests),
            Statistics {
                total: 7,
                passed_on_first_run: 1,
                passed_on_retry: 1,
                muted_passed: 1,
                muted_failed: 1,
                failed: 1,
                skipped: 2,
            }
        );
    }
}
