//! One worker: a `git diff-tree` that reads commits and prints their diffs in the same order.
//!
//! Git treats the second ID on a line as the commit's only parent. A line that is not a commit is
//! echoed and flushed, which marks the end of each diff and keeps nothing in git's buffers. When
//! git dies, its current commit is compared by `git diff`, and a new process continues with the
//! rest.

use std::collections::VecDeque;

use super::numstat::{Line, Unknown, derive, printed_name};
use super::options::{BulkOptions, Renames};
use super::parse::{End, Entry, ParseError, parse};
use super::patch::{Patch, trailing_newlines};
use super::single::SingleDiff;
use super::{CommitDiff, DiffKind};
use crate::bases::Base;
use crate::git::{Git, Process};
use crate::{Error, ObjectId};

/// Commits written to git before their diff is read. Small, so that no worker has many left when
/// the others are done. Their lines fit into any pipe, so writing never blocks.
const LOOKAHEAD: usize = 4;

/// Each git's cache of unpacked objects. The default is four times this size, which is not faster
/// here, and there is one cache per core.
const DELTA_CACHE: &str = "core.deltaBaseCacheLimit=24m";

/// A commit to compare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// Position in the order of results.
    pub(crate) index: usize,
    pub(crate) commit: ObjectId,
    pub(crate) base: Base,
}

impl Job {
    /// The lines for git; `None` when the diff is empty.
    fn lines(&self) -> Option<String> {
        let end = self.end_line();
        match self.base {
            Base::Commit(base) if base != self.commit => {
                Some(format!("{} {base}\n{end}", self.commit))
            }
            Base::EmptyTree => Some(format!("{}\n{end}", self.commit)),
            Base::Commit(_) | Base::Unrelated => None,
        }
    }

    fn end_line(&self) -> String {
        format!("end {}\n", self.index)
    }
}

pub(crate) struct Worker {
    git: Git,
    kind: DiffKind,
    /// `None`: every commit is compared by `git diff`.
    options: Option<BulkOptions>,
    /// Line counts are derived from the patch.
    has_patch: bool,
    single: SingleDiff,
    diffs: Option<Process>,
    moved: Option<Process>,
    in_place: Option<Process>,
}

