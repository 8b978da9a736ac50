//! The two programs as cargo built them, for tests outside their own packages.
//!
//! Cargo hands a test the programs of its own package only. These are found beside the test
//! binary instead, in the target directory it runs from. A test run against yesterday's program would
//! say nothing, so a program that is older than one of its sources fails the test.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// `bktec`, up to date.
pub fn bktec() -> PathBuf {
    built("bktec")
}

/// `test-engine`, up to date.
pub fn test_engine() -> PathBuf {
    built("test-engine")
}

fn built(name: &str) -> PathBuf {
    // target/debug/deps/story-0123456789abcdef -> target/debug
    let test = std::env::current_exe().expect("the test knows its own path");
    let directory = test
        .ancestors()
        .nth(2)
        .expect("a test binary lies in target/PROFILE/deps");
    let program = directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let remedy = "run: cargo build -p bktec -p test-engine --bins";
    assert!(
        program.is_file(),
        "{} is not built: {remedy}",
        program.display()
    );
    // Cargo lists the sources of a program beside it, as a makefile would.
    let listed = directory.join(format!("{name}.d"));
    let listing = fs_err::read_to_string(&listed).expect("cargo lists the sources of a program");
    if let Some(newer) = newest_source(&listing, modified(&program)) {
        panic!(
            "{} is older than {}: {remedy}",
            program.display(),
            newer.display()
        );
    }
    program
}

/// The first source that changed after the program was built.
fn newest_source(listing: &str, built_at: SystemTime) -> Option<PathBuf> {
    let (_program, sources) = listing.split_once(": ")?;
    // Spaces inside a path are written as `\ `.
    sources
        .replace("\\ ", "\0")
        .split_whitespace()
        .map(|source| PathBuf::from(source.replace('\0', " ")))
        .find(|source| source.exists() && modified(source) > built_at)
}

fn modified(path: &Path) -> SystemTime {
    fs_err::metadata(path)
        .and_then(|metadata| metadata.modified())
        .expect("files have a time of change")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_source_that_changed_later_is_found_even_with_spaces_in_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("with space.rs");
        fs_err::write(&source, "").unwrap();
        let written = modified(&source);
        let listing = format!(
            "/target/program: {}\n",
            source.display().to_string().replace(' ', "\\ ")
        );
        assert_eq!(
            newest_source(&listing, written - Duration::from_secs(1)),
            Some(source)
        );
        assert_eq!(
            newest_source(&listing, written + Duration::from_secs(1)),
            None
        );
    }
}
