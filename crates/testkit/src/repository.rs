//! Paths in this repository: its root, and the tools that `bin/setup` installs.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate is two directories below the root")
        .to_owned()
}

/// A tool in `.tools/`, such as `pytest/bin/python`. Fails the test when it is missing.
pub fn tool(relative: &str) -> PathBuf {
    let path = root().join(".tools").join(relative);
    assert!(
        path.exists(),
        "{} is missing\nhint: run bin/setup",
        path.display()
    );
    path
}

/// A program on `search_path`. Fails the test when it is missing.
pub(crate) fn program(name: &str, search_path: &std::ffi::OsStr) -> PathBuf {
    std::env::split_paths(search_path)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{name} is missing\nhint: run bin/setup"))
}

/// A new directory that is deleted on drop.
#[track_caller]
pub(crate) fn temporary_directory(prefix: &str) -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix(prefix)
        .tempdir()
        .expect("a temporary directory can be created")
}

/// Copies a directory recursively, except installed packages (`node_modules`).
#[track_caller]
pub fn copy_tree(from: &Path, to: &Path) {
    let entries = walkdir::WalkDir::new(from)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.file_name() != "node_modules");
    for entry in entries {
        let entry = entry.expect("the directory can be read");
        let relative = entry.path().strip_prefix(from);
        let target = to.join(relative.expect("entries are below the root"));
        if entry.file_type().is_dir() {
            fs_err::create_dir_all(target).expect("a directory can be created");
        } else {
            fs_err::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}
