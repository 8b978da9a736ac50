//! The reference: what plain git prints, one commit and one command at a time.
//!
//! Used by tests and by `bin/bench`. Shares no code with the crate.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The content of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) parents: String,
    pub(crate) author: [String; 3],
    pub(crate) committer: [String; 3],
    pub(crate) message: String,
    pub(crate) diff: Diff,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Diff {
    pub(crate) files_changed: String,
    pub(crate) numstat: String,
    pub(crate) patch: String,
    pub(crate) raw: String,
}

/// Plain git in one directory.
pub(crate) struct PlainGit {
    directory: PathBuf,
    branch: String,
    empty_tree: String,
    first_parents: HashSet<String>,
    started: AtomicU64,
}

pub(crate) fn git_output(directory: &Path, arguments: &[impl AsRef<OsStr>]) -> Output {
    #[expect(clippy::disallowed_methods, reason = "the reference is plain git")]
    let mut command = Command::new("git");
    command
        .args(arguments)
        .current_dir(directory)
        .env("LC_ALL", "C")
        .env("GIT_PAGER", "cat")
        .env_remove("GIT_EXTERNAL_DIFF")
        .output()
        .expect("git can be started")
}

impl PlainGit {
    pub(crate) fn new(directory: &Path, branch: &str) -> Self {
        let mut git = Self {
            directory: directory.to_owned(),
            branch: branch.to_owned(),
            empty_tree: String::new(),
            first_parents: HashSet::new(),
            started: AtomicU64::new(0),
        };
        git.empty_tree = git
            .text(&["hash-object", "-t", "tree", "/dev/null"])
            .expect("empty tree");
        let line = git
            .text(&["rev-list", "--first-parent", branch])
            .expect("first parents");
        git.first_parents = line.lines().map(str::to_owned).collect();
        git
    }

    pub(crate) fn empty_tree(&self) -> &str {
        &self.empty_tree
    }

    pub(crate) fn processes_started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Standard output without the newlines at its end; `None` when git failed.
    fn text(&self, arguments: &[&str]) -> Option<String> {
        self.started.fetch_add(1, Ordering::Relaxed);
        let output = git_output(&self.directory, arguments);
        output.status.success().then(|| {
            String::from_utf8_lossy(&output.stdout)
                .trim_end_matches('\n')
                .to_owned()
        })
    }

    /// The base of the commit; `None` when it has no common ancestor with the branch.
    pub(crate) fn base(&self, commit: &str) -> Option<String> {
        let fork = self.text(&["merge-base", "--fork-point", &self.branch, commit]);
        if let Some(fork) = fork
            && !fork.is_empty()
            && fork != commit
        {
            return Some(fork);
        }
        if self.first_parents.contains(commit) {
            let parent = self.text(&["rev-parse", "--verify", "--quiet", &format!("{commit}^1")]);
            return Some(parent.unwrap_or_else(|| self.empty_tree.clone()));
        }
        self.text(&["merge-base", &self.branch, commit])
    }

    /// `None` when git failed in any part.
    pub(crate) fn record(&self, commit: &str, base: Option<&str>) -> Option<Record> {
        let format = "--format=%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B";
        let options = [
            "show",
            "--no-patch",
            "--no-show-signature",
            "--encoding=UTF-8",
            format,
            commit,
        ];
        let facts = self.text(&options)?;
        let mut facts = facts.split('\0').map(str::to_owned);
        let mut fact = || facts.next().expect("eight facts");
        Some(Record {
            parents: fact(),
            author: [fact(), fact(), fact()],
            committer: [fact(), fact(), fact()],
            message: fact().trim_end().to_owned(),
            diff: self.diff(commit, base)?,
        })
    }

    /// Calls `ask` with each commit and its base, on several threads.
    pub(crate) fn many<T: Send>(
        &self,
        commits: &[String],
        threads: usize,
        ask: impl Fn(&Self, &str, Option<&str>) -> Option<T> + Sync,
    ) -> Vec<Option<T>> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut answers = Vec::new();
            while let index = next.fetch_add(1, Ordering::Relaxed)
                && let Some(commit) = commits.get(index)
            {
                let base = self.base(commit);
                answers.push((index, ask(self, commit, base.as_deref())));
            }
            answers
        };
        let mut all: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                .flat_map(|worker| worker.join().expect("no panic"))
                .collect()
        });
        all.sort_by_key(|(index, _)| *index);
        all.into_iter().map(|(_, answer)| answer).collect()
    }

    /// The four outputs, one command each. Empty without a base; `None` when git failed.
    pub(crate) fn diff(&self, commit: &str, base: Option<&str>) -> Option<Diff> {
        let Some(base) = base else {
            return Some(Diff::default());
        };
        let one = |output: &str| {
            self.text(&[
                "diff",
                "--no-ext-diff",
                "--no-textconv",
                "--no-color",
                output,
                base,
                commit,
            ])
        };
        Some(Diff {
            files_changed: one("--name-only")?,
            numstat: one("--numstat")?,
            patch: one("--patch")?,
            raw: one("--raw")?,
        })
    }
}
