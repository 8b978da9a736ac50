//! What the program remembers between uploads, so that an upload of known tests reads little.
//!
//! Nothing here decides anything that the database does not: ids never change their meaning, and
//! what is remembered of a run is brought up to date inside each transaction. So other processes
//! may write to the same database, and anything may be forgotten at any time.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use test_engine_results::Outcome;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::records::SuiteId;
use crate::segment::Kept;

/// Tests remembered over all suites, at most: about 100 bytes each.
const MOST_TESTS: usize = 400_000;
/// Results and timed tests remembered of the runs of all suites, at most: about 70 bytes each.
const MOST_EXECUTIONS: usize = 600_000;

/// The memory of all suites.
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

/// What uploads to one suite share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// The suite's public id, of which its tests' ids are made. It never changes.
    pub(crate) uuid: OnceCell<Uuid>,
    /// What uploads hold one after the other.
    pub(crate) memory: tokio::sync::Mutex<SuiteMemory>,
}

impl Caches {
    /// What is remembered of one suite.
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

    /// Says how large a suite's memory is now, and forgets others, or their runs, the longest unused
    /// first, when all of them together are too large.
    pub(crate) fn resized(&self, suite: SuiteId, tests: usize, executions: usize) {
        let mut suites = self.suites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = suites.entries.get_mut(&suite) {
            entry.tests = tests;
            entry.executions = executions;
        }
        while suites.entries.len() > 1 && suites.sum(|entry| entry.tests) > MOST_TESTS {
            let Some((oldest, _)) = suites.longest_unused(|_| true) else {
                break;
            };
            suites.entries.remove(&oldest);
        }
        while suites.sum(|entry| entry.executions) > MOST_EXECUTIONS {
            let found = suites.longest_unused(|entry| entry.executions > 0);
            // The last one sees to itself when it puts a run back.
            let Some((oldest, shared)) = found.filter(|(oldest, _)| *oldest != suite) else {
                break;
            };
            // Whoever holds it now tells its size afterwards.
            if let Ok(mut memory) = shared.memory.try_lock() {
                memory.runs = HashMap::new();
            }
            if let Some(entry) = suites.entries.get_mut(&oldest) {
                entry.executions = 0;
            }
        }
    }

    /// Forgets a suite.
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

    fn longest_unused(&self, of: impl Fn(&Entry) -> bool) -> Option<(SuiteId, Arc<Shared>)> {
        self.entries
            .iter()
            .filter(|(_, entry)| of(entry))
            .min_by_key(|(_, entry)| entry.used)
            .map(|(id, entry)| (*id, Arc::clone(&entry.shared)))
    }
}

/// What is remembered of one suite.
#[derive(Debug, Default)]
pub(crate) struct SuiteMemory {
    pub(crate) tests: HashMap<Uuid, KnownTest>,
    pub(crate) branches: HashMap<String, i64>,
    /// The suite's counter after the last change that this process made.
    seen_seq: i64,
    /// The counter when somebody else was last found to have changed something: tests that were
    /// read before that are read again.
    stale_before: i64,
    runs: HashMap<i64, RunMemory>,
    clock: u64,
}

/// A test that has a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownTest {
    pub(crate) id: i64,
    /// Of everything in the row that an upload may change.
    pub(crate) fingerprint: u64,
    /// As the row has it, in milliseconds.
    pub(crate) last_seen_at: i64,
    /// The suite's counter when the row was read or written.
    pub(crate) as_of: i64,
}

impl SuiteMemory {
    /// Says which number the suite's counter has in the transaction that begins. When that is not
    /// the one after the last of this process, another has changed the suite, and what is
    /// remembered of rows that can change or go is doubted.
    pub(crate) fn begin(&mut self, seq: i64) {
        if seq != self.seen_seq + 1 {
            self.stale_before = seq;
            self.branches.clear();
        }
    }

    /// Says that the transaction with this number is one that will be committed.
    pub(crate) fn end(&mut self, seq: i64) {
        self.seen_seq = seq;
    }

