//! What is known of each test over all attempts.
//!
//! Pure. A test is known by scope, name and path together: tests of equal name in different places
//! do not vouch for each other. A failure is taken back only by proof.

use std::collections::HashSet;

use test_engine_results::Outcome;
use test_engine_wire::{Statistics, TestIdentity};

use super::Managed;
use crate::runners::{Observed, TestKey};

/// Why a failed test still counts as failed although it was run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnprovenRetry {
    /// The retry's results do not list it.
    NotListed,
    /// The retry did not run it.
    NotRun,
    /// The retry left no results.
    NoResults,
}

impl UnprovenRetry {
    /// As a remark behind the test's name.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotListed => "the retry's results do not list it",
            Self::NotRun => "the retry did not run it",
            Self::NoResults => "the retry left no results to read",
        }
    }
}

/// One test over all attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRecord {
    /// Which test.
    pub key: TestKey,
    /// Its failures do not count.
    pub muted: bool,
    /// The plan skips it. If it ran all the same, it is muted.
    pub to_be_skipped: bool,
    /// How it ended in the attempts that list it, in order.
    pub outcomes: Vec<Outcome>,
    /// How it ended, all things considered.
    pub outcome: Outcome,
    /// Why it is failed, if not because the last attempt says so.
    pub doubt: Option<UnprovenRetry>,
}

impl TestRecord {
    /// Failed to the end.
    pub fn is_failed(&self) -> bool {
        self.outcome == Outcome::Failed
    }

    /// It ran, or was meant to, although the plan skips it.
    pub fn was_not_skipped(&self) -> bool {
        self.to_be_skipped && self.outcome != Outcome::Skipped
    }

    /// Passed, after more than one execution.
    pub fn passed_on_retry(&self) -> bool {
        self.outcome == Outcome::Passed && self.outcomes.len() > 1
    }

    fn observe(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
        self.outcome = outcome;
        self.doubt = None;
    }

    /// It is still failed, and this is why.
    fn doubt(&mut self, doubt: UnprovenRetry) {
        self.outcome = Outcome::Failed;
        self.doubt = Some(doubt);
    }
}

#[derive(Debug)]
pub(super) struct Record {
    /// Sorted by key, each key once. A run may have very many tests, so their keys are not copied:
    /// they are the ones that the results were read into.
    tests: Vec<TestRecord>,
    muted: Names,
    skipped: Names,
}

/// Tests by scope and name, as the server manages them.
#[derive(Debug)]
struct Names(HashSet<(String, String)>);

impl Names {
    fn of(tests: &[TestIdentity]) -> Self {
        let names = tests
            .iter()
            .map(|test| (test.scope.clone(), test.name.clone()));
        Self(names.collect())
    }

    fn hold(&self, key: &TestKey) -> bool {
        !self.0.is_empty() && self.0.contains(&(key.scope.clone(), key.name.clone()))
    }
}

impl Record {
    pub(super) fn new(managed: Managed<'_>) -> Self {
        Self {
            tests: Vec::new(),
            muted: Names::of(managed.muted),
            skipped: Names::of(managed.skipped),
        }
    }

    /// A test that was to be left out and ran counts as little as a muted one.
    pub(super) fn is_muted(&self, key: &TestKey) -> bool {
        self.muted.hold(key) || self.skipped.hold(key)
    }

    /// How many tests ran although the plan skips them.
    pub(super) fn skipped_tests_ran(&self) -> usize {
        let tests = self.tests.iter();
        tests.filter(|test| test.was_not_skipped()).count()
    }

    /// Takes in the first attempt.
    pub(super) fn first(&mut self, observed: Vec<Observed>) {
        let tests = combined(observed).into_iter();
        self.tests = tests.map(|test| self.begin(test)).collect();
    }

