//! Brings the files of all diffs into a partial clone at once.
//!
//! In a clone made without file contents, git fetches what a comparison needs when it needs it: a
//! connection for every commit. What is missing for all of them is found first and fetched together.
//! Only a short cut: whatever it does not bring, git still fetches by itself.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::BufRead;

use super::available::present_objects;
use super::bases::Base;
use super::command::{Git, GitError};
use super::commits::id_lines;
use super::object_id::ObjectId;
use super::repository::Repository;

/// Files asked of the remote at once.
const BATCH: usize = 20_000;
/// The mode of a submodule, whose name is a commit of another repository.
const SUBMODULE: &[u8] = b"160000";

/// Fetches what the comparisons need and the clone lacks. `before_fetch` is told how many files that
/// is. Gives how many were asked for; nothing is done in a clone that is not partial.
pub(super) fn fetch_files(
    repository: &Repository,
    pairs: &[(ObjectId, Base)],
    before_fetch: &mut dyn FnMut(usize),
) -> Result<usize, GitError> {
    let Some(remote) = repository.promisor_remote() else {
        return Ok(0);
    };
    let git = repository.git();
    let needed = files_of(git, pairs)?;
    let here = present_objects(git, &needed)?;
    let missing: Vec<ObjectId> = needed.into_iter().filter(|id| !here.contains(id)).collect();
    if missing.is_empty() {
        return Ok(0);
    }
    before_fetch(missing.len());
    for batch in missing.chunks(BATCH) {
        // Asked for by name, so there is nothing to negotiate; the filter keeps out all else.
        let arguments = [
            "-c",
            "fetch.negotiationAlgorithm=noop",
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
            "--refmap=",
            "--filter=blob:none",
            "--stdin",
            &remote,
        ];
        git.run_with_input(&arguments, id_lines(batch))?;
    }
    Ok(missing.len())
}

/// Names of all files that any of the comparisons looks at, each once.
fn files_of(git: &Git, pairs: &[(ObjectId, Base)]) -> Result<Vec<ObjectId>, GitError> {
    let mut input = String::new();
    for (commit, base) in pairs {
        let written = match base {
            Base::Commit(base) if base == commit => Ok(()),
            Base::Commit(base) => writeln!(input, "{commit} {base}"),
            Base::EmptyTree => writeln!(input, "{commit}"),
        };
        written.expect("a string takes every write");
    }
    let arguments = [
        "diff-tree",
        "--stdin",
        "-r",
        "--root",
        "--no-commit-id",
        "--no-renames",
        "--no-abbrev",
        "--raw",
    ];
    let mut process = git.start_with_input(&arguments, input.into_bytes())?;
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = process.output()?.read_until(b'\n', &mut line);
        if read.map_err(|source| process.pipe(source))? == 0 {
            process.finish()?;
            return Ok(files);
        }
        // `:MODE MODE NAME NAME STATUS<tab>PATH`
        let Some(line) = line.strip_prefix(b":") else {
            continue;
        };
        let mut words = line.split(|&byte| byte == b' ');
        let mut word = || words.next().unwrap_or_default();
        let (old_mode, new_mode, old, new) = (word(), word(), word(), word());
        for (mode, name) in [(old_mode, old), (new_mode, new)] {
            if mode != SUBMODULE
                && let Some(id) = ObjectId::from_hex(name)
                && !id.is_null()
                && seen.insert(id)
            {
                files.push(id);
            }
        }
    }
}