    /// Forgets those of these tests that another process may have changed.
    pub(crate) fn forget_stale<'a>(&mut self, uuids: impl Iterator<Item = &'a Uuid>) {
        for uuid in uuids {
            let is_stale = |test: &KnownTest| test.as_of < self.stale_before;
            if self.tests.get(uuid).is_some_and(is_stale) {
                self.tests.remove(uuid);
            }
        }
    }

    /// Takes a run's memory out, empty when there is none. It has to be put back.
    pub(crate) fn take_run(&mut self, run_id: i64) -> RunMemory {
        self.runs.remove(&run_id).unwrap_or_default()
    }

    /// How much is remembered of its runs.
    pub(crate) fn executions(&self) -> usize {
        self.runs.values().map(RunMemory::size).sum()
    }

    /// Puts a run's memory back, and forgets the longest unused runs when there is too much.
    pub(crate) fn put_run(&mut self, run_id: i64, mut run: RunMemory) {
        self.clock += 1;
        run.used = self.clock;
        self.runs.insert(run_id, run);
        while self.runs.len() > 1 && self.executions() > MOST_EXECUTIONS {
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

/// What is remembered of one run: enough to know a repeated result and a retried test.
#[derive(Debug, Default)]
pub(crate) struct RunMemory {
    /// The last upload that is in here.
    pub(crate) last_upload: i64,
    /// Results with an id: the id's key, and a hash of test, outcome and duration.
    results: HashSet<(u64, u64)>,
    /// Tests of which an execution has told its duration.
    timed_tests: HashSet<i64>,
    used: u64,
}

impl RunMemory {
    /// Adds what an upload has brought.
    pub(crate) fn add(&mut self, upload_id: i64, executions: &[Kept]) {
        for execution in executions {
            if let Some(result) = repeatable(execution) {
                self.results.insert(result);
            }
            if is_timed(execution) {
                self.timed_tests.insert(execution.test_id);
            }
        }
        self.last_upload = self.last_upload.max(upload_id);
    }

    /// Whether this very result is there, with its id.
    pub(crate) fn has_result(&self, execution: &Kept) -> bool {
        repeatable(execution).is_some_and(|result| self.results.contains(&result))
    }

    /// Whether an execution of this test has told its duration.
    pub(crate) fn has_timed(&self, test_id: i64) -> bool {
        self.timed_tests.contains(&test_id)
    }

    fn size(&self) -> usize {
        self.results.len() + self.timed_tests.len()
    }
}

/// What makes two results of one run the same; nothing for results without an id.
pub(crate) fn repeatable(execution: &Kept) -> Option<(u64, u64)> {
    let key = execution.result_key?;
    // Only ever compared within this process: the hash is never stored.
    let mut hasher = std::hash::DefaultHasher::new();
    std::hash::Hash::hash(
        &(execution.test_id, execution.outcome, execution.duration),
        &mut hasher,
    );
    Some((key, std::hash::Hasher::finish(&hasher)))
}

/// Skipped tests may tell a duration, but nothing has been run.
pub(crate) fn is_timed(execution: &Kept) -> bool {
    execution.duration.is_some() && execution.outcome != Outcome::Skipped
}

#[cfg(test)]
mod tests {
    use test_engine_duration::Micros;

    use super::*;

    const KNOWN: KnownTest = KnownTest {
        id: 1,
        fingerprint: 0,
        last_seen_at: 0,
        as_of: 0,
    };

    fn kept(test_id: i64, key: Option<u64>) -> Kept {
        Kept {
            test_id,
            outcome: Outcome::Passed,
            muted: false,
            duration: Some(Micros::new(5)),
            result_key: key,
            tags: None,
        }
    }

    #[test]
    fn a_repeated_result_is_the_same_in_every_respect() {
        let mut run = RunMemory::default();
        run.add(3, &[kept(1, Some(9))]);
        assert!(run.has_result(&kept(1, Some(9))));
        assert!(!run.has_result(&kept(1, Some(8))));
        assert!(!run.has_result(&kept(2, Some(9))));
        assert!(!run.has_result(&Kept {
            outcome: Outcome::Failed,
            ..kept(1, Some(9))
        }));
        assert!(!run.has_result(&Kept {
            duration: None,
            ..kept(1, Some(9))
        }));
        assert!(
            !run.has_result(&kept(1, None)),
            "without an id nothing is a repetition"
        );
    }

    #[test]
    fn the_longest_unused_suite_is_forgotten() {
        let caches = Caches::default();
        let [a, b, c] = [1, 2, 3].map(SuiteId::new);
        let kept_alive = caches.suite(a);
        for suite in [a, b, c] {
            caches.suite(suite);
            caches.resized(suite, MOST_TESTS / 2, 0);
        }
        assert!(!Arc::ptr_eq(&kept_alive, &caches.suite(a)));
    }

    #[tokio::test]
    async fn runs_of_the_longest_unused_suites_are_forgotten() {
        let caches = Caches::default();
        let [a, b, c] = [1, 2, 3].map(SuiteId::new);
        for suite in [a, b, c] {
            let memory = caches.suite(suite);
            let mut memory = memory.memory.lock().await;
            let mut run = RunMemory::default();
            let many: Vec<Kept> = (0..i64::try_from(MOST_EXECUTIONS / 2).unwrap())
                .map(|test_id| kept(test_id, None))
                .collect();
            run.add(7, &many);
            memory.put_run(1, run);
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
    fn old_runs_are_forgotten_but_never_the_latest() {
        let mut memory = SuiteMemory::default();
        for run_id in 1..=3 {
            let mut run = RunMemory::default();
            let many: Vec<Kept> = (0..i64::try_from(MOST_EXECUTIONS).unwrap())
                .map(|test_id| kept(test_id, None))
                .collect();
            run.add(run_id, &many);
            memory.put_run(run_id, run);
        }
        assert_eq!(memory.take_run(3).last_upload, 3);
        assert_eq!(memory.take_run(1).last_upload, 0);
    }
}
