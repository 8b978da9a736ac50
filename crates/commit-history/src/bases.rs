//! Finds the base of each commit: where its line of work left the default branch.
//!
//! The rule, per commit: the fork point from the branch's reflog, unless that is the commit itself;
//! else, for a commit on the branch's first-parent line, its first parent (the empty tree for a
//! root); else the merge base. One walk of the history outside the default branch answers for all
//! commits. Where it does not determine a single base, git is run for that commit.

mod reflog;
mod region;
mod verify;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use self::reflog::read_reflog;
use self::region::{MergeBase, Region};
use self::verify::Verification;
use crate::availability::present;
use crate::commits::Commit;
use crate::git::Git;
use crate::{DefaultBranch, Error, ObjectId, Repository};

/// The older side of a commit's diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The diff is empty when this is the commit itself.
    Commit(ObjectId),
    /// For a root commit on the default branch.
    EmptyTree,
    /// There is no common ancestor with the default branch: the diff is empty.
    Unrelated,
}

/// The base, or why there is none.
pub(crate) type BaseOrReason = Result<Base, String>;

const SHALLOW_BOUNDARY: &str =
    "its parent is not in this shallow clone; fetch the history with `git fetch --unshallow`";

/// How far a walk of the branch continues beyond a date, in seconds: clocks differ slightly.
const CLOCK_MARGIN_SECONDS: i64 = 24 * 60 * 60;

pub(crate) struct Bases {
    pub(crate) by_commit: HashMap<ObjectId, BaseOrReason>,
    verification: Verification,
    region: Region,
}

/// Finds the bases of `commits`. Where git is run per commit, up to `threads` run concurrently.
pub(crate) fn bases(
    repository: &Repository,
    branch: &DefaultBranch,
    commits: &[Commit],
    threads: usize,
) -> Result<Bases, Error> {
    let git = repository.git();
    let reflog = read_reflog(repository, &branch.reference)?;
    let reflog_known = reflog.is_some();
    let mut recorded = present(git, &reflog.unwrap_or_default())?;
    if recorded.is_empty() {
        // Without a usable entry, git uses the tip as the only one.
        recorded.insert(branch.tip);
    }
    // The walk starts at the tip. When the reflog does not contain it, only git can decide.
    let fork_points_known = reflog_known && recorded.contains(&branch.tip);

    let ids = commits.iter().map(|commit| commit.id);
    let starts: Vec<ObjectId> = ids.clone().chain(recorded.iter().copied()).collect();
    let mut region = Region::walk(git, branch.tip, &starts)?;
    region.mark_recorded(&recorded);
    let outside = region.outside_branch();
    let on_branch: Vec<&Commit> = commits
        .iter()
        .filter(|commit| !outside.contains(&commit.id))
        .collect();
    let mainline = recent_mainline(git, branch, &on_branch)?;
    let merged = on_branch.iter().map(|commit| commit.id);
    let merged = merged.filter(|id| !mainline.contains(id)).collect();
    let verification = Verification::start(git, branch.tip, outside, merged)?;
    let rule = Rule::new(repository, branch, mainline)?;

    region.load_history_of_candidates(git, branch.tip, ids)?;
    let mut by_commit = HashMap::with_capacity(commits.len());
    let mut open = Vec::new();
    for commit in commits {
        let base = if fork_points_known {
            rule.base_from_walk(&region, &recorded, commit)
        } else {
            None
        };
        match base {
            Some(base) => {
                by_commit.insert(commit.id, base);
            }
            None => open.push(commit),
        }
    }
    by_commit.extend(rule.bases_from_git(&open, threads)?);
    Ok(Bases {
        by_commit,
        verification,
        region,
    })
}

impl Bases {
    /// Waits for the verification and corrects the base of every commit it casts doubt on. Returns
    /// whether a base changed.
    pub(crate) fn verify(
        &mut self,
        repository: &Repository,
        branch: &DefaultBranch,
        commits: &[Commit],
        threads: usize,
    ) -> Result<bool, Error> {
        let misplaced = self.verification.misplaced()?;
        let doubtful: Vec<&Commit> = commits
            .iter()
            .filter(|commit| {
                misplaced.on_mainline.contains(&commit.id)
                    || self.region.reaches(commit.id, &misplaced.on_branch)
            })
            .collect();
        if doubtful.is_empty() {
            return Ok(false);
        }
        let wanted = doubtful.iter().map(|commit| commit.id).collect();
        let mainline = on_mainline(repository.git(), branch, wanted, None)?;
        let rule = Rule::new(repository, branch, mainline)?;
        let mut changed = false;
        for (id, base) in rule.bases_from_git(&doubtful, threads)? {
            let previous = self.by_commit.insert(id, base);
            changed |= previous.as_ref() != self.by_commit.get(&id);
        }
        Ok(changed)
    }
}

/// The base of one commit, found with the rule's own commands.
pub(crate) fn base_of_one(
    repository: &Repository,
    branch: &DefaultBranch,
    commit: &Commit,
) -> Result<BaseOrReason, Error> {
    let mainline = on_mainline(repository.git(), branch, HashSet::from([commit.id]), None)?;
    Rule::new(repository, branch, mainline)?.base_from_git(commit)
}

/// What the rule needs to know about the branch.
struct Rule<'a> {
    git: &'a Git,
    branch: &'a DefaultBranch,
    mainline: HashSet<ObjectId>,
    shallow_boundary: HashSet<ObjectId>,
}

