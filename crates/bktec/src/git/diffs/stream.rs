//! One worker: a `git diff-tree` that is fed commits and prints their diffs, one after the other.
//!
//! Git takes the second name on a line for the commit's only parent. A line that is no commit is
//! echoed and flushed, which marks the end of each diff and keeps nothing back in git's buffers.
//! When git dies, the commit it was at is asked of `git diff`, and a new stream takes the rest.

use std::collections::VecDeque;

use super::numstat::{Line, Question, derive, printed_name};
use super::options::{BulkOptions, Renames};
use super::patch::Patch;
use super::scan::{End, Entry, ScanError, scan};
use super::single::SingleDiff;
use super::{CommitDiff, DiffError, DiffKind};
use crate::git::bases::Base;
use crate::git::command::{Git, GitError, Process};
use crate::git::object_id::ObjectId;

/// Commits given to git before their answer is read. Small, so that no worker is left with many
/// when the others are done; their lines fit any pipe, so writing them never blocks.
const AHEAD: usize = 4;

/// What each git keeps of unpacked objects. Its own limit is four times that, for no gain in time
/// here, and there is one for each core.
const DELTA_CACHE: &str = "core.deltaBaseCacheLimit=24m";

/// A commit whose diff is wanted.
#[derive(Clone, Copy, Debug)]
pub(in crate::git) struct Job {
    /// Its place in the order of results.
    pub(in crate::git) index: usize,
    pub(in crate::git) commit: ObjectId,
    pub(in crate::git) base: Base,
}

impl Job {
    fn lines(&self) -> String {
        let end = self.end_line();
        match self.base {
            Base::Commit(base) => format!("{} {base}\n{end}", self.commit),
            Base::EmptyTree => format!("{}\n{end}", self.commit),
        }
    }

    fn end_line(&self) -> String {
        format!("end {}\n", self.index)
    }

    fn is_empty(&self) -> bool {
        self.base == Base::Commit(self.commit)
    }
}

/// Makes diffs, one after the other.
pub(in crate::git) struct Worker {
    git: Git,
    kind: DiffKind,
    /// `None`: every commit is asked of `git diff`.
    options: Option<BulkOptions>,
    /// Line counts are derived from the patch.
    has_patch: bool,
    single: SingleDiff,
    diffs: Option<Process>,
    moved: Option<Process>,
    in_place: Option<Process>,
}

impl Worker {
    pub(in crate::git) fn new(
        git: &Git,
        kind: DiffKind,
        options: Option<BulkOptions>,
        single: SingleDiff,
    ) -> Self {
        let force_patch = options.as_ref().is_some_and(|options| options.force_patch);
        Self {
            git: git.clone(),
            kind,
            options,
            has_patch: kind == DiffKind::Full || force_patch,
            single,
            diffs: None,
            moved: None,
            in_place: None,
        }
    }

    /// Works until `next_job` gives nothing more or `deliver` says that nobody wants more (false).
    /// Results are delivered in the order the jobs were given.
    pub(in crate::git) fn work(
        &mut self,
        mut next_job: impl FnMut() -> Option<Job>,
        mut deliver: impl FnMut(usize, Result<CommitDiff, DiffError>) -> bool,
    ) -> Result<(), GitError> {
        let mut pending = VecDeque::new();
        loop {
            while pending.len() < AHEAD
                && let Some(job) = next_job()
            {
                self.feed(&job)?;
                pending.push_back(job);
            }
            let Some(job) = pending.pop_front() else {
                return Ok(());
            };
            let result = self.take(&job, &pending)?;
            if self.git.cancel().is_cancelled() {
                return Err(GitError::Cancelled);
            }
            if !deliver(job.index, result) {
                return Ok(());
            }
        }
    }

