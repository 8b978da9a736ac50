//! Where things are in this repository: the sample projects and the tools that `bin/setup` made.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate lies two directories below the root")
        .to_owned()
}

/// A tool below `.tools/`, such as `pytest/bin/python`; a missing one fails the test.
pub fn tool(relative: &str) -> PathBuf {
    let path = root().join(".tools").join(relative);
    assert!(
        path.exists(),
        "{} is missing: run bin/setup, which installs what the tests need",
        path.display()
    );
    path
}

/// A program on `search_path`; one that is in none of its directories fails the test.
pub(crate) fn program(name: &str, search_path: &std::ffi::OsStr) -> PathBuf {
    std::env::split_paths(search_path)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| {
            panic!("{name} is missing: run bin/setup, which installs what the tests need")
        })
}

/// Copies a directory with all it holds, but for installed packages (`node_modules`).
#[track_caller]
pub fn copy_tree(from: &Path, to: &Path) {
    let entries = walkdir::WalkDir::new(from)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.file_name() != "node_modules");
    for entry in entries {
        let entry = entry.expect("the directory can be read");
        let target = to.join(
            entry
                .path()
                .strip_prefix(from)
                .expect("entries lie below the root"),
        );
        if entry.file_type().is_dir() {
            fs_err::create_dir_all(target).expect("a directory can be made");
        } else {
            fs_err::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}
