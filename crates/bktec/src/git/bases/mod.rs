//! What each commit is compared with: where its branch left the default branch.
//!
//! The rule, per commit: the fork point that the branch's reflog proves, unless that is the commit
//! itself; else, on the branch's first-parent line, the first parent (nothing, for a root); else the
//! merge base. One walk of the history outside the default branch answers for all commits; git is
//! asked for one commit wherever that walk leaves more than one answer open.

mod reflog;
mod region;
mod verify;

use std::collections::{HashMap, HashSet};
use std::io::BufRead;

use self::reflog::{Reflog, read_reflog};
use self::region::{MergeBase, Region};
pub(super) use self::verify::Verification;
use super::available::present;
use super::command::{Git, GitError};
use super::commits::Commit;
use super::default_branch::DefaultBranch;
use super::object_id::ObjectId;
use super::repository::Repository;

/// The older side of a commit's diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// That commit; the diff is empty when it is the commit itself.
    Commit(ObjectId),
    /// Nothing: the commit is the first of its line.
    EmptyTree,
}

/// Why a commit has no base.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// A history of its own.
    #[error("it has no common ancestor with {branch}")]
    Unrelated {
        /// As people write it.
        branch: String,
    },
    /// The parent was left out of the clone.
    #[error(
        "its parent is not in this shallow clone; fetch the history with `git fetch --unshallow`"
    )]
    ShallowEdge,
    /// Git could not say.
    #[error("{message}")]
    Git {
        /// Why.
        message: String,
    },
}

/// A base, or why there is none.
pub type BaseOrReason = Result<Base, Unproven>;

/// The base of every commit.
pub struct Bases {
    /// By commit.
    pub by_commit: HashMap<ObjectId, BaseOrReason>,
    /// Still to be waited for: proof that the walk was not misled by wrong dates.
    pub(super) verification: Verification,
    /// Commits outside the default branch that each base was derived from.
    pub(super) region: Region,
}

/// Finds the bases of `commits`. `threads` is how many gits may run at once where they are asked
/// about one commit each.
pub(super) fn bases(
    repository: &Repository,
    branch: &DefaultBranch,
    commits: &[Commit],
    threads: usize,
) -> Result<Bases, GitError> {
    let git = repository.git();
    let reflog = read_reflog(repository, &branch.reference)?;
    let (recorded, reflog_known) = match reflog {
        Reflog::Entries(ids) => {
            let here = present(git, &ids)?;
            (
                ids.into_iter().filter(|id| here.contains(id)).collect(),
                true,
            )
        }
        Reflog::Unreadable => (Vec::new(), false),
    };
    // Without a usable entry, git takes the branch itself for the only one.
    let recorded: HashSet<ObjectId> = if recorded.is_empty() {
        HashSet::from([branch.tip])
    } else {
        recorded.into_iter().collect()
    };
    // The walk stands on the tip; a reflog that does not reach it is git's to judge.
    let fork_points_proven = reflog_known && recorded.contains(&branch.tip);

    let positive: Vec<ObjectId> = commits
        .iter()
        .map(|commit| commit.id)
        .chain(recorded.iter().copied())
        .collect();
    let mut region = Region::walk(git, branch.tip, &positive)?;
    region.mark_recorded(&recorded);
    let outside = region.outside_branch();
    let on_branch: Vec<&Commit> = commits
        .iter()
        .filter(|commit| !outside.contains(&commit.id))
        .collect();
    let mainline = recent_mainline(git, branch, &on_branch)?;
    let merged = on_branch
        .iter()
        .map(|commit| commit.id)
        .filter(|id| !mainline.contains(id))
        .collect();
    // Takes a while on a long history; it goes on beside the diffs.
    let verification = Verification::start(git, branch.tip, outside, merged)?;
    let shallow_edge: HashSet<ObjectId> = repository.shallow_boundary()?.into_iter().collect();
    let finder = Finder {
        git,
        branch,
        recorded: &recorded,
        fork_points_proven,
        mainline: &mainline,
        shallow_edge: &shallow_edge,
    };

    region.load_history_of_candidates(git, branch.tip, commits.iter().map(|commit| commit.id))?;
    let mut by_commit = HashMap::with_capacity(commits.len());
    let mut open = Vec::new();
    for commit in commits {
        match finder.shortcut(&region, commit) {
            Some(answer) => {
                by_commit.insert(commit.id, answer);
            }
            None => open.push(commit),
        }
    }
    by_commit.extend(finder.ask_git_for_all(&open, threads)?);
    Ok(Bases {
        by_commit,
        verification,
        region,
    })
}