    /// Takes in a retry that was made for `asked`. `missing` is the doubt about those that it does
    /// not list.
    pub(super) fn retry(
        &mut self,
        asked: &[TestKey],
        observed: Vec<Observed>,
        missing: UnprovenRetry,
    ) {
        let observed = combined(observed);
        for key in asked {
            let is_listed = observed.binary_search_by(|test| test.key.cmp(key)).is_ok();
            if let Some(test) = self.find(key).filter(|_| !is_listed) {
                test.doubt(missing);
            }
        }
        let wanted: HashSet<&TestKey> = asked.iter().collect();
        let mut new = Vec::new();
        for test in observed {
            let ran = matches!(test.outcome, Outcome::Passed | Outcome::Failed);
            if !ran && !wanted.contains(&test.key) {
                continue;
            }
            match self.find(&test.key) {
                None => new.push(self.begin(test)),
                Some(known) => {
                    known.observe(test.outcome);
                    if !ran {
                        known.doubt(UnprovenRetry::NotRun);
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

    /// A test that is seen for the first time.
    fn begin(&self, Observed { key, outcome }: Observed) -> TestRecord {
        TestRecord {
            muted: self.is_muted(&key),
            to_be_skipped: self.skipped.hold(&key),
            outcomes: vec![outcome],
            outcome,
            doubt: None,
            key,
        }
    }

    /// Tests to rerun, in order.
    pub(super) fn failed(&self, with_muted: bool) -> Vec<TestKey> {
        self.tests
            .iter()
            .filter(|test| test.is_failed() && (with_muted || !test.muted))
            .map(|test| test.key.clone())
            .collect()
    }

    pub(super) fn into_tests(self) -> Vec<TestRecord> {
        self.tests
    }
}

/// Each test once, sorted by key. A test that is listed more than once in an attempt, because it
/// was repeated or because two have the same name, has failed if it failed once.
fn combined(mut observed: Vec<Observed>) -> Vec<Observed> {
    observed.sort_by(|one, other| one.key.cmp(&other.key));
    observed.dedup_by(|again, known| {
        let is_same = again.key == known.key;
        if is_same && weight(again.outcome) > weight(known.outcome) {
            known.outcome = again.outcome;
        }
        is_same
    });
    observed
}

fn weight(outcome: Outcome) -> u8 {
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
    use super::*;
    use crate::runners::testing::key;

    fn seen(tests: &[(&str, Outcome)]) -> Vec<Observed> {
        tests
            .iter()
            .map(|(name, outcome)| Observed {
                key: key("S", name, "p"),
                outcome: *outcome,
            })
            .collect()
    }

    fn muted(names: &[&str]) -> Vec<TestIdentity> {
        names
            .iter()
            .map(|name| TestIdentity {
                scope: "S".to_owned(),
                name: (*name).to_owned(),
                path: "elsewhere:3".to_owned(),
            })
            .collect()
    }

    fn outcome_of<'r>(record: &'r Record, name: &str) -> &'r TestRecord {
        let wanted = key("S", name, "p");
        let mut tests = record.tests.iter();
        tests.find(|test| test.key == wanted).unwrap()
    }

    #[test]
    fn only_proof_takes_a_failure_back() {
        use Outcome::{Failed, Passed, Skipped, Unknown};
        let mut record = Record::new(Managed::default());
        record.first(seen(&[
            ("mended", Failed),
            ("gone", Failed),
            ("skipped", Failed),
            ("unknown", Failed),
            ("still", Failed),
            ("fine", Passed),
        ]));
        let asked = record.failed(true);
        assert_eq!(asked.len(), 5);
        record.retry(
            &asked,
            seen(&[
                ("mended", Passed),
                ("skipped", Skipped),
                ("unknown", Unknown),
                ("still", Failed),
            ]),
            UnprovenRetry::NotListed,
        );
        assert_eq!(outcome_of(&record, "mended").outcome, Passed);
        assert!(outcome_of(&record, "mended").passed_on_retry());
        for (name, doubt) in [
            ("gone", Some(UnprovenRetry::NotListed)),
            ("skipped", Some(UnprovenRetry::NotRun)),
            ("unknown", Some(UnprovenRetry::NotRun)),
            ("still", None),
        ] {
            let test = outcome_of(&record, name);
            assert!(test.is_failed(), "{name}");
            assert_eq!(test.doubt, doubt, "{name}");
        }
    }

    #[test]
    fn the_same_name_elsewhere_vouches_for_nothing() {
        let mut record = Record::new(Managed::default());
        record.first(seen(&[("t", Outcome::Failed)]));
        let asked = record.failed(true);
        let elsewhere = [Observed {
            key: key("S", "t", "other"),
            outcome: Outcome::Passed,
        }];
        record.retry(&asked, elsewhere.into(), UnprovenRetry::NotListed);
        assert!(outcome_of(&record, "t").is_failed());
        assert_eq!(record.tests.len(), 2);
    }

    #[test]
    fn a_retry_adds_no_skipped_tests_that_were_not_asked_for() {
        let mut record = Record::new(Managed::default());
        record.first(seen(&[("t", Outcome::Failed), ("u", Outcome::Passed)]));
        let asked = record.failed(true);
        record.retry(
            &asked,
            seen(&[
                ("t", Outcome::Passed),
                ("u", Outcome::Skipped),
                ("v", Outcome::Skipped),
            ]),
            UnprovenRetry::NotListed,
        );
        assert_eq!(outcome_of(&record, "u").outcomes, [Outcome::Passed]);
        assert_eq!(record.tests.len(), 2);
    }

    #[test]
    fn a_test_that_was_not_asked_for_may_still_fail_the_run() {
        let mut record = Record::new(Managed::default());
        record.first(seen(&[("t", Outcome::Failed), ("u", Outcome::Passed)]));
        let asked = record.failed(true);
        record.retry(
            &asked,
            seen(&[("t", Outcome::Passed), ("u", Outcome::Failed)]),
            UnprovenRetry::NotListed,
        );
        assert!(outcome_of(&record, "u").is_failed());
    }

    #[test]
    fn within_an_attempt_a_failure_stays() {
        for order in [
            [Outcome::Failed, Outcome::Passed],
            [Outcome::Passed, Outcome::Failed],
        ] {
            let mut record = Record::new(Managed::default());
            record.first(seen(&order.map(|outcome| ("t", outcome))));
            assert!(outcome_of(&record, "t").is_failed());
            assert_eq!(outcome_of(&record, "t").outcomes.len(), 1);
        }
    }

    #[test]
    fn muted_is_by_scope_and_name() {
        let mut record = Record::new(Managed {
            muted: &muted(&["t"]),
            skipped: &[],
        });
        record.first(seen(&[("t", Outcome::Failed), ("u", Outcome::Failed)]));
        assert_eq!(record.failed(false), [key("S", "u", "p")]);
        assert_eq!(record.failed(true).len(), 2);
    }

    #[test]
    fn a_test_that_was_to_be_skipped_counts_as_little_as_a_muted_one() {
        let mut record = Record::new(Managed {
            muted: &[],
            skipped: &muted(&["t", "u", "v"]),
        });
        record.first(seen(&[
            ("t", Outcome::Failed),
            ("u", Outcome::Skipped),
            ("w", Outcome::Passed),
        ]));
        assert_eq!(record.failed(false), []);
        assert_eq!(record.skipped_tests_ran(), 1);
        assert!(outcome_of(&record, "t").was_not_skipped());
        assert!(!outcome_of(&record, "u").was_not_skipped());
        assert!(!outcome_of(&record, "w").muted);
    }

    #[test]
    fn every_test_is_counted_once() {
        use Outcome::{Failed, Passed, Skipped};
        let mut record = Record::new(Managed {
            muted: &muted(&["mp", "mf", "ms"]),
            skipped: &[],
        });
        record.first(seen(&[
            ("first", Passed),
            ("later", Failed),
            ("never", Failed),
            ("mp", Passed),
            ("mf", Failed),
            ("ms", Skipped),
            ("s", Skipped),
        ]));
        let asked = record.failed(false);
        record.retry(
            &asked,
            seen(&[("later", Passed), ("never", Failed)]),
            UnprovenRetry::NotListed,
        );
        assert_eq!(
            statistics(&record.into_tests()),
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
