//! The files that git tracks.

use std::path::Path;
use std::time::Duration;

use test_engine_testkit::{clean_command, installed, root, run_within};

/// A tracked text file.
pub(crate) struct Source {
    /// Relative to the repository root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All tracked files whose path matches `keep`. Files that are deleted in the work tree are left
/// out.
pub(crate) fn tracked(keep: impl Fn(&str) -> bool) -> Vec<Source> {
    let home = tempfile::tempdir().expect("a temporary directory can be created");
    let mut git = clean_command(installed("git"), home.path());
    // The checkout may belong to another user, as it does in a container.
    git.args(["-c", "safe.directory=*", "ls-files", "-z"])
        .current_dir(root());
    let listing = run_within(git, Duration::from_mins(1));
    listing.expect_code(0);
    let sources: Vec<Source> = listing
        .stdout
        .split_terminator('\0')
        .filter(|path| keep(path))
        .filter_map(|path| {
            let text = fs_err::read_to_string(root().join(path)).ok()?;
            let path = path.to_owned();
            Some(Source { path, text })
        })
        .collect();
    assert!(!sources.is_empty(), "git lists no such file");
    sources
}

pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}
