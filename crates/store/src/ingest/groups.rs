//! Commit groups of the tests that failed or end a break, and the failures of a run by fingerprint.
//!
//! Passed executions are looked at only if their test has a commit group on the commit, or failed
//! last on the default branch: the cache knows both.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashSet};
use test_engine_results::Outcome;

use super::commit::RunCommit;
use super::guard::{Guarding, is_decided};
use super::{Ingest, Result, RunRow};
use crate::changed_tests;
use crate::identity::fingerprint_code;
use crate::records::{NewExecution, Timestamp};
use crate::run_memory::RunMemory;
use crate::segment::{self, StoredExecution};
use crate::sql::values;
use crate::together::Write;

/// Other runs of a commit that are searched for passes of a failed test.
const MAX_OTHER_RUNS: i64 = 50;

/// An execution and what it was stored from.
pub(super) type WithSource<'a> = (&'a StoredExecution, &'a NewExecution);

/// What an upload adds to a commit group.
#[derive(Clone, Debug)]
struct Change {
    first_at: Timestamp,
    passed: i64,
    failed: i64,
    guarded_passed: i64,
    guarded_failed: i64,
    has_failed: bool,
    /// Of its first failure in this upload.
    fingerprint: Option<i64>,
}

impl Change {
    fn new(first_at: Timestamp) -> Self {
        Self {
            first_at,
            passed: 0,
            failed: 0,
            guarded_passed: 0,
            guarded_failed: 0,
            has_failed: false,
            fingerprint: None,
        }
    }

    fn count(&mut self, outcome: Outcome, is_guarded: bool) -> Option<&mut i64> {
        match (outcome, is_guarded) {
            (Outcome::Passed, false) => Some(&mut self.passed),
            (Outcome::Passed, true) => Some(&mut self.guarded_passed),
            (Outcome::Failed, false) => Some(&mut self.failed),
            (Outcome::Failed, true) => Some(&mut self.guarded_failed),
            (Outcome::Skipped | Outcome::Unknown, _) => None,
        }
    }

    fn add(&mut self, outcome: Outcome, is_guarded: bool, number: i64) {
        if let Some(count) = self.count(outcome, is_guarded) {
            *count += number;
        }
    }
}

/// Tests that may be followed: a bit for each of the lowest bits of their ids. Most tests of an
/// upload are not, and a bit is found faster than an entry of a map.
struct Followed(Box<[u64; Self::WORDS]>);

impl Followed {
    const WORDS: usize = 1 << 10;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "only the lowest bits are used"
    )]
    fn place(test: i64) -> (usize, u32) {
        (test as usize / 64 % Self::WORDS, test as u32 % 64)
    }

    fn extend<'a>(&mut self, tests: impl IntoIterator<Item = &'a i64>) {
        for test in tests {
            let (word, bit) = Self::place(*test);
            self.0[word] |= 1 << bit;
        }
    }

    fn may_have(&self, test: i64) -> bool {
        let (word, bit) = Self::place(test);
        self.0[word] >> bit & 1 == 1
    }
}

impl Default for Followed {
    fn default() -> Self {
        Self(Box::new([0; Self::WORDS]))
    }
}

/// What an upload changes in the commit groups of its commit, by test.
#[derive(Clone)]
pub(super) struct Changes {
    now: Timestamp,
    /// Tests that had a group before the upload.
    known: HashSet<i64>,
    tests: BTreeMap<i64, Change>,
}

impl Changes {
    pub(super) fn new(now: Timestamp, commit: &RunCommit) -> Self {
        Self::of_known(now, commit.memory.tests.clone())
    }

    /// For tests that have a group on the commit.
    pub(super) fn of_known(now: Timestamp, known: HashSet<i64>) -> Self {
        Self {
            now,
            known,
            tests: BTreeMap::new(),
        }
    }

    fn of(&mut self, test: i64) -> &mut Change {
        let now = self.now;
        self.tests.entry(test).or_insert_with(|| Change::new(now))
    }

