//! Which commits are here, and fetching those that are not.
//!
//! A remote refuses a whole request when it lacks one of the commits, so a refused batch is tried
//! again without the commits that the remote names, or in halves when it names none.

use std::collections::{HashMap, HashSet};

use super::command::{Git, GitError};
use super::commits::id_lines;
use super::object_id::ObjectId;
use super::repository::Repository;

/// Commits asked of the remote at once.
const FETCH_BATCH: usize = 1_000;

/// Why a commit could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// A SHA-256 name in a SHA-1 repository, or the other way round.
    #[error("its name is not of this repository's object format")]
    ObjectFormat,
    /// The remote was asked and does not have it, or will not give it.
    #[error("it is neither here nor on the remote")]
    NotOnRemote,
    /// The remote could not be asked.
    #[error("it is not here, and fetching failed: {reason}")]
    FetchFailed {
        /// What git said.
        reason: String,
    },
}

/// What became of the commits asked for.
#[derive(Debug, Default)]
pub struct Availability {
    /// Commits that are here now.
    pub present: HashSet<ObjectId>,
    /// How many of them had to be fetched.
    pub fetched: usize,
    /// The others, each with the reason.
    pub missing: HashMap<ObjectId, Missing>,
}

/// Which of `ids` are commits in the repository. Never asks a remote, not even a promisor.
pub(super) fn present(git: &Git, ids: &[ObjectId]) -> Result<HashSet<ObjectId>, GitError> {
    listed(git, &[], ids)
}

/// Which of `ids` are files in the repository; as careful.
pub(super) fn present_objects(git: &Git, ids: &[ObjectId]) -> Result<HashSet<ObjectId>, GitError> {
    listed(git, &["--objects", "--no-object-names"], ids)
}

fn listed(git: &Git, options: &[&str], ids: &[ObjectId]) -> Result<HashSet<ObjectId>, GitError> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let mut arguments = vec![
        "rev-list",
        "--no-walk=unsorted",
        "--ignore-missing",
        // Keeps a partial clone from fetching every name it does not know, one by one.
        "--missing=allow-any",
        "--stdin",
    ];
    arguments.extend(options);
    match git.run_with_input(&arguments, id_lines(ids)) {
        Ok(answer) => Ok(answer
            .split(|&byte| byte == b'\n')
            .filter_map(ObjectId::from_hex)
            .collect()),
        // One unreadable object must not hide the others.
        Err(error @ GitError::Failed { .. }) => match ids {
            [] | [_] => {
                drop(error);
                Ok(HashSet::new())
            }
            _ => {
                let (left, right) = ids.split_at(ids.len() / 2);
                let mut found = listed(git, options, left)?;
                found.extend(listed(git, options, right)?);
                Ok(found)
            }
        },
        Err(error) => Err(error),
    }
}

/// Finds the commits that are here and fetches the rest. `before_fetch` is told how many that is.
pub fn make_available(
    repository: &Repository,
    remote: &str,
    ids: &[ObjectId],
    before_fetch: &mut dyn FnMut(usize),
) -> Result<Availability, GitError> {
    let mut result = Availability::default();
    let (fitting, misfits): (Vec<ObjectId>, Vec<ObjectId>) =
        ids.iter().partition(|id| repository.fits(id));
    result
        .missing
        .extend(misfits.into_iter().map(|id| (id, Missing::ObjectFormat)));
    result.present = present(repository.git(), &fitting)?;
    let wanted: Vec<ObjectId> = fitting
        .into_iter()
        .filter(|id| !result.present.contains(id))
        .collect();
    if wanted.is_empty() {
        return Ok(result);
    }
    before_fetch(wanted.len());
    let mut fetch = Fetch {
        git: repository.git(),
        remote,
        reached: false,
        unreachable: None,
    };
    for batch in wanted.chunks(FETCH_BATCH) {
        fetch.batch(batch)?;
    }
    let fetched = present(repository.git(), &wanted)?;
    result.fetched = fetched.len();
    for id in wanted {
        if !fetched.contains(&id) {
            let reason = match &fetch.unreachable {
                Some(reason) => Missing::FetchFailed {
                    reason: reason.clone(),
                },
                None => Missing::NotOnRemote,
            };
            result.missing.insert(id, reason);
        }
    }
    result.present.extend(fetched);
    Ok(result)
}

struct Fetch<'a> {
    git: &'a Git,
    remote: &'a str,
    /// A request got an answer, so that a failure is about commits and not about the remote.
    reached: bool,
    /// Why the remote cannot be asked at all; nothing more is tried then.
    unreachable: Option<String>,
}

impl Fetch<'_> {
    fn batch(&mut self, ids: &[ObjectId]) -> Result<(), GitError> {
        let mut ids = ids.to_vec();
        while !ids.is_empty() && self.unreachable.is_none() {
            let stderr = match self.request(&ids) {
                Ok(()) => {
                    self.reached = true;
                    return Ok(());
                }
                Err(GitError::Failed { stderr, .. }) => stderr,
                Err(error) => return Err(error),
            };
            let named: HashSet<ObjectId> = stderr
                .split(|c: char| !c.is_ascii_hexdigit())
                .filter_map(|word| ObjectId::from_hex(word.as_bytes()))
                .collect();
            let before = ids.len();
            ids.retain(|id| !named.contains(id));
            if ids.len() < before {
                self.reached = true;
                continue;
            }
            if !self.answers(&stderr)? || ids.len() == 1 {
                return Ok(());
            }
            let right = ids.split_off(ids.len() / 2);
            self.batch(&ids)?;
            ids = right;
        }
        Ok(())
    }

    /// Whether the remote can be asked anything. Without this, a remote that is down would be
    /// asked for every half of every batch.
    fn answers(&mut self, stderr: &str) -> Result<bool, GitError> {
        if !self.reached {
            match self.git.run(&["ls-remote", "--quiet", self.remote, "HEAD"]) {
                Ok(_) => self.reached = true,
                Err(GitError::Failed { .. }) => self.unreachable = Some(stderr.to_owned()),
                Err(error) => return Err(error),
            }
        }
        Ok(self.reached)
    }

    fn request(&self, ids: &[ObjectId]) -> Result<(), GitError> {
        let arguments = [
            "-c",
            "gc.auto=0",
            "-c",
            "maintenance.auto=false",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-prune",
            // Asked for by name, nothing is to move the remote-tracking branches.
            "--refmap=",
            "--stdin",
            self.remote,
        ];
        self.git.run_with_input(&arguments, id_lines(ids)).map(drop)
    }
}
