//! Caches between uploads, so that an upload of known tests reads little.
//!
//! The database stays authoritative: ids never change their meaning, and a run's cache is brought
//! up to date inside each transaction. So other processes may write to the same database, and any
//! entry may be evicted at any time.

use std::sync::{Arc, Mutex, PoisonError};

use foldhash::{HashMap, HashMapExt as _, HashSet};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::records::SuiteId;
use crate::run_memory::RunMemory;

// Maps by internal ids and by hashes use a hash function that is fast for small keys: each upload
// looks up several per execution. Maps by texts of clients use the default one.

/// Cached tests of all suites, about 100 bytes each.
const MAX_TESTS: usize = 400_000;
/// Cached results and tests of the runs of all suites, about 60 bytes each.
const MAX_EXECUTIONS: usize = 900_000;
/// Cached commits per suite, and tests in their commit groups.
const MAX_COMMITS: usize = 64;
const MAX_GROUPS: usize = 200_000;

#[derive(Debug, Default)]
pub(crate) struct Caches {
    suites: Mutex<Suites>,
}

#[derive(Debug, Default)]
struct Suites {
    entries: HashMap<SuiteId, Entry>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    shared: Arc<Shared>,
    tests: usize,
    executions: usize,
    used: u64,
}

/// Shared by all uploads to one suite.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// The suite's public id, from which its tests' ids are derived. Never changes.
    pub(crate) uuid: OnceCell<Uuid>,
    /// Locked by one upload at a time.
    pub(crate) memory: tokio::sync::Mutex<SuiteMemory>,
}

impl Caches {
    pub(crate) fn suite(&self, suite: SuiteId) -> Arc<Shared> {
        let mut suites = self.suites.lock().unwrap_or_else(PoisonError::into_inner);
        suites.clock += 1;
        let used = suites.clock;
        let entry = suites.entries.entry(suite).or_insert_with(|| Entry {
            shared: Arc::default(),
            tests: 0,
            executions: 0,
            used,
        });
        entry.used = used;
        Arc::clone(&entry.shared)
    }

    /// Notes the size of a suite's cache, then evicts the least recently used suites and runs while
    /// all caches together are too large.
    pub(crate) fn resized(&self, suite: SuiteId, tests: usize, executions: usize) {
        let mut suites = self.suites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = suites.entries.get_mut(&suite) {
            entry.tests = tests;
            entry.executions = executions;
        }
        while suites.entries.len() > 1 && suites.sum(|entry| entry.tests) > MAX_TESTS {
            let Some((oldest, _)) = suites.least_recently_used(|_| true) else {
                break;
            };
            suites.entries.remove(&oldest);
        }
        while suites.sum(|entry| entry.executions) > MAX_EXECUTIONS {
            let found = suites.least_recently_used(|entry| entry.executions > 0);
            // This suite evicts its own runs in `put_run`.
            let Some((oldest, shared)) = found.filter(|(oldest, _)| *oldest != suite) else {
                break;
            };
            // An upload that holds the lock reports its size afterwards.
            if let Ok(mut memory) = shared.memory.try_lock() {
                memory.runs = HashMap::new();
            }
            if let Some(entry) = suites.entries.get_mut(&oldest) {
                entry.executions = 0;
            }
        }
    }

    pub(crate) fn forget(&self, suite: SuiteId) {
        self.suites
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entries
            .remove(&suite);
    }
}

impl Suites {
    fn sum(&self, of: impl Fn(&Entry) -> usize) -> usize {
        self.entries.values().map(of).sum()
    }

    fn least_recently_used(&self, of: impl Fn(&Entry) -> bool) -> Option<(SuiteId, Arc<Shared>)> {
        self.entries
            .iter()
            .filter(|(_, entry)| of(entry))
            .min_by_key(|(_, entry)| entry.used)
            .map(|(id, entry)| (*id, Arc::clone(&entry.shared)))
    }
}

#[derive(Debug, Default)]
pub(crate) struct SuiteMemory {
    pub(crate) tests: HashMap<Uuid, KnownTest>,
    pub(crate) branches: std::collections::HashMap<String, i64>,
    /// The suite's counter after this process's last change.
    seen_seq: i64,
    /// The counter at the last change by another process that was noticed. Tests read before it are
    /// read again.
    stale_before: i64,
    /// By number.
    commits: HashMap<i64, CommitMemory>,
    pub(crate) latest_commit: Option<LatestCommit>,
    /// The tests of `open_breaks`, each with the number on the default branch of its last failure.
    pub(crate) open_breaks: Option<HashMap<i64, i64>>,
    runs: HashMap<i64, RunMemory>,
    clock: u64,
}

/// The largest numbers of a suite's commits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LatestCommit {
    pub(crate) number: i64,
    /// Of those on the default branch.
    pub(crate) main_number: i64,
}

/// A tested commit.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommitMemory {
    /// Its place on the default branch.
    pub(crate) main_number: Option<i64>,
    /// The tests with a commit group that is stored.
    pub(crate) tests: HashSet<i64>,
    /// The run that tested it, if it is known to be the only one.
    pub(crate) only_run: Option<i64>,
}