impl Bases {
    /// Waits for the proof, and asks git again for every commit that it casts doubt on. Gives the
    /// commits whose base changed.
    pub(super) fn settle(
        &mut self,
        repository: &Repository,
        branch: &DefaultBranch,
        commits: &[Commit],
        threads: usize,
    ) -> Result<Vec<ObjectId>, GitError> {
        let misplaced = self.verification.misplaced()?;
        let doubtful: Vec<&Commit> = commits
            .iter()
            .filter(|commit| {
                misplaced.on_mainline.contains(&commit.id)
                    || self.region.touches(commit.id, &misplaced.on_branch)
            })
            .collect();
        if doubtful.is_empty() {
            return Ok(Vec::new());
        }
        let git = repository.git();
        let wanted = doubtful.iter().map(|commit| commit.id).collect();
        let finder = Finder {
            git,
            branch,
            recorded: &HashSet::new(),
            fork_points_proven: false,
            mainline: &mainline(git, branch, wanted)?,
            shallow_edge: &repository.shallow_boundary()?.into_iter().collect(),
        };
        let mut changed = Vec::new();
        for (id, base) in finder.ask_git_for_all(&doubtful, threads)? {
            if self.by_commit.get(&id) != Some(&base) {
                self.by_commit.insert(id, base);
                changed.push(id);
            }
        }
        Ok(changed)
    }
}

/// The base of one commit, by the rule's own commands.
pub(super) fn base_of_one(
    repository: &Repository,
    branch: &DefaultBranch,
    commit: &Commit,
) -> Result<BaseOrReason, GitError> {
    let git = repository.git();
    let finder = Finder {
        git,
        branch,
        recorded: &HashSet::new(),
        fork_points_proven: false,
        mainline: &mainline(git, branch, HashSet::from([commit.id]))?,
        shallow_edge: &repository.shallow_boundary()?.into_iter().collect(),
    };
    finder.ask_git(commit)
}

/// How far beyond a date the branch is read, in seconds: clocks differ by a little.
const CLOCK_MARGIN_SECONDS: i64 = 24 * 60 * 60;

struct Finder<'a> {
    git: &'a Git,
    branch: &'a DefaultBranch,
    recorded: &'a HashSet<ObjectId>,
    fork_points_proven: bool,
    mainline: &'a HashSet<ObjectId>,
    shallow_edge: &'a HashSet<ObjectId>,
}

