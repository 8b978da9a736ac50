//! From commit names to diffs: finds bases and facts, then hands out one diff after the other.
//!
//! Diffs are made by several workers and handed to one consumer in the order asked for; how far the
//! workers may run ahead is bounded in bytes, so memory does not depend on the number of commits.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::bases::{Base, Bases, bases};
use super::command::GitError;
use super::commits::{Commit, read_commits};
use super::default_branch::DefaultBranch;
use super::diffs::{CommitDiff, DiffError, DiffKind, Job, SingleDiff, Worker, bulk_options};
use super::object_id::ObjectId;
use super::prefetch::fetch_files;
use super::repository::Repository;

/// Diffs that wait for an earlier one may take this many bytes together.
const WAITING_BYTES: usize = 16 * 1024 * 1024;
/// And be so many.
const WAITING_DIFFS: usize = 256;

/// A commit that gets no record, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which.
    pub commit: ObjectId,
    /// Reads after "because".
    pub reason: String,
}

/// What became of one commit.
#[derive(Debug)]
pub enum Outcome {
    /// Its diff.
    Diff(CommitDiff),
    /// None; it is to be skipped.
    Skipped(Skipped),
}

/// A commit with its outcome, handed to the consumer.
pub struct Collected<'a> {
    /// Which commit.
    pub commit: &'a Commit,
    /// What became of it.
    pub outcome: Outcome,
}

/// Why the collection as a whole ended early. `E` is the consumer's error.
#[derive(Debug, thiserror::Error)]
pub enum CollectError<E> {
    /// Git.
    #[error(transparent)]
    Git(GitError),
    /// The consumer would take no more.
    #[error("{0}")]
    Consumer(E),
}

/// What is to be collected, and how many may work at it.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    /// How much of each diff.
    pub kind: DiffKind,
    /// The most git processes that make diffs at once; no more than cores are used for the bulk
    /// way. At least 1.
    pub concurrency: usize,
}

/// Commits with their facts and bases, ready to be compared.
pub struct Prepared<'a> {
    repository: &'a Repository,
    branch: &'a DefaultBranch,
    concurrency: usize,
    commits: Vec<Commit>,
    unreadable: Vec<Skipped>,
    bases: Bases,
}

/// Reads the facts of `ids` (each once, all present) and finds their bases.
pub fn prepare<'a>(
    repository: &'a Repository,
    branch: &'a DefaultBranch,
    ids: &[ObjectId],
    concurrency: usize,
) -> Result<Prepared<'a>, GitError> {
    let mut commits = Vec::with_capacity(ids.len());
    let mut unreadable = Vec::new();
    for (&id, facts) in ids.iter().zip(read_commits(repository.git(), ids)?) {
        match facts {
            Ok(facts) => commits.push(facts),
            Err(error) => {
                unreadable.push(Skipped {
                    commit: id,
                    reason: format!("failed to {error}"),
                });
            }
        }
    }
    let bases = bases(repository, branch, &commits, concurrency)?;
    Ok(Prepared {
        repository,
        branch,
        concurrency,
        commits,
        unreadable,
        bases,
    })
}

