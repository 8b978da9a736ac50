//! Which targets a part of an attempt did not run to their end. Pure.
//!
//! Evidence from the runner that tests did not run counts at any exit code. Numbers of results
//! count only where the runner may have stopped early, because branches delete tests: the part has
//! a failed test, and nothing overrides fail-fast settings or the exit code is not that of failed
//! tests. Even where they are overridden, the code of a test may stop some runners, so a missing
//! test raises a doubt that a listing of the tests settles. After an unexplained exit code, no
//! result proves that the other tests ran.
//!
//! Where the number of tests is unknown, the order of the results decides: after a stop at a failed
//! test no other test is executed. So an executed test after the last failed one shows that the
//! runner went on.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use test_engine_results::Outcome;

use crate::runners::{Observed, Shortfall, StopPolicy, TargetIndex, TestKey};

/// Gaps by target number; `None` stands for all targets of the node.
pub(super) type Gaps = BTreeMap<Option<usize>, Gap>;

/// A target that did not run to its end, or for which that is not proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Number of distinct tests with a result.
    pub(super) seen: u64,
    pub(super) expected: Option<u64>,
    /// A sentence without the full stop.
    pub(super) reason: String,
    pub(super) is_certain: bool,
    /// It became certain only because nothing proves the opposite.
    pub(super) is_unproven: bool,
}

/// What a part of an attempt was given, and its results.
#[derive(Debug)]
pub(super) struct PartFacts<'p, 'c> {
    pub(super) index: &'p TargetIndex<'c>,
    /// Targets, as numbers in the index.
    pub(super) given: &'p [usize],
    /// Whether it was given all tests of these targets.
    pub(super) is_whole: bool,
    /// In file order.
    pub(super) tests: &'p [Observed],
    /// Targets whose tests were all deselected.
    pub(super) deselected: &'p BTreeSet<usize>,
    pub(super) shortfalls: &'p [Shortfall],
    /// The user's own fail-fast option stopped the runner; why.
    pub(super) stopped_early: Option<&'p str>,
    /// `None` if nothing depends on it.
    pub(super) policy: Option<&'p StopPolicy>,
    /// The exit code is that of a runner that ran everything.
    pub(super) ended_normally: bool,
    pub(super) has_unexplained_exit: bool,
    /// The runner can list the tests of a target.
    pub(super) can_list: bool,
}

/// The gaps of a part, and which targets have results.
pub(super) fn judge(facts: &PartFacts<'_, '_>) -> (Gaps, TargetResults) {
    let results = TargetResults::of(facts.index, facts.tests);
    let mut judge = Judge {
        facts,
        given: facts.given.iter().copied().collect(),
        results: &results,
        gaps: Gaps::new(),
    };
    judge.add_shortfalls();
    if let Some(reason) = facts.stopped_early {
        judge.add_requested_stop(reason);
    }
    if let Some(policy) = facts.policy {
        let may_have_stopped = *policy != StopPolicy::Overridden || !facts.ended_normally;
        if facts.is_whole && facts.tests.iter().any(Observed::has_failed) {
            if may_have_stopped {
                judge.add_possible_stop();
            } else if facts.can_list {
                judge.add_doubts();
            }
        }
        if facts.has_unexplained_exit {
            judge.add_unexplained_exit();
        }
    }
    let gaps = judge.gaps;
    (gaps, results)
}

/// Results by target.
#[derive(Debug)]
pub(super) struct TargetResults {
    /// Distinct tests with a result, by target number.
    seen: Vec<u64>,
    /// By target number.
    has_failed: Vec<bool>,
    /// Whether the results name targets at all.
    pub(super) are_comparable: bool,
    /// Targets of the test that was executed last, if it failed.
    ends_with_failure_in: Option<Vec<usize>>,
}

impl TargetResults {
    fn of(index: &TargetIndex<'_>, tests: &[Observed]) -> Self {
        let mut seen = vec![0; index.targets.len()];
        let mut has_failed = vec![false; index.targets.len()];
        let mut ends_with_failure_in = None;
        let mut known: HashSet<&TestKey> = HashSet::with_capacity(tests.len());
        let are_comparable = index.attribute(
            tests,
            |test| &test.key,
            |test, targets| {
                let is_new = test.outcome != Outcome::Unknown && known.insert(&test.key);
                for &number in targets {
                    seen[number] += u64::from(is_new);
                    has_failed[number] |= test.has_failed();
                }
                match test.outcome {
                    Outcome::Failed => ends_with_failure_in = Some(targets.to_vec()),
                    Outcome::Passed => ends_with_failure_in = None,
                    Outcome::Skipped | Outcome::Unknown => {}
                }
            },
        );
        Self {
            seen,
            has_failed,
            are_comparable,
            ends_with_failure_in,
        }
    }

