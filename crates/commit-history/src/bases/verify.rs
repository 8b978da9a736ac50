//! Verifies that wrong commit dates did not mislead the bulk walks.
//!
//! Git ends these walks by commit date. A clock that was far off can leave commits of the branch
//! among those outside it, or end the walk of the branch too early. (A single `git merge-base` is
//! not affected.) Walking the whole branch settles it. That takes a while on a long history, so it
//! runs concurrently with the diffs.

use std::collections::HashSet;
use std::thread::JoinHandle;

use crate::git::{Git, Process};
use crate::{Error, ObjectId};

/// A walk of the whole branch, in progress or finished. `None`: there is nothing to verify.
pub(crate) struct Verification(Option<JoinHandle<Result<Misplaced, Error>>>);

/// Commits that the bulk walks misplaced.
#[derive(Default)]
pub(super) struct Misplaced {
    /// Considered outside the branch, but on it.
    pub(super) on_branch: HashSet<ObjectId>,
    /// Considered merged into the branch, but on its first-parent line.
    pub(super) on_mainline: HashSet<ObjectId>,
}

impl Verification {
    /// Starts to search the branch for `outside`, and its first-parent line for `merged`.
    pub(super) fn start(
        git: &Git,
        tip: ObjectId,
        outside: HashSet<ObjectId>,
        merged: HashSet<ObjectId>,
    ) -> Result<Self, Error> {
        if outside.is_empty() && merged.is_empty() {
            return Ok(Self(None));
        }
        // Children before parents, so that the first-parent line can be followed.
        let arguments = ["rev-list", "--topo-order", "--parents", &tip.to_string()];
        let process = git.start_with_input(&arguments, Vec::new())?;
        Ok(Self(Some(std::thread::spawn(move || {
            search(process, tip, &outside, &merged)
        }))))
    }

    pub(super) fn misplaced(&mut self) -> Result<Misplaced, Error> {
        match self.0.take() {
            Some(walk) => walk
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            None => Ok(Misplaced::default()),
        }
    }
}

fn search(
    mut process: Process,
    tip: ObjectId,
    outside: &HashSet<ObjectId>,
    merged: &HashSet<ObjectId>,
) -> Result<Misplaced, Error> {
    let mut misplaced = Misplaced::default();
    let mut next_on_mainline = Some(tip);
    while let Some(line) = process.next_line()? {
        let mut ids = line.split(|&byte| byte == b' ');
        let Some(id) = ids.next().and_then(ObjectId::from_hex) else {
            let line = String::from_utf8_lossy(line).into_owned();
            return Err(process.output_error(line));
        };
        if outside.contains(&id) {
            misplaced.on_branch.insert(id);
        }
        if next_on_mainline == Some(id) {
            next_on_mainline = ids.next().and_then(ObjectId::from_hex);
            if merged.contains(&id) {
                misplaced.on_mainline.insert(id);
            }
        }
    }
    process.finish()?;
    Ok(misplaced)
}
