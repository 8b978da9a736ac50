//! The two built programs, for tests outside their packages.
//!
//! Cargo passes a test only the programs of its own package. These are found in the target
//! directory of the test binary instead. A program that is older than one of its sources fails the
//! test.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The path of `bktec`. Fails the test when it is missing or outdated.
pub fn bktec() -> PathBuf {
    built("bktec")
}

/// The path of `test-engine`. Fails the test when it is missing or outdated.
pub fn test_engine() -> PathBuf {
    built("test-engine")
}

fn built(name: &str) -> PathBuf {
    // target/debug/deps/story-0123456789abcdef -> target/debug
    let test = std::env::current_exe().expect("the test has a path");
    let directory = test
        .ancestors()
        .nth(2)
        .expect("test binaries are in target/PROFILE/deps");
    let program = directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let hint = "hint: run cargo build -p bktec -p test-engine --bins";
    assert!(
        program.is_file(),
        "{} is not built\n{hint}",
        program.display()
    );
    // Cargo writes the sources of a program to a makefile next to it.
    let listed = directory.join(format!("{name}.d"));
    let listing = fs_err::read_to_string(&listed).expect("cargo lists the sources of a program");
    if let Some(newer) = newer_source(&listing, modified(&program)) {
        panic!(
            "{} is older than {}\n{hint}",
            program.display(),
            newer.display()
        );
    }
    program
}

/// A source that changed after the program was built.
fn newer_source(listing: &str, built_at: SystemTime) -> Option<PathBuf> {
    let (_program, sources) = listing.split_once(": ")?;
    // Spaces in a path are escaped as `\ `.
    sources
        .replace("\\ ", "\0")
        .split_whitespace()
        .map(|source| PathBuf::from(source.replace('\0', " ")))
        .find(|source| source.exists() && modified(source) > built_at)
}

fn modified(path: &Path) -> SystemTime {
    fs_err::metadata(path)
        .and_then(|metadata| metadata.modified())
        .expect("files have a modification time")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn finds_a_newer_source_with_spaces_in_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("with space.rs");
        fs_err::write(&source, "").unwrap();
        let written = modified(&source);
        let listing = format!(
            "/target/program: {}\n",
            source.display().to_string().replace(' ', "\\ ")
        );
        let second = Duration::from_secs(1);
        assert_eq!(newer_source(&listing, written - second), Some(source));
        assert_eq!(newer_source(&listing, written + second), None);
    }
}
