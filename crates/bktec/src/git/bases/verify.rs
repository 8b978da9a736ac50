//! Proof that the shortcuts through the history were right.
//!
//! Git ends such walks by commit dates, so a clock that was far off can leave commits of the branch
//! among those outside it, or end a reading of the branch too early. (A single `git merge-base` is
//! not misled that way.) Reading the whole branch settles it. On a long history that takes a while,
//! so it goes on beside the diffs.

use std::collections::HashSet;
use std::io::BufRead;
use std::thread::JoinHandle;

use crate::git::command::{Git, GitError, Process};
use crate::git::object_id::ObjectId;

/// A reading of the branch that is under way, or done.
pub(in crate::git) struct Verification {
    reader: Option<JoinHandle<Result<Misplaced, GitError>>>,
}

/// What the shortcuts took for something else.
#[derive(Default)]
pub(super) struct Misplaced {
    /// Held to be outside the branch, and on it.
    pub(super) on_branch: HashSet<ObjectId>,
    /// Held to be merged into the branch, and on its first-parent line.
    pub(super) on_mainline: HashSet<ObjectId>,
}

impl Verification {
    /// Starts to look for `outside` on the branch, and for `merged` on its first-parent line.
    pub(super) fn start(
        git: &Git,
        tip: ObjectId,
        outside: HashSet<ObjectId>,
        merged: HashSet<ObjectId>,
    ) -> Result<Self, GitError> {
        if outside.is_empty() && merged.is_empty() {
            return Ok(Self { reader: None });
        }
        // Children before parents, so that the first-parent line can be followed as it is read.
        let arguments = ["rev-list", "--topo-order", "--parents", &tip.to_string()];
        let process = git.start_with_input(&arguments, Vec::new())?;
        let reader = std::thread::spawn(move || read(process, tip, &outside, &merged));
        Ok(Self {
            reader: Some(reader),
        })
    }

    /// Waits for the end.
    pub(super) fn misplaced(&mut self) -> Result<Misplaced, GitError> {
        match self.reader.take() {
            Some(reader) => reader
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            None => Ok(Misplaced::default()),
        }
    }
}

fn read(
    mut process: Process,
    tip: ObjectId,
    outside: &HashSet<ObjectId>,
    merged: &HashSet<ObjectId>,
) -> Result<Misplaced, GitError> {
    let mut misplaced = Misplaced::default();
    let mut next_of_mainline = Some(tip);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = process.output()?.read_until(b'\n', &mut line);
        if read.map_err(|source| process.pipe(source))? == 0 {
            process.finish()?;
            return Ok(misplaced);
        }
        let mut names = line.trim_ascii_end().split(|&byte| byte == b' ');
        let Some(id) = names.next().and_then(ObjectId::from_hex) else {
            return Err(process.answer(String::from_utf8_lossy(&line)));
        };
        if outside.contains(&id) {
            misplaced.on_branch.insert(id);
        }
        if next_of_mainline == Some(id) {
            next_of_mainline = names.next().and_then(ObjectId::from_hex);
            if merged.contains(&id) {
                misplaced.on_mainline.insert(id);
            }
        }
    }
}