impl Worker {
    pub(crate) fn new(
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

    /// Works until `next_job` returns `None` or `deliver` returns false. Delivers in the order of
    /// the jobs. An error that concerns a single commit is delivered; a fatal one is returned.
    pub(crate) fn work(
        &mut self,
        mut next_job: impl FnMut() -> Option<Job>,
        mut deliver: impl FnMut(usize, Result<CommitDiff, Error>) -> bool,
    ) -> Result<(), Error> {
        let mut pending = VecDeque::new();
        loop {
            while pending.len() < LOOKAHEAD
                && let Some(job) = next_job()
            {
                self.feed(&job)?;
                pending.push_back(job);
            }
            let Some(job) = pending.pop_front() else {
                return Ok(());
            };
            let result = self.take(&job, &pending);
            if self.git.cancel().is_cancelled() {
                return Err(Error::Cancelled);
            }
            match result {
                Err(error) if error.is_fatal() => return Err(error),
                result => {
                    if !deliver(job.index, result) {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn feed(&mut self, job: &Job) -> Result<(), Error> {
        let (Some(options), Some(lines)) = (&self.options, job.lines()) else {
            return Ok(());
        };
        let process = if let Some(process) = &mut self.diffs {
            process
        } else {
            let renames = match options.renames {
                Renames::Off => "--no-renames",
                Renames::Moves => "-M",
                Renames::Copies => "-C",
            };
            let counts = if self.has_patch {
                "--patch"
            } else {
                "--numstat"
            };
            let process = start(&self.git, options, &[renames, "--raw", counts])?;
            self.diffs.insert(process)
        };
        match process.write(lines.as_bytes()) {
            Err(Error::Cancelled) => Err(Error::Cancelled),
            // A git that died is noticed when its output is read.
            _ => Ok(()),
        }
    }

    fn take(&mut self, job: &Job, pending: &VecDeque<Job>) -> Result<CommitDiff, Error> {
        if job.lines().is_none() {
            return Ok(CommitDiff::default());
        }
        let Some(process) = &mut self.diffs else {
            return self.single.diff(job.commit, job.base);
        };
        let error = match parse(process.output()?, End::Line(job.end_line().as_bytes())) {
            Ok(entry) => return self.complete(job, entry),
            Err(error) => error,
        };
        self.diffs = None;
        let result = match error {
            ParseError::Spool(error) => Err(Error::Spool(error)),
            _ => self.single.diff(job.commit, job.base),
        };
        for job in pending {
            self.feed(job)?;
        }
        result
    }

    fn complete(&mut self, job: &Job, mut entry: Entry) -> Result<CommitDiff, Error> {
        let numstat = if self.has_patch {
            self.counts(job, &entry)?
        } else {
            Some(std::mem::take(&mut entry.numstat))
        };
        match numstat {
            Some(numstat) => Ok(entry.into_diff(numstat, self.kind)),
            None => self.single.diff(job.commit, job.base),
        }
    }

    /// The line counts; `None` when only `git diff` can provide them.
    fn counts(&mut self, job: &Job, entry: &Entry) -> Result<Option<Vec<u8>>, Error> {
        let Some(lines) = derive(entry) else {
            return Ok(None);
        };
        let mut helper_counts = |unknown| {
            if lines.contains(&Line::Unknown(unknown)) {
                self.helper_counts(job, unknown)
            } else {
                Ok(Some(Vec::new()))
            }
        };
        let (Some(moved), Some(in_place)) = (
            helper_counts(Unknown::Moved)?,
            helper_counts(Unknown::InPlace)?,
        ) else {
            return Ok(None);
        };
        let mut numstat = Vec::new();
        for (line, raw) in lines.iter().zip(&entry.raw_entries) {
            let counts = match line {
                Line::Known(line) => {
                    numstat.extend_from_slice(line);
                    continue;
                }
                Line::Unknown(Unknown::Moved) => &moved,
                Line::Unknown(Unknown::InPlace) => &in_place,
            };
            let name = printed_name(raw);
            let mut counts = counts.split_inclusive(|&byte| byte == b'\n');
            let Some(line) = counts.find(|line| counted_name(line) == name) else {
                return Ok(None);
            };
            numstat.extend_from_slice(line);
        }
        Ok(Some(numstat))
    }

    /// Line counts of the files that moved unchanged, or that changed in place, from a second git
    /// that compares nothing else. Git pairs exact matches before similar ones and independently of
    /// them, so both processes find the same pairs.
    fn helper_counts(&mut self, job: &Job, unknown: Unknown) -> Result<Option<Vec<u8>>, Error> {
        let (Some(options), Some(lines)) = (&self.options, job.lines()) else {
            return Ok(None);
        };
        let (slot, renames, filter) = match (unknown, options.renames) {
            (Unknown::Moved, Renames::Off) => return Ok(None),
            (Unknown::Moved, Renames::Moves) => (&mut self.moved, "-M100%", "--diff-filter=RC"),
            (Unknown::Moved, Renames::Copies) => (&mut self.moved, "-C100%", "--diff-filter=RC"),
            (Unknown::InPlace, _) => (&mut self.in_place, "--no-renames", "--diff-filter=MT"),
        };
        let process = match slot {
            Some(process) => process,
            None => slot.insert(start(&self.git, options, &[renames, filter, "--numstat"])?),
        };
        if process.write(lines.as_bytes()).is_ok()
            && let Ok(entry) = parse(process.output()?, End::Line(job.end_line().as_bytes()))
        {
            return Ok(Some(entry.numstat));
        }
        *slot = None;
        Ok(None)
    }
}

/// The name on a line of counts.
fn counted_name(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut fields = line.splitn(3, |&byte| byte == b'\t');
    fields.nth(2).unwrap_or_default()
}

fn start(git: &Git, options: &BulkOptions, output: &[&str]) -> Result<Process, Error> {
    let mut arguments = vec!["-c", DELTA_CACHE, "diff-tree", "--stdin", "-r", "--root"];
    arguments.extend(["--no-commit-id", "--abbrev", "--no-color", "--no-ext-diff"]);
    arguments.push("--no-textconv");
    arguments.extend(options.flags.iter().map(String::as_str));
    arguments.extend(output);
    git.start(&arguments)
}

impl Entry {
    pub(super) fn into_diff(self, mut numstat: Vec<u8>, kind: DiffKind) -> CommitDiff {
        let names: Vec<&[u8]> = self.raw_entries.iter().map(|entry| &*entry.name).collect();
        let mut files_changed = names.join(&b'\n');
        let (mut raw, patch) = match kind {
            DiffKind::Summary => (Vec::new(), Patch::default()),
            DiffKind::Full => (self.raw, self.patch),
        };
        for text in [&mut files_changed, &mut numstat, &mut raw] {
            text.truncate(text.len() - trailing_newlines(text));
        }
        CommitDiff {
            files_changed,
            diff_stat: numstat,
            raw,
            patch,
        }
    }
}
