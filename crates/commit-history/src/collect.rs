//! From commit IDs to diffs: reads the commits, finds their bases, and hands one diff after the
//! other to a consumer. Several workers produce the diffs.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bases::{Base, Bases, bases};
use crate::commits::{Commit, read_commits};
use crate::diffs::{CommitDiff, DiffKind, Job, SingleDiff, Worker, bulk_options};
use crate::prefetch::fetch_files;
use crate::queue::OrderedQueue;
use crate::{DefaultBranch, Error, Event, ObjectId, Repository};

/// Commits with their bases, ready to be compared.
pub(crate) struct History<'a> {
    repository: &'a Repository,
    branch: &'a DefaultBranch,
    /// The most git processes that run concurrently.
    concurrency: usize,
    commits: Vec<Commit>,
    bases: Bases,
}

impl<'a> History<'a> {
    /// Reads `ids`, each of which must be present, and finds their bases. Reports unreadable
    /// commits as skipped.
    pub(crate) fn read(
        repository: &'a Repository,
        branch: &'a DefaultBranch,
        ids: &[ObjectId],
        concurrency: usize,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Self, Error> {
        let commits = read_commits(repository.git(), ids, &mut |id, error| {
            on_event(Event::Skipped(id, &error.to_string()));
        })?;
        let bases = bases(repository, branch, &commits, concurrency)?;
        Ok(Self {
            repository,
            branch,
            concurrency,
            commits,
            bases,
        })
    }

    pub(crate) fn commits(&self) -> &[Commit] {
        &self.commits
    }

    fn base(&self, commit: &Commit) -> Result<Base, &str> {
        match self.bases.by_commit.get(&commit.id) {
            Some(base) => base.as_ref().copied().map_err(String::as_str),
            None => Err("it has no base"),
        }
    }

    /// In a partial clone, fetches the files of all diffs in one go. A failure is only reported:
    /// git fetches by itself what is missing, and commits without their files are skipped.
    pub(crate) fn fetch_files(&self, on_event: &mut dyn FnMut(Event<'_>)) -> Result<(), Error> {
        let pairs = self
            .commits
            .iter()
            .filter_map(|commit| Some((commit.id, self.base(commit).ok()?)));
        match fetch_files(self.repository, pairs, on_event) {
            Err(error) if !error.is_fatal() => {
                on_event(Event::FetchingFilesFailed(&error));
                Ok(())
            }
            result => result,
        }
    }

    /// Passes every commit to `consume`, in order, with its base and diff or the reason for
    /// skipping it.
    pub(crate) fn collect(
        &self,
        kind: DiffKind,
        mut consume: impl FnMut(&Commit, Result<(Base, CommitDiff), String>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let jobs: Vec<Job> = self
            .commits
            .iter()
            .enumerate()
            .filter_map(|(index, commit)| {
                Some(Job {
                    index,
                    commit: commit.id,
                    base: self.base(commit).ok()?,
                })
            })
            .collect();
        let git = self.repository.git();
        let options = bulk_options(self.repository.config());
        let single = SingleDiff::new(self.repository, kind);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let max_workers = match options {
            // One bulk process keeps a core busy.
            Some(_) => self.concurrency.min(cores),
            None => self.concurrency,
        };
        let workers = max_workers.clamp(1, jobs.len().max(1));
        let queue = OrderedQueue::new(jobs.iter().map(|job| job.index).collect(), workers);
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let _guard = queue.consumer_guard();
            for _ in 0..workers {
                let mut worker = Worker::new(git, kind, options.clone(), single.clone());
                let (queue, next, jobs) = (&queue, &next, &jobs);
                scope.spawn(move || {
                    let _guard = queue.worker_guard();
                    let next_job = || jobs.get(next.fetch_add(1, Ordering::Relaxed)).copied();
                    let outcome = worker.work(next_job, |index, diff| queue.put(index, diff));
                    if let Err(error) = outcome {
                        queue.fail(error);
                    }
                });
            }
            for (index, commit) in self.commits.iter().enumerate() {
                if git.cancel().is_cancelled() {
                    return Err(Error::Cancelled);
                }
                let diff = match self.base(commit) {
                    Err(reason) => Err(reason.to_owned()),
                    Ok(base) => match queue.take(index)? {
                        Ok(diff) => Ok((base, diff)),
                        Err(error) => Err(error.to_string()),
                    },
                };
                consume(commit, diff)?;
            }
            Ok(())
        })
    }

    /// Waits until the bases are verified. Returns whether some were wrong: they are corrected, and
    /// everything has to be collected again.
    pub(crate) fn verify(&mut self) -> Result<bool, Error> {
        self.bases.verify(
            self.repository,
            self.branch,
            &self.commits,
            self.concurrency,
        )
    }
}