    /// An execution of an earlier upload counts otherwise from now on.
    pub(super) fn moved(&mut self, test: i64, outcome: Outcome, is_guarded: bool) {
        if self.known.contains(&test) {
            let change = self.of(test);
            change.add(outcome, is_guarded, 1);
            change.add(outcome, !is_guarded, -1);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// What undoes moves.
    pub(super) fn reversed(&self) -> Self {
        let mut reversed = self.clone();
        for change in reversed.tests.values_mut() {
            for count in [
                &mut change.passed,
                &mut change.failed,
                &mut change.guarded_passed,
                &mut change.guarded_failed,
            ] {
                *count = -*count;
            }
        }
        reversed
    }

    /// Passes in this run of tests that have not failed on this commit before.
    fn add_earlier_passes(
        &mut self,
        run: &RunRow,
        (memory, guarding): (&RunMemory, &Guarding),
        new: &HashSet<i64>,
    ) {
        for test in new {
            let change = self.of(*test);
            let counted = change.passed + change.guarded_passed;
            let earlier = i64::from(memory.outcomes.of(*test).passed) - counted;
            if earlier > 0 {
                let is_guarded = guarding.covers_earlier(memory, *test);
                change.add(Outcome::Passed, is_guarded, earlier);
                change.first_at = change.first_at.min(run.created_at);
            }
        }
    }
}

impl Ingest<'_> {
    /// What an upload says about the tests on a commit, and which tests have to be judged. The
    /// writes must be executed.
    pub(super) async fn record_groups(
        &mut self,
        (run, commit): (&RunRow, &mut RunCommit),
        (memory, guarding): (&RunMemory, &Guarding),
        (kept, failed): (&[StoredExecution], &[WithSource<'_>]),
        mut changes: Changes,
    ) -> Result<Vec<Write<'static>>> {
        let failing: HashSet<i64> = failed.iter().map(|(one, _)| one.test_id).collect();
        let open = self.open_breaks(commit).await?;
        let mut followed = Followed::default();
        followed.extend(&changes.known);
        followed.extend(&failing);
        followed.extend(open.into_iter().flat_map(HashMap::keys));
        for execution in kept {
            let test = execution.test_id;
            let is_followed = followed.may_have(test)
                && (changes.known.contains(&test)
                    || failing.contains(&test)
                    || open.is_some_and(|open| open.contains_key(&test)));
            if is_followed && is_decided(execution.outcome) {
                let is_guarded = guarding.covers(memory, test);
                changes.of(test).add(execution.outcome, is_guarded, 1);
            }
        }
        for (execution, source) in failed {
            let change = changes.of(execution.test_id);
            if !change.has_failed {
                let cause = source.cause.as_ref();
                change.has_failed = true;
                change.fingerprint = cause.map(|cause| fingerprint_code(cause.fingerprint));
            }
        }
        if changes.tests.is_empty() {
            return Ok(Vec::new());
        }
        let new: HashSet<i64> = failing.difference(&changes.known).copied().collect();
        changes.add_earlier_passes(run, (memory, guarding), &new);
        if commit.has_other_runs() && !new.is_empty() {
            let others = self.add_passes_of_other_runs(run.id, commit.number, &new, &mut changes);
            if others.await? == 0 {
                commit.memory.only_run = Some(run.id);
            }
        }
        let place = (self.upload.suite.get(), commit.number);
        let mut writes = vec![
            added_groups(place, run.id, &changes),
            changed_tests_of(place.0, &changes),
        ];
        writes.extend(self.follow_breaks(commit, memory, &changes));
        commit.memory.tests.extend(changes.tests.keys());
        Ok(writes)
    }

    /// Passes in other runs of the commit, of tests that have not failed on it before. Returns how
    /// many runs these are.
    async fn add_passes_of_other_runs(
        &mut self,
        run_id: i64,
        commit: i64,
        new: &HashSet<i64>,
        changes: &mut Changes,
    ) -> Result<usize> {
        let suite = self.upload.suite.get();
        let others = self
            .session
            .rows(
                "SELECT id, guarded, counted FROM runs WHERE suite_id = $1 AND commit_number = $2 \
                 AND id <> $3 ORDER BY id DESC LIMIT $4",
                values![suite, commit, run_id, MAX_OTHER_RUNS],
            )
            .await?;
        for other in &others {
            let (is_run_guarded, is_counted) =
                (other.boolean("guarded")?, other.boolean("counted")?);
            let segments = self
                .session
                .rows(
                    "SELECT segments.body, uploads.guarded, uploads.received_at FROM segments \
                     JOIN uploads ON uploads.id = segments.upload_id WHERE segments.run_id = $1",
                    values![other.integer("id")?],
                )
                .await?;
            for row in segments {
                let is_guarded = !is_counted && (is_run_guarded || row.boolean("guarded")?);
                let received_at = row.time("received_at")?;
                for execution in segment::decode(&row.bytes("body")?)? {
                    let test = execution.test_id;
                    if execution.outcome == Outcome::Passed && new.contains(&test) {
                        let change = changes.of(test);
                        change.add(Outcome::Passed, is_guarded, 1);
                        change.first_at = change.first_at.min(received_at);
                    }
                }
            }
        }
        Ok(others.len())
    }

    /// The open breaks of the suite, if the commit is on the default branch.
    async fn open_breaks(&mut self, commit: &RunCommit) -> Result<Option<&HashMap<i64, i64>>> {
        if commit.memory.main_number.is_none() {
            return Ok(None);
        }
        if self.memory.open_breaks.is_none() {
            let rows = self
                .session
                .rows(
                    "SELECT test_id, main_number FROM open_breaks WHERE suite_id = $1",
                    values![self.upload.suite.get()],
                )
                .await?;
            let breaks = rows
                .iter()
                .map(|row| Ok((row.integer("test_id")?, row.integer("main_number")?)));
            self.memory.open_breaks = Some(breaks.collect::<Result<_>>()?);
        }
        Ok(self.memory.open_breaks.as_ref())
    }

    /// Opens breaks of tests that failed on the default branch, and ends those of tests that
    /// passed.
    fn follow_breaks(
        &mut self,
        commit: &RunCommit,
        run: &RunMemory,
        changes: &Changes,
    ) -> Vec<Write<'static>> {
        let (Some(main_number), Some(open)) =
            (commit.memory.main_number, &mut self.memory.open_breaks)
        else {
            return Vec::new();
        };
        let suite = self.upload.suite.get();
        let (mut opened, mut ended) = (Vec::new(), Vec::new());
        for test in changes.tests.keys() {
            let last = open.get(test).copied();
            if run.outcomes.of(*test).passed > 0 {
                // A later commit may have failed before an earlier one is tested again.
                if last.is_some_and(|last| last <= main_number) {
                    open.remove(test);
                    ended.push((*test).into());
                }
            } else if last.is_none_or(|last| last < main_number) {
                open.insert(*test, main_number);
                opened.extend(values![suite, *test, main_number]);
            }
        }
        vec![
            Write::Insert {
                before: "INSERT INTO open_breaks (suite_id, test_id, main_number)",
                columns: 3,
                cells: opened,
                after: "ON CONFLICT (suite_id, test_id) DO UPDATE SET \
                     main_number = excluded.main_number",
            },
            Write::Change {
                before: "DELETE FROM open_breaks WHERE suite_id = ? AND test_id",
                bound: values![suite].to_vec(),
                keys: ended,
            },
        ]
    }

    /// Counts the failures of the run by fingerprint.
    pub(super) fn failure_groups(&self, run_id: i64, failed: &[WithSource<'_>]) -> Write<'static> {
        let mut executions: BTreeMap<i64, i64> = BTreeMap::new();
        for cause in failed
            .iter()
            .filter_map(|(_, source)| source.cause.as_ref())
        {
            let code = fingerprint_code(cause.fingerprint);
            *executions.entry(code).or_default() += 1;
        }
        let (suite, now) = (self.upload.suite.get(), self.upload.received_at);
        let mut cells = Vec::with_capacity(executions.len() * 5);
        for (fingerprint, executions) in executions {
            cells.extend(values![suite, fingerprint, run_id, executions, now]);
        }
        Write::Insert {
            before: "INSERT INTO failure_groups \
                 (suite_id, fingerprint, run_id, executions, last_at)",
            columns: 5,
            cells,
            after: "ON CONFLICT (suite_id, fingerprint, run_id) DO UPDATE SET \
                 executions = failure_groups.executions + excluded.executions, \
                 last_at = excluded.last_at",
        }
    }
}

/// Adds to the groups of a suite and commit.
pub(super) fn added_groups(
    (suite, commit): (i64, i64),
    run_id: i64,
    changes: &Changes,
) -> Write<'static> {
    let mut cells = Vec::with_capacity(changes.tests.len() * 10);
    for (test, change) in &changes.tests {
        cells.extend(values![
            suite,
            commit,
            *test,
            change.first_at,
            change.passed,
            change.failed,
            change.guarded_passed,
            change.guarded_failed,
            change.has_failed.then_some(run_id),
            change.fingerprint,
        ]);
    }
    let before = "INSERT INTO commit_groups (suite_id, commit_number, test_id, first_at, \
         passed, failed, guarded_passed, guarded_failed, failed_run, fingerprint)";
    let after = "ON CONFLICT (test_id, commit_number) DO UPDATE SET \
         passed = commit_groups.passed + excluded.passed, \
         failed = commit_groups.failed + excluded.failed, \
         guarded_passed = commit_groups.guarded_passed + excluded.guarded_passed, \
         guarded_failed = commit_groups.guarded_failed + excluded.guarded_failed, \
         two_failed_runs = (commit_groups.two_failed_runs \
         OR COALESCE(excluded.failed_run <> commit_groups.failed_run, FALSE)), \
         failed_run = COALESCE(commit_groups.failed_run, excluded.failed_run), \
         fingerprint = COALESCE(commit_groups.fingerprint, excluded.fingerprint)";
    Write::Insert {
        before,
        columns: 10,
        cells,
        after,
    }
}

/// The tests that have to be judged.
pub(super) fn changed_tests_of(suite: i64, changes: &Changes) -> Write<'static> {
    changed_tests::added(suite, changes.tests.keys().copied(), changes.now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn followed_tests_may_be_there_and_most_others_not() {
        let mut followed = Followed::default();
        followed.extend(&[0, 63, 64, 65_535, 65_536 + 7, i64::MAX]);
        for test in [0, 63, 64, 65_535, 65_536 + 7, i64::MAX] {
            assert!(followed.may_have(test), "{test}");
        }
        assert!(followed.may_have(7), "the same lowest bits");
        for test in [1, 62, 65, 8, 65_534, 65_536 + 8] {
            assert!(!followed.may_have(test), "{test}");
        }
    }
}