impl<'a> Rule<'a> {
    fn new(
        repository: &'a Repository,
        branch: &'a DefaultBranch,
        mainline: HashSet<ObjectId>,
    ) -> Result<Self, Error> {
        Ok(Self {
            git: repository.git(),
            branch,
            mainline,
            shallow_boundary: repository.shallow_boundary()?.into_iter().collect(),
        })
    }

    /// The base, where the walk proves it.
    fn base_from_walk(
        &self,
        region: &Region,
        recorded: &HashSet<ObjectId>,
        commit: &Commit,
    ) -> Option<BaseOrReason> {
        match region.fork_candidate(commit.id) {
            MergeBase::One(base) if base != commit.id && recorded.contains(&base) => {
                return Some(Ok(Base::Commit(base)));
            }
            MergeBase::One(_) | MergeBase::None => {}
            MergeBase::Ambiguous => return None,
        }
        if let Some(base) = self.base_on_mainline(commit) {
            return Some(base);
        }
        match region.merge_base(commit.id) {
            MergeBase::One(base) => Some(Ok(Base::Commit(base))),
            // Git picks one of several by date, and confirms that there is none.
            MergeBase::None | MergeBase::Ambiguous => None,
        }
    }

    fn base_on_mainline(&self, commit: &Commit) -> Option<BaseOrReason> {
        if !self.mainline.contains(&commit.id) {
            return None;
        }
        Some(match commit.parents.first() {
            Some(parent) => Ok(Base::Commit(*parent)),
            None if self.shallow_boundary.contains(&commit.id) => Err(SHALLOW_BOUNDARY.to_owned()),
            None => Ok(Base::EmptyTree),
        })
    }

    fn bases_from_git(
        &self,
        commits: &[&Commit],
        threads: usize,
    ) -> Result<HashMap<ObjectId, BaseOrReason>, Error> {
        let next = AtomicUsize::new(0);
        let work = || -> Result<Vec<(ObjectId, BaseOrReason)>, Error> {
            let mut bases = Vec::new();
            while let Some(commit) = commits.get(next.fetch_add(1, Ordering::Relaxed)) {
                let base = match self.base_from_git(commit) {
                    Err(error @ Error::Failed(..)) => Err(error.to_string()),
                    result => result?,
                };
                bases.push((commit.id, base));
            }
            Ok(bases)
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.min(commits.len()))
                .map(|_| scope.spawn(work))
                .collect();
            let mut all = HashMap::with_capacity(commits.len());
            for worker in workers {
                let bases = worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                all.extend(bases?);
            }
            Ok(all)
        })
    }

    /// The rule, one git command after the other.
    fn base_from_git(&self, commit: &Commit) -> Result<BaseOrReason, Error> {
        let id = commit.id.to_string();
        let fork = self.run_merge_base(&["--fork-point", &self.branch.reference, &id])?;
        if let Some(fork) = fork
            && fork != commit.id
        {
            return Ok(Ok(Base::Commit(fork)));
        }
        if let Some(base) = self.base_on_mainline(commit) {
            return Ok(base);
        }
        let base = self.run_merge_base(&[&self.branch.tip.to_string(), &id])?;
        Ok(match base {
            Some(base) => Ok(Base::Commit(base)),
            None if self.shallow_boundary.is_empty() => Ok(Base::Unrelated),
            // The common ancestor may be beyond the boundary.
            None => Err(SHALLOW_BOUNDARY.to_owned()),
        })
    }

    fn run_merge_base(&self, arguments: &[&str]) -> Result<Option<ObjectId>, Error> {
        match self.git.run(&[&["merge-base"], arguments].concat()) {
            Ok(output) => Ok(ObjectId::from_hex(output.trim_ascii())),
            Err(Error::Failed(_, status, _)) if status.code() == Some(1) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The commits among `commits` on the branch's first-parent line, searched down to a little before
/// the date of the oldest. ([`Verification`] finds commits with wrong dates.)
fn recent_mainline(
    git: &Git,
    branch: &DefaultBranch,
    commits: &[&Commit],
) -> Result<HashSet<ObjectId>, Error> {
    let Some(oldest) = commits.iter().map(|commit| commit.committed_at).min() else {
        return Ok(HashSet::new());
    };
    let wanted = commits.iter().map(|commit| commit.id).collect();
    on_mainline(git, branch, wanted, Some(oldest))
}

/// The commits among `wanted` on the branch's first-parent line, searched down to a little before
/// `oldest`, or to the root.
fn on_mainline(
    git: &Git,
    branch: &DefaultBranch,
    mut wanted: HashSet<ObjectId>,
    oldest: Option<i64>,
) -> Result<HashSet<ObjectId>, Error> {
    let max_age = oldest.map(max_age);
    let tip = branch.tip.to_string();
    let mut arguments = vec!["rev-list", "--first-parent", &tip];
    arguments.extend(max_age.as_deref());
    let mut found = HashSet::new();
    let mut process = git.start_with_input(&arguments, Vec::new())?;
    while let Some(line) = process.next_line()? {
        if let Some(id) = ObjectId::from_hex(line)
            && wanted.remove(&id)
        {
            found.insert(id);
            if wanted.is_empty() {
                return Ok(found);
            }
        }
    }
    process.finish()?;
    Ok(found)
}

fn max_age(oldest: i64) -> String {
    let seconds = oldest.saturating_sub(CLOCK_MARGIN_SECONDS).max(0);
    format!("--max-age={seconds}")
}
