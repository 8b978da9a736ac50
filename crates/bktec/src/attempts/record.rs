//! The outcomes of each test over all attempts. Pure.
//!
//! A test is identified by scope, name and path together, so a pass at one path proves nothing
//! about a test of the same name at another. A failure stands until a retry proves the test passed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use test_engine_results::Outcome;
use test_engine_wire::{Statistics, TestIdentity};

use super::Managed;
use crate::runners::paths::{file_of, without_dot_slash};
use crate::runners::{Observed, TestKey};

/// Limits the memory that the count in a report can claim.
const MAX_OWN_RETRIES: u32 = 100;

/// Why a retried test still counts as failed although its retry did not fail it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnprovenRetry {
    NotListed,
    /// Two tests may share its scope, name and file, and the retry ran only one of them.
    ListedLess,
    /// Listed as skipped or without an outcome.
    NotRun,
    NoResults,
}

impl UnprovenRetry {
    /// Follows the test's name in the report.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotListed => "the retry's results do not list it",
            Self::ListedLess => "the retry's results list it fewer times than before",
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
    /// How often one attempt lists it at most.
    pub copies: usize,
    /// It has a step without a definition.
    pub is_undefined: bool,
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

    /// `is_whole`: the retry ran all tests of its targets.
    fn observe(&mut self, seen: &Seen, is_whole: bool) {
        let was_failed = self.is_failed();
        self.outcomes
            .extend(outcomes(seen.outcome, seen.failed_before));
        self.outcome = seen.outcome;
        self.is_undefined |= seen.is_undefined;
        self.unproven = None;
        let lists_all = seen.copies >= self.copies || is_whole || addresses_one_test(&self.key);
        self.copies = self.copies.max(seen.copies);
        if was_failed && !lists_all && seen.outcome != Outcome::Failed {
            self.keep_failed(UnprovenRetry::ListedLess);
        }
    }

    fn keep_failed(&mut self, why: UnprovenRetry) {
        self.outcome = Outcome::Failed;
        self.unproven = Some(why);
    }
}

/// Whether the path is more than a file, as a line, an RSpec id or a node id is. Several results of
/// such a test are repetitions.
fn addresses_one_test(key: &TestKey) -> bool {
    let path = without_dot_slash(&key.path);
    file_of(path) != path
}

