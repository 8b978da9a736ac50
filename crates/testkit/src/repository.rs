//! Where things are in this repository: the sample projects and the tools that `bin/setup` made.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate lies two folders below the root")
        .to_owned()
}

/// A tool below `.tools/`; a missing one fails the test.
pub(crate) fn tool(relative: &str) -> PathBuf {
    let path = root().join(".tools").join(relative);
    assert!(
        path.exists(),
        "{} is missing: run bin/setup, which installs what the tests need",
        path.display()
    );
    path
}

/// Fails the test when no folder of `search_path` holds a program of this name.
pub(crate) fn require_program(name: &str, search_path: &std::ffi::OsStr) {
    assert!(
        std::env::split_paths(search_path).any(|folder| folder.join(name).is_file()),
        "{name} is missing: run bin/setup, which installs what the tests need"
    );
}