impl Finder<'_> {
    /// The answer, where the walk proves it.
    fn shortcut(&self, region: &Region, commit: &Commit) -> Option<BaseOrReason> {
        if !self.fork_points_proven {
            return None;
        }
        match region.fork_candidate(commit.id) {
            MergeBase::One(base) if base != commit.id && self.recorded.contains(&base) => {
                return Some(Ok(Base::Commit(base)));
            }
            MergeBase::One(_) | MergeBase::Nothing => {}
            MergeBase::Open => return None,
        }
        if let Some(base) = self.on_mainline(commit) {
            return Some(base);
        }
        match region.merge_base(commit.id) {
            MergeBase::One(base) => Some(Ok(Base::Commit(base))),
            // Git chooses among several by date, and its word on none is worth a process.
            MergeBase::Nothing | MergeBase::Open => None,
        }
    }

    fn on_mainline(&self, commit: &Commit) -> Option<BaseOrReason> {
        if !self.mainline.contains(&commit.id) {
            return None;
        }
        Some(match commit.parents.first() {
            Some(parent) => Ok(Base::Commit(*parent)),
            None if self.shallow_edge.contains(&commit.id) => Err(Unproven::ShallowEdge),
            None => Ok(Base::EmptyTree),
        })
    }

    fn ask_git_for_all(
        &self,
        commits: &[&Commit],
        threads: usize,
    ) -> Result<HashMap<ObjectId, BaseOrReason>, GitError> {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let work = || -> Result<Vec<(ObjectId, BaseOrReason)>, GitError> {
            let mut answers = Vec::new();
            loop {
                let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some(commit) = commits.get(index) else {
                    return Ok(answers);
                };
                let answer = match self.ask_git(commit) {
                    Ok(answer) => answer,
                    Err(error @ GitError::Failed { .. }) => Err(Unproven::Git {
                        message: error.to_string(),
                    }),
                    Err(error) => return Err(error),
                };
                answers.push((commit.id, answer));
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.min(commits.len()))
                .map(|_| scope.spawn(work))
                .collect();
            let mut all = HashMap::with_capacity(commits.len());
            for worker in workers {
                let answers = worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                all.extend(answers);
            }
            Ok(all)
        })
    }

    /// The rule, one git command after the other.
    fn ask_git(&self, commit: &Commit) -> Result<BaseOrReason, GitError> {
        let id = commit.id.to_string();
        let fork = self.merge_base_command(&["--fork-point", &self.branch.reference, &id])?;
        if let Some(fork) = fork
            && fork != commit.id
        {
            return Ok(Ok(Base::Commit(fork)));
        }
        if let Some(base) = self.on_mainline(commit) {
            return Ok(base);
        }
        Ok(
            match self.merge_base_command(&[&self.branch.tip.to_string(), &id])? {
                Some(base) => Ok(Base::Commit(base)),
                None if self.shallow_edge.is_empty() => Err(Unproven::Unrelated {
                    branch: self.branch.short_name().to_owned(),
                }),
                None => Err(Unproven::ShallowEdge),
            },
        )
    }

    fn merge_base_command(&self, arguments: &[&str]) -> Result<Option<ObjectId>, GitError> {
        let mut command = vec!["merge-base"];
        command.extend(arguments);
        match self.git.run(&command) {
            Ok(answer) => Ok(ObjectId::from_hex(answer.trim_ascii())),
            Err(GitError::Failed { status, .. }) if status.code() == Some(1) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Which of `commits` are on the first-parent line of the branch, as far as it is read: to the date
/// of the oldest of them and a little further. (Wrong dates are found out by the verification.)
fn recent_mainline(
    git: &Git,
    branch: &DefaultBranch,
    commits: &[&Commit],
) -> Result<HashSet<ObjectId>, GitError> {
    let Some(oldest) = commits.iter().map(|commit| commit.committed_at).min() else {
        return Ok(HashSet::new());
    };
    let age = format!(
        "--max-age={}",
        oldest.saturating_sub(CLOCK_MARGIN_SECONDS).max(0)
    );
    let tip = branch.tip.to_string();
    let wanted = commits.iter().map(|commit| commit.id).collect();
    first_parents(git, &["rev-list", "--first-parent", &age, &tip], wanted)
}

/// Which of `wanted` are on the first-parent line of the branch, however far down.
fn mainline(
    git: &Git,
    branch: &DefaultBranch,
    wanted: HashSet<ObjectId>,
) -> Result<HashSet<ObjectId>, GitError> {
    first_parents(
        git,
        &["rev-list", "--first-parent", &branch.tip.to_string()],
        wanted,
    )
}

/// Reads until all of `wanted` were seen or there is no more.
fn first_parents(
    git: &Git,
    arguments: &[&str],
    mut wanted: HashSet<ObjectId>,
) -> Result<HashSet<ObjectId>, GitError> {
    let mut found = HashSet::new();
    let mut process = git.start_with_input(arguments, Vec::new())?;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = process.output()?.read_until(b'\n', &mut line);
        if read.map_err(|source| process.pipe(source))? == 0 {
            process.finish()?;
            return Ok(found);
        }
        if let Some(id) = ObjectId::from_hex(line.trim_ascii_end())
            && wanted.remove(&id)
        {
            found.insert(id);
            if wanted.is_empty() {
                process.stop();
                return Ok(found);
            }
        }
    }
}
