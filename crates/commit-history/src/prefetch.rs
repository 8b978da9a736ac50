//! Fetches the files of all diffs into a partial clone in one go.
//!
//! In a clone without file contents, git fetches what a diff needs while it compares: one
//! connection per commit. An optimization only: git still fetches by itself what is missing
//! afterwards.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::availability::present_objects;
use crate::bases::Base;
use crate::git::Git;
use crate::{Error, Event, ObjectId, Repository};

const FILES_PER_FETCH: usize = 20_000;
/// The mode of a submodule, whose ID is a commit of another repository.
const SUBMODULE: &[u8] = b"160000";

/// Fetches the files that the diffs need and the clone lacks. Does nothing in a complete clone.
pub(crate) fn fetch_files(
    repository: &Repository,
    pairs: impl Iterator<Item = (ObjectId, Base)>,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<(), Error> {
    let Some(remote) = repository.promisor_remote() else {
        return Ok(());
    };
    let git = repository.git();
    let mut missing = files_of(git, pairs)?;
    let present = present_objects(git, &missing)?;
    missing.retain(|id| !present.contains(id));
    if missing.is_empty() {
        return Ok(());
    }
    on_event(Event::FetchingFiles(missing.len()));
    for batch in missing.chunks(FILES_PER_FETCH) {
        // The filter excludes everything that is not requested by ID.
        git.fetch(remote, &["--filter=blob:none"], batch)?;
    }
    Ok(())
}

/// The IDs of all files that the diffs read, without duplicates.
fn files_of(
    git: &Git,
    pairs: impl Iterator<Item = (ObjectId, Base)>,
) -> Result<Vec<ObjectId>, Error> {
    let mut input = String::new();
    for (commit, base) in pairs {
        let written = match base {
            Base::Commit(base) if base != commit => writeln!(input, "{commit} {base}"),
            Base::EmptyTree => writeln!(input, "{commit}"),
            Base::Commit(_) | Base::Unrelated => Ok(()),
        };
        written.expect("writing to a string cannot fail");
    }
    let mut arguments = vec!["diff-tree", "--stdin", "-r", "--root", "--raw"];
    arguments.extend(["--no-commit-id", "--no-renames", "--no-abbrev"]);
    let mut process = git.start_with_input(&arguments, input.into_bytes())?;
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    while let Some(line) = process.next_line()? {
        // `:MODE MODE ID ID STATUS<tab>PATH`
        let words = line.strip_prefix(b":").unwrap_or_default();
        let mut words = words.split(|&byte| byte == b' ');
        let mut word = || words.next().unwrap_or_default();
        let (old_mode, new_mode, old, new) = (word(), word(), word(), word());
        for (mode, hex) in [(old_mode, old), (new_mode, new)] {
            if mode != SUBMODULE
                && let Some(id) = ObjectId::from_hex(hex)
                && !id.is_null()
                && seen.insert(id)
            {
                files.push(id);
            }
        }
    }
    process.finish()?;
    Ok(files)
}