    pub(super) fn has_results(&self, number: usize) -> bool {
        self.seen[number] > 0
    }
}

const MAY_HAVE_STOPPED: &str = "the runner may have stopped at a failed test";

struct Judge<'j, 'p, 'c> {
    facts: &'j PartFacts<'p, 'c>,
    given: HashSet<usize>,
    results: &'j TargetResults,
    gaps: Gaps,
}

impl Judge<'_, '_, '_> {
    fn add_shortfalls(&mut self) {
        for shortfall in self.facts.shortfalls {
            for target in self.targets_of(shortfall.path.as_deref()) {
                self.add(target, &shortfall.reason, true);
            }
        }
    }

    /// The given targets that a path belongs to; all given ones if it is unknown.
    fn targets_of(&self, path: Option<&str>) -> Vec<Option<usize>> {
        let given = self.facts.given;
        let mut found: Vec<usize> =
            path.map_or_else(Vec::new, |path| self.facts.index.of_path(path));
        found.retain(|number| self.given.contains(number));
        match (found.is_empty(), given) {
            (false, _) => found.into_iter().map(Some).collect(),
            (true, []) => vec![None],
            (true, given) => given.iter().copied().map(Some).collect(),
        }
    }

    fn add_requested_stop(&mut self, reason: &str) {
        let results = self.results;
        let is_cut = |number: usize| results.has_failed[number] || !results.has_results(number);
        let given = self.facts.given.iter().copied();
        for number in given.filter(|&number| is_cut(number)) {
            self.add(Some(number), reason, true);
        }
    }

    fn add_possible_stop(&mut self) {
        const NO_END: &str = "no test was executed after the last failed one, so the runner may \
                              have stopped there";
        let results = self.results;
        let last_failure = results.ends_with_failure_in.as_deref();
        if !results.are_comparable {
            if last_failure.is_some() {
                self.add(None, NO_END, false);
            }
            return;
        }
        for number in self.selected() {
            let seen = results.seen[number];
            match self.facts.index.targets[number].expected {
                Some(expected) if seen < expected => {
                    self.add(Some(number), MAY_HAVE_STOPPED, true);
                }
                Some(_) => {}
                None if seen == 0 => self.add(Some(number), MAY_HAVE_STOPPED, false),
                None if last_failure.is_some_and(|targets| targets.contains(&number)) => {
                    self.add(Some(number), NO_END, false);
                }
                None => {}
            }
        }
    }

    /// The given targets without those whose tests were all deselected.
    fn selected(&self) -> Vec<usize> {
        let given = self.facts.given.iter().copied();
        let deselected = self.facts.deselected;
        given
            .filter(|number| !deselected.contains(number))
            .collect()
    }

    /// Targets that lack tests although no setting stops the runner.
    fn add_doubts(&mut self) {
        if !self.results.are_comparable {
            return;
        }
        for number in self.selected() {
            let expected = self.facts.index.targets[number].expected;
            if expected.is_some_and(|expected| self.results.seen[number] < expected) {
                self.add(Some(number), MAY_HAVE_STOPPED, false);
            }
        }
    }

    fn add_unexplained_exit(&mut self) {
        const REASON: &str = "the runner's exit code is not that of failed tests, so it may have \
                              stopped early";
        if self.facts.given.is_empty() {
            self.add(None, REASON, false);
        }
        for number in self.selected() {
            self.add(Some(number), REASON, false);
        }
    }

    /// The first reason stands, except that a certain gap replaces another.
    fn add(&mut self, target: Option<usize>, reason: &str, is_certain: bool) {
        let known = self.gaps.get(&target);
        if known.is_some_and(|gap| gap.is_certain || !is_certain) {
            return;
        }
        let gap = Gap {
            seen: target.map_or(0, |number| self.results.seen[number]),
            expected: target.and_then(|number| self.facts.index.targets[number].expected),
            reason: reason.trim().to_owned(),
            is_certain,
            is_unproven: false,
        };
        self.gaps.insert(target, gap);
    }
}