impl Prepared<'_> {
    /// The commits, in the order they were asked for.
    pub fn commits(&self) -> &[Commit] {
        &self.commits
    }

    /// Commits whose facts could not be read; they are not among [`Self::commits`].
    pub fn unreadable(&self) -> &[Skipped] {
        &self.unreadable
    }

    /// The base of each commit.
    pub fn bases(&self) -> &Bases {
        &self.bases
    }

    /// In a partial clone, fetches the files of all diffs at once; `before_fetch` is told how many.
    /// Whatever this does not bring, git fetches when it needs it.
    pub fn fetch_files(&self, before_fetch: &mut dyn FnMut(usize)) -> Result<usize, GitError> {
        let pairs: Vec<(ObjectId, Base)> = self
            .commits
            .iter()
            .filter_map(|commit| {
                let base = self.bases.by_commit.get(&commit.id)?.as_ref().ok()?;
                Some((commit.id, *base))
            })
            .collect();
        fetch_files(self.repository, &pairs, before_fetch)
    }

    /// Hands every commit to `consume`, in order.
    pub fn collect<E: Send>(
        &self,
        collection: Collection,
        mut consume: impl FnMut(Collected<'_>) -> Result<(), E>,
    ) -> Result<(), CollectError<E>> {
        let jobs: Vec<Job> = self
            .commits
            .iter()
            .enumerate()
            .filter_map(|(index, commit)| {
                let base = *self.bases.by_commit.get(&commit.id)?.as_ref().ok()?;
                Some(Job {
                    index,
                    commit: commit.id,
                    base,
                })
            })
            .collect();
        let without_base: HashMap<usize, String> = self
            .commits
            .iter()
            .enumerate()
            .filter_map(
                |(index, commit)| match self.bases.by_commit.get(&commit.id) {
                    Some(Ok(_)) => None,
                    Some(Err(reason)) => Some((index, reason.to_string())),
                    None => Some((index, "it has no base".to_owned())),
                },
            )
            .collect();
        let git = self.repository.git();
        let options = bulk_options(self.repository.config());
        let single = SingleDiff::new(self.repository, collection.kind);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let most = if options.is_some() {
            collection.concurrency.min(cores)
        } else {
            collection.concurrency
        };
        let workers = most.clamp(1, jobs.len().max(1));
        let queue = OrderedQueue::new(jobs.iter().map(|job| job.index).collect());
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                let mut worker = Worker::new(git, collection.kind, options.clone(), single.clone());
                let (queue, next, jobs) = (&queue, &next, &jobs);
                scope.spawn(move || {
                    // Also when this thread panics: the consumer must not wait for ever.
                    let _closer = CloseOnDrop(queue);
                    let next_job = || jobs.get(next.fetch_add(1, Ordering::Relaxed)).copied();
                    let outcome = worker.work(next_job, |index, diff| queue.put(index, diff));
                    if let Err(error) = outcome {
                        queue.fail(error);
                    }
                });
            }
            queue.expect_workers(workers);
            // Whatever way this ends, no worker may be left waiting for room.
            let _stopper = StopOnDrop(&queue);
            for (index, commit) in self.commits.iter().enumerate() {
                let skipped = |reason| {
                    Outcome::Skipped(Skipped {
                        commit: commit.id,
                        reason,
                    })
                };
                let outcome = match without_base.get(&index) {
                    Some(reason) => skipped(reason.clone()),
                    None => match queue.take(index).map_err(CollectError::Git)? {
                        Ok(diff) => Outcome::Diff(diff),
                        Err(error) => skipped(format!("failed to {error}")),
                    },
                };
                consume(Collected { commit, outcome }).map_err(CollectError::Consumer)?;
            }
            Ok(())
        })
    }

    /// Waits for the proof that the bases are right. True when some were not: they have been put
    /// right, and everything has to be collected again.
    pub fn settle(&mut self) -> Result<bool, GitError> {
        let changed = self.bases.settle(
            self.repository,
            self.branch,
            &self.commits,
            self.concurrency,
        )?;
        Ok(!changed.is_empty())
    }
}

type Diff = Result<CommitDiff, DiffError>;

/// Results come in any order and leave in the order of their indices.
struct OrderedQueue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Indices to come, in order; the first is the one the consumer needs next.
    order: std::collections::VecDeque<usize>,
    ready: BTreeMap<usize, Diff>,
    bytes: usize,
    workers: usize,
    finished_workers: usize,
    failure: Option<GitError>,
    stopped: bool,
}

impl OrderedQueue {
    fn new(order: std::collections::VecDeque<usize>) -> Self {
        let state = State {
            order,
            ready: BTreeMap::new(),
            bytes: 0,
            workers: usize::MAX,
            finished_workers: 0,
            failure: None,
            stopped: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn expect_workers(&self, workers: usize) {
        self.lock().workers = workers;
        self.changed.notify_all();
    }

    /// Waits for room. The diff the consumer needs next never waits, so somebody always moves.
    /// False when nobody wants more.
    fn put(&self, index: usize, diff: Diff) -> bool {
        let size = diff.as_ref().map_or(0, CommitDiff::memory);
        let mut state = self.lock();
        while !state.stopped
            && state.order.front() != Some(&index)
            && (state.bytes + size > WAITING_BYTES || state.ready.len() >= WAITING_DIFFS)
        {
            state = self.wait(state);
        }
        if state.stopped {
            return false;
        }
        state.bytes += size;
        state.ready.insert(index, diff);
        self.changed.notify_all();
        true
    }

    /// Waits for the diff with this index, which must be the next one.
    fn take(&self, index: usize) -> Result<Diff, GitError> {
        let mut state = self.lock();
        loop {
            if let Some(diff) = state.ready.remove(&index) {
                state.bytes -= diff.as_ref().map_or(0, CommitDiff::memory);
                state.order.pop_front();
                self.changed.notify_all();
                return Ok(diff);
            }
            if let Some(failure) = state.failure.take() {
                return Err(failure);
            }
            if state.finished_workers >= state.workers {
                // Only a panic gets here; the scope passes it on after this.
                return Err(GitError::Cancelled);
            }
            state = self.wait(state);
        }
    }

    fn fail(&self, error: GitError) {
        let mut state = self.lock();
        state.failure.get_or_insert(error);
        state.stopped = true;
        self.changed.notify_all();
    }
}

struct CloseOnDrop<'a>(&'a OrderedQueue);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.lock().finished_workers += 1;
        self.0.changed.notify_all();
    }
}

struct StopOnDrop<'a>(&'a OrderedQueue);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.lock().stopped = true;
        self.0.changed.notify_all();
    }
}