    fn feed(&mut self, job: &Job) -> Result<(), GitError> {
        let Some(options) = &self.options else {
            return Ok(());
        };
        if job.is_empty() {
            return Ok(());
        }
        if self.diffs.is_none() {
            let output: &[&str] = if self.has_patch {
                &["--raw", "--patch"]
            } else {
                &["--raw", "--numstat"]
            };
            let renames = match options.renames {
                Renames::Off => "--no-renames",
                Renames::Moves => "-M",
                Renames::Copies => "-C",
            };
            self.diffs = Some(start(&self.git, options, renames, output)?);
        }
        if let Some(process) = &mut self.diffs {
            // A git that died is noticed when its answer is read.
            if let Err(GitError::Cancelled) = process.write(job.lines().as_bytes()) {
                return Err(GitError::Cancelled);
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        job: &Job,
        pending: &VecDeque<Job>,
    ) -> Result<Result<CommitDiff, DiffError>, GitError> {
        if job.is_empty() {
            return Ok(Ok(CommitDiff::default()));
        }
        let Some(process) = &mut self.diffs else {
            return self.ask(job);
        };
        match scan(process.output()?, End::Line(job.end_line().as_bytes())) {
            Ok(entry) => self.complete(job, entry),
            Err(error) => {
                self.diffs = None;
                let result = match error {
                    ScanError::Spool(error) => Err(DiffError::Spool(error)),
                    ScanError::Early | ScanError::Line(_) | ScanError::Read(_) => self.ask(job)?,
                };
                for job in pending {
                    self.feed(job)?;
                }
                Ok(result)
            }
        }
    }

    fn ask(&self, job: &Job) -> Result<Result<CommitDiff, DiffError>, GitError> {
        match self.single.diff(job.commit, job.base) {
            Err(error) if error.is_final() => match error {
                DiffError::Git(error) => Err(error),
                DiffError::Spool(_) => Ok(Err(error)),
            },
            result => Ok(result),
        }
    }

    fn complete(
        &mut self,
        job: &Job,
        mut entry: Entry,
    ) -> Result<Result<CommitDiff, DiffError>, GitError> {
        let numstat = if self.has_patch {
            self.counts(job, &entry)?
        } else {
            Some(std::mem::take(&mut entry.numstat))
        };
        match numstat {
            Some(numstat) => Ok(Ok(entry.into_diff(numstat, self.kind))),
            None => self.ask(job),
        }
    }

    /// The line counts; `None` when they have to be asked of `git diff`.
    fn counts(&mut self, job: &Job, entry: &Entry) -> Result<Option<Vec<u8>>, GitError> {
        let Some(lines) = derive(entry) else {
            return Ok(None);
        };
        let mut answers_to = |question| {
            if lines.contains(&Line::Ask(question)) {
                self.helper_counts(job, question)
            } else {
                Ok(Some(Vec::new()))
            }
        };
        let Some(moved) = answers_to(Question::Moved)? else {
            return Ok(None);
        };
        let Some(in_place) = answers_to(Question::InPlace)? else {
            return Ok(None);
        };
        let mut numstat = Vec::new();
        for (line, raw) in lines.into_iter().zip(&entry.raw_entries) {
            let answers = match line {
                Line::Known(line) => {
                    numstat.extend_from_slice(&line);
                    continue;
                }
                Line::Ask(Question::Moved) => &moved,
                Line::Ask(Question::InPlace) => &in_place,
            };
            let name = printed_name(raw);
            let Some(answer) = answers.iter().find(|answer| counted_name(answer) == name) else {
                return Ok(None);
            };
            numstat.extend_from_slice(answer);
        }
        Ok(Some(numstat))
    }

    /// Counts of the files that moved unchanged, or that changed in place, from a second git that
    /// looks at nothing else. Exact matches are found before and apart from similar ones, so this
    /// one pairs them the same way.
    fn helper_counts(
        &mut self,
        job: &Job,
        question: Question,
    ) -> Result<Option<Vec<Vec<u8>>>, GitError> {
        let Some(options) = &self.options else {
            return Ok(None);
        };
        let (slot, renames, filter) = match (question, options.renames) {
            (Question::Moved, Renames::Off) => return Ok(None),
            (Question::Moved, Renames::Moves) => (&mut self.moved, "-M100%", "--diff-filter=RC"),
            (Question::Moved, Renames::Copies) => (&mut self.moved, "-C100%", "--diff-filter=RC"),
            (Question::InPlace, _) => (&mut self.in_place, "--no-renames", "--diff-filter=MT"),
        };
        if slot.is_none() {
            *slot = Some(start(&self.git, options, renames, &[filter, "--numstat"])?);
        }
        let Some(process) = slot else { return Ok(None) };
        if process.write(job.lines().as_bytes()).is_ok() {
            let end = job.end_line();
            if let Ok(entry) = scan(process.output()?, End::Line(end.as_bytes())) {
                return Ok(Some(
                    entry
                        .numstat
                        .split_inclusive(|&byte| byte == b'\n')
                        .map(<[u8]>::to_vec)
                        .collect(),
                ));
            }
        }
        *slot = None;
        Ok(None)
    }
}

/// The name on a line of counts.
fn counted_name(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.splitn(3, |&byte| byte == b'\t')
        .nth(2)
        .unwrap_or_default()
}

fn start(
    git: &Git,
    options: &BulkOptions,
    renames: &str,
    output: &[&str],
) -> Result<Process, GitError> {
    let mut arguments = vec![
        "-c",
        DELTA_CACHE,
        "diff-tree",
        "--stdin",
        "-r",
        "--root",
        "--no-commit-id",
        "--abbrev",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        renames,
    ];
    arguments.extend(options.flags.iter().map(String::as_str));
    arguments.extend(output);
    git.start(&arguments)
}

impl Entry {
    pub(super) fn into_diff(self, mut numstat: Vec<u8>, kind: DiffKind) -> CommitDiff {
        let mut files_changed = Vec::new();
        for entry in &self.raw_entries {
            files_changed.extend_from_slice(&entry.name);
            files_changed.push(b'\n');
        }
        let (mut raw, patch) = match kind {
            DiffKind::Summary => (Vec::new(), Patch::default()),
            DiffKind::Full => (self.raw, self.patch),
        };
        for text in [&mut files_changed, &mut numstat, &mut raw] {
            let kept = text.len() - text.iter().rev().take_while(|&&byte| byte == b'\n').count();
            text.truncate(kept);
        }
        CommitDiff {
            files_changed,
            diff_stat: numstat,
            raw,
            patch,
        }
    }
}