/// A test with a row in the database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownTest {
    pub(crate) id: i64,
    /// A hash of all columns that an upload may change.
    pub(crate) fingerprint: u64,
    /// The row's value, in milliseconds.
    pub(crate) last_seen_at: i64,
    /// The suite's counter when the row was read or written.
    pub(crate) as_of: i64,
}

impl SuiteMemory {
    /// Starts a transaction with the suite's counter at `seq`. If that does not follow this
    /// process's last one, another process has changed the suite, and entries for rows that can
    /// change or disappear become stale.
    pub(crate) fn begin(&mut self, seq: i64) {
        if seq != self.seen_seq + 1 {
            self.stale_before = seq;
            self.branches.clear();
            self.commits.clear();
            self.latest_commit = None;
            self.open_breaks = None;
        }
    }

    /// Call it just before the transaction with this number is committed.
    pub(crate) fn end(&mut self, seq: i64) {
        self.seen_seq = seq;
    }

    /// Evicts those of these tests that another process may have changed.
    pub(crate) fn forget_stale<'a>(&mut self, uuids: impl Iterator<Item = &'a Uuid>) {
        for uuid in uuids {
            let is_stale = |test: &KnownTest| test.as_of < self.stale_before;
            if self.tests.get(uuid).is_some_and(is_stale) {
                self.tests.remove(uuid);
            }
        }
    }

    /// Removes a commit's cache and returns it; [`Self::put_commit`] returns it.
    pub(crate) fn take_commit(&mut self, number: i64) -> Option<CommitMemory> {
        self.commits.remove(&number)
    }

    pub(crate) fn put_commit(&mut self, number: i64, commit: CommitMemory) {
        let groups: usize = self.commits.values().map(|commit| commit.tests.len()).sum();
        if self.commits.len() >= MAX_COMMITS || groups > MAX_GROUPS {
            self.commits.clear();
        }
        self.commits.insert(number, commit);
    }

    /// Removes a run's cache and returns it, or an empty one; [`Self::put_run`] returns it.
    pub(crate) fn take_run(&mut self, run_id: i64) -> RunMemory {
        self.runs.remove(&run_id).unwrap_or_default()
    }

    pub(crate) fn executions(&self) -> usize {
        self.runs.values().map(RunMemory::size).sum()
    }

    pub(crate) fn put_run(&mut self, run_id: i64, mut run: RunMemory) {
        self.clock += 1;
        run.used = self.clock;
        self.runs.insert(run_id, run);
        while self.runs.len() > 1 && self.executions() > MAX_EXECUTIONS {
            let oldest = self
                .runs
                .iter()
                .min_by_key(|(_, run)| run.used)
                .map(|(id, _)| *id);
            let Some(oldest) = oldest else { break };
            self.runs.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::StoredExecution;

    const KNOWN: KnownTest = KnownTest {
        id: 1,
        fingerprint: 0,
        last_seen_at: 0,
        as_of: 0,
    };

    /// A run with this many tests.
    fn run(last_upload: i64, tests: usize) -> RunMemory {
        let mut run = RunMemory::default();
        let execution = |test_id| StoredExecution {
            test_id,
            ..StoredExecution::passed()
        };
        let many: Vec<StoredExecution> =
            (0..i64::try_from(tests).unwrap()).map(execution).collect();
        run.add(last_upload, &many);
        run
    }

    #[test]
    fn evicts_the_least_recently_used_suite() {
        let caches = Caches::default();
        let [a, b, c] = [1, 2, 3].map(SuiteId::new);
        let kept_alive = caches.suite(a);
        for suite in [a, b, c] {
            caches.suite(suite);
            caches.resized(suite, MAX_TESTS / 2, 0);
        }
        assert!(!Arc::ptr_eq(&kept_alive, &caches.suite(a)));
    }

    #[tokio::test]
    async fn evicts_runs_of_the_least_recently_used_suites() {
        let caches = Caches::default();
        let [a, b, c] = [1, 2, 3].map(SuiteId::new);
        for suite in [a, b, c] {
            let memory = caches.suite(suite);
            let mut memory = memory.memory.lock().await;
            memory.put_run(1, run(7, MAX_EXECUTIONS / 2));
            memory.tests.insert(Uuid::nil(), KNOWN);
            let executions = memory.executions();
            drop(memory);
            caches.resized(suite, 1, executions);
        }
        let kept = async |suite| {
            let memory = caches.suite(suite);
            let mut memory = memory.memory.lock().await;
            (memory.take_run(1).last_upload, memory.tests.len())
        };
        assert_eq!(kept(a).await, (0, 1), "its tests are still known");
        assert_eq!(kept(b).await, (7, 1));
        assert_eq!(kept(c).await, (7, 1));
    }

    #[test]
    fn evicts_old_runs_but_never_the_latest() {
        let mut memory = SuiteMemory::default();
        for run_id in 1..=3 {
            memory.put_run(run_id, run(run_id, MAX_EXECUTIONS));
        }
        assert_eq!(memory.take_run(3).last_upload, 3);
        assert_eq!(memory.take_run(1).last_upload, 0);
    }
}