#[derive(Debug)]
pub(super) struct Record {
    /// Sorted by key, each key once. Keys are moved here from the results, not copied: a run may
    /// have very many tests.
    pub(super) tests: Vec<TestRecord>,
    muted: TestNames,
    skipped: TestNames,
    /// Tests that the plan mutes or skips, but whose scope and name an attempt lists in several
    /// files: it is unknown which of them is meant.
    ambiguous: BTreeMap<(String, String), BTreeSet<String>>,
    /// Tests that failed in their last attempt only because of muted subtests.
    excused_parents: HashSet<TestKey>,
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
            ambiguous: BTreeMap::new(),
            excused_parents: HashSet::new(),
        }
    }

    pub(super) fn is_muted(&self, key: &TestKey) -> bool {
        self.has_mute(key) || self.excused_parents.contains(key)
    }

    fn has_mute(&self, key: &TestKey) -> bool {
        self.is_managed(key)
            && (self.ambiguous.is_empty()
                || !self
                    .ambiguous
                    .contains_key(&(key.scope.clone(), key.name.clone())))
    }

    fn is_managed(&self, key: &TestKey) -> bool {
        self.muted.contain(key) || self.skipped.contain(key)
    }

    pub(super) fn skipped_tests_ran(&self) -> usize {
        let tests = self.tests.iter();
        tests.filter(|test| test.ran_despite_skip()).count()
    }

    /// Finds mutes that match results of several files in one attempt, or several results without
    /// a file. Called before the attempt is added.
    pub(super) fn find_ambiguous_mutes(&mut self, observed: &[Observed]) {
        if self.muted.0.is_empty() && self.skipped.0.is_empty() {
            return;
        }
        let mut files: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for test in observed.iter().filter(|test| self.is_managed(&test.key)) {
            let names = (test.key.scope.as_str(), test.key.name.as_str());
            files
                .entry(names)
                .or_default()
                .push(file_of(&test.key.path));
        }
        for ((scope, name), files) in files {
            let is_same = files.iter().all(|file| *file == files[0]);
            if !is_same || (files.len() > 1 && files[0].is_empty()) {
                let names = (scope.to_owned(), name.to_owned());
                let known = self.ambiguous.entry(names).or_default();
                known.extend(files.into_iter().map(str::to_owned));
            }
        }
        self.update_mutes();
    }

    /// Finds tests that failed only because of muted subtests: `TestA` because of `TestA/b`. Called
    /// before the attempt is added.
    pub(super) fn excuse_parents(&mut self, by_subtest: &[TestKey], observed: &[Observed]) {
        if by_subtest.is_empty() && self.excused_parents.is_empty() {
            return;
        }
        let by_subtest: HashSet<&TestKey> = by_subtest.iter().collect();
        for test in observed {
            self.excused_parents.remove(&test.key);
        }
        // By path and name of a parent: whether the mutes cover all its subtests that failed.
        let mut are_muted: HashMap<(&str, &str), bool> = HashMap::new();
        let own_failures = observed
            .iter()
            .filter(|test| test.has_failed() && !by_subtest.contains(&test.key));
        for key in own_failures.map(|test| &test.key) {
            let is_muted = self.has_mute(key);
            for (end, _) in key.name.match_indices('/') {
                let are_muted = are_muted.entry((&key.path, &key.name[..end]));
                *are_muted.or_insert(true) &= is_muted;
            }
        }
        for parent in by_subtest {
            if are_muted.get(&(&*parent.path, &*parent.name)) == Some(&true) {
                self.excused_parents.insert(parent.clone());
            }
        }
        self.update_mutes();
    }

    fn update_mutes(&mut self) {
        let mut tests = std::mem::take(&mut self.tests);
        for test in &mut tests {
            test.muted = self.is_muted(&test.key);
        }
        self.tests = tests;
    }

    /// A line for each mute that excuses no test because it matches tests of several files.
    pub(super) fn ambiguous_mutes(&self) -> Vec<String> {
        let mutes = self.ambiguous.iter();
        mutes
            .map(|((scope, name), files)| {
                let test = format!("{scope} {name}");
                let files: Vec<&str> = files.iter().map(String::as_str).collect();
                match files[..] {
                    [""] => test.trim().to_owned(),
                    _ => format!("{} [{}]", test.trim(), files.join(", ")),
                }
            })
            .collect()
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
        is_whole: impl Fn(&TestKey) -> bool,
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
            let is_retried = retried.contains(&test.key);
            let is_whole = is_whole(&test.key);
            match self.find(&test.key) {
                Some(known) if ran || is_retried => {
                    known.observe(&test, is_whole);
                    if !ran && !test.is_accepted() {
                        known.keep_failed(UnprovenRetry::NotRun);
                    }
                }
                Some(_) => {}
                None if ran || is_whole => new.push(self.begin(test)),
                None => {}
            }
        }
        self.tests.append(&mut new);
        self.tests.sort_by(|one, other| one.key.cmp(&other.key));
    }

    /// Whether an attempt has an outcome of this test.
    pub(super) fn has_result(&self, key: &TestKey) -> bool {
        let found = self.tests.binary_search_by(|test| test.key.cmp(key));
        found.is_ok_and(|index| self.tests[index].outcome != Outcome::Unknown)
    }

    fn find(&mut self, key: &TestKey) -> Option<&mut TestRecord> {
        let found = self.tests.binary_search_by(|test| test.key.cmp(key));
        found.ok().and_then(|index| self.tests.get_mut(index))
    }

    fn begin(&self, seen: Seen) -> TestRecord {
        let Seen {
            key,
            outcome,
            failed_before,
            copies,
            is_undefined,
        } = seen;
        TestRecord {
            muted: self.is_muted(&key),
            to_be_skipped: self.skipped.contain(&key),
            outcomes: outcomes(outcome, failed_before).collect(),
            outcome,
            unproven: None,
            copies,
            is_undefined,
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

/// All results of one test in one attempt.
struct Seen {
    key: TestKey,
    outcome: Outcome,
    failed_before: u32,
    copies: usize,
    is_undefined: bool,
}

impl Seen {
    /// The runner accepts that a step has no definition, so the test counts as skipped.
    fn is_accepted(&self) -> bool {
        self.is_undefined && self.outcome == Outcome::Skipped
    }
}

/// Sorts by key and merges duplicates. A test that an attempt lists more than once, because it was
/// repeated or because two tests share a key, is failed if it failed once.
fn merged(mut observed: Vec<Observed>) -> Vec<Seen> {
    observed.sort_by(|one, other| one.key.cmp(&other.key));
    let mut all: Vec<Seen> = Vec::with_capacity(observed.len());
    for test in observed {
        match all.last_mut().filter(|last| last.key == test.key) {
            Some(last) => {
                last.copies += 1;
                last.is_undefined |= test.is_undefined;
                last.failed_before = last.failed_before.max(test.failed_before);
                if severity(test.outcome) > severity(last.outcome) {
                    last.outcome = test.outcome;
                }
            }
            None => all.push(Seen {
                key: test.key,
                outcome: test.outcome,
                failed_before: test.failed_before,
                copies: 1,
                is_undefined: test.is_undefined,
            }),
        }
    }
    all
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
mod tests;
