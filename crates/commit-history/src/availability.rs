//! Finds out which commits the repository has, and fetches the others.
//!
//! A remote rejects a whole request when it lacks one of the commits. A rejected batch is retried
//! without the commits that the remote names, or in halves when it names none.

use std::collections::{HashMap, HashSet};

use crate::commits::bisect;
use crate::git::Git;
use crate::object_id::id_lines;
use crate::{Error, Event, ObjectId, Repository};

const COMMITS_PER_FETCH: usize = 1_000;

/// Why a commit is not available.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Missing {
    #[error("its ID does not have this repository's object format")]
    ObjectFormat,
    #[error("neither this repository nor the remote has it")]
    NotOnRemote,
    #[error("this repository does not have it, and fetching failed: {0}")]
    FetchFailed(String),
}

#[derive(Default)]
pub(crate) struct Availability {
    /// Commits that the repository has now.
    pub(crate) present: HashSet<ObjectId>,
    pub(crate) missing: HashMap<ObjectId, Missing>,
}

/// The commits among `ids` that the repository has. Never contacts a remote, not even a promisor.
pub(crate) fn present(git: &Git, ids: &[ObjectId]) -> Result<HashSet<ObjectId>, Error> {
    list(git, &[], ids)
}

/// The objects among `ids` that the repository has, likewise.
pub(crate) fn present_objects(git: &Git, ids: &[ObjectId]) -> Result<HashSet<ObjectId>, Error> {
    list(git, &["--objects", "--no-object-names"], ids)
}

fn list(git: &Git, options: &[&str], ids: &[ObjectId]) -> Result<HashSet<ObjectId>, Error> {
    // `allow-any` keeps a partial clone from fetching every unknown ID, one by one.
    let mut arguments = vec!["rev-list", "--no-walk=unsorted", "--missing=allow-any"];
    arguments.extend(["--ignore-missing", "--stdin"]);
    arguments.extend(options);
    let read = |ids: &[ObjectId]| {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let output = git.run_with_input(&arguments, id_lines(ids))?;
        let lines = output.split(|&byte| byte == b'\n');
        Ok(lines.filter_map(ObjectId::from_hex).collect())
    };
    // An unreadable object counts as missing.
    Ok(bisect(ids, &read, &mut |_, _| ())?.into_iter().collect())
}

/// Finds the commits that the repository has and fetches the others.
pub(crate) fn make_available(
    repository: &Repository,
    remote: &str,
    ids: &[ObjectId],
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<Availability, Error> {
    let mut result = Availability::default();
    let (ids, other_format): (Vec<ObjectId>, Vec<ObjectId>) =
        ids.iter().partition(|id| repository.has_format_of(id));
    let other_format = other_format.into_iter();
    result
        .missing
        .extend(other_format.map(|id| (id, Missing::ObjectFormat)));
    result.present = present(repository.git(), &ids)?;
    let mut wanted = ids;
    wanted.retain(|id| !result.present.contains(id));
    if wanted.is_empty() {
        return Ok(result);
    }
    on_event(Event::FetchingCommits(wanted.len()));
    let mut fetch = Fetch {
        git: repository.git(),
        remote,
        reached: false,
        unreachable: None,
    };
    for batch in wanted.chunks(COMMITS_PER_FETCH) {
        fetch.batch(batch)?;
    }
    let fetched = present(repository.git(), &wanted)?;
    on_event(Event::FetchedCommits(fetched.len()));
    wanted.retain(|id| !fetched.contains(id));
    let reason = fetch
        .unreachable
        .map_or(Missing::NotOnRemote, Missing::FetchFailed);
    let missing = wanted.into_iter().map(|id| (id, reason.clone()));
    result.missing.extend(missing);
    result.present.extend(fetched);
    Ok(result)
}

struct Fetch<'a> {
    git: &'a Git,
    remote: &'a str,
    /// The remote has replied before, so a failure is caused by a commit.
    reached: bool,
    /// The error of an unreachable remote, which is not contacted again.
    unreachable: Option<String>,
}

impl Fetch<'_> {
    fn batch(&mut self, ids: &[ObjectId]) -> Result<(), Error> {
        let mut ids = ids.to_vec();
        while !ids.is_empty() && self.unreachable.is_none() {
            let stderr = match self.git.fetch(self.remote, &[], &ids) {
                Ok(()) => {
                    self.reached = true;
                    return Ok(());
                }
                Err(Error::Failed(_, _, stderr)) => stderr,
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
            if !self.is_reachable(stderr)? || ids.len() == 1 {
                return Ok(());
            }
            let right = ids.split_off(ids.len() / 2);
            self.batch(&ids)?;
            ids = right;
        }
        Ok(())
    }

    /// Without this check, every half of every batch would try a remote that is down.
    fn is_reachable(&mut self, stderr: String) -> Result<bool, Error> {
        if !self.reached {
            match self.git.run(&["ls-remote", "--quiet", self.remote, "HEAD"]) {
                Ok(_) => self.reached = true,
                Err(Error::Failed(..)) => self.unreachable = Some(stderr),
                Err(error) => return Err(error),
            }
        }
        Ok(self.reached)
    }
}
