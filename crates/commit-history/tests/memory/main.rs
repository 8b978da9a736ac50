//! Memory does not grow with the size of a diff. A program of its own, because the peak is that of
//! the whole process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use test_engine_commit_history::{CancelToken, ExportOptions, ObjectId, Repository};

const FILES: usize = 16;
/// Of the diff, in all files together.
const DIFF_BYTES: usize = 64 << 20;
/// Far less than the diff, and more than what is held of diffs that wait for earlier ones.
const MAX_GROWTH: u64 = 24 << 20;

fn git(directory: &Path, arguments: &[&str]) -> String {
    #[expect(clippy::disallowed_methods, reason = "plain git creates the sample")]
    let output = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(["-c", "core.compression=1", "-c", "gc.auto=0"])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git can be started");
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

/// The highest resident memory of this process so far.
fn peak() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() * 1024
}

/// A branch that adds much text, as the head of an old release branch seems to.
fn large_branch(directory: &Path) -> ObjectId {
    git(directory, &["init", "--quiet", "--initial-branch=main"]);
    git(
        directory,
        &["commit", "--quiet", "--allow-empty", "-m", "first"],
    );
    git(directory, &["checkout", "--quiet", "-b", "release"]);
    let mut text = String::new();
    for file in 0..FILES {
        text.clear();
        for line in 0.. {
            writeln!(
                text,
                "{file} {line} some text that differs from line to line"
            )
            .unwrap();
            if text.len() >= DIFF_BYTES / FILES {
                break;
            }
        }
        fs_err::write(directory.join(format!("{file}.txt")), &text).unwrap();
    }
    git(directory, &["add", "."]);
    git(directory, &["commit", "--quiet", "-m", "large"]);
    let head = git(directory, &["rev-parse", "HEAD"]);
    git(
        directory,
        &["update-ref", "refs/remotes/origin/main", "main"],
    );
    head.parse().unwrap()
}

#[test]
fn a_large_diff_is_not_held_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let commit = large_branch(directory.path());
    // `git diff` for each commit, instead of one git for all, where a setting requires it.
    for setting in ["", "diff.relative"] {
        if !setting.is_empty() {
            git(directory.path(), &["config", setting, "true"]);
        }
        let repository = Repository::open(directory.path(), &CancelToken::new()).unwrap();
        let options = ExportOptions {
            remote: "origin",
            concurrency: 2,
            skip_diffs: false,
            directory: "export",
            modified: 0,
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        let before = peak();
        let export = repository
            .export(&[commit], &options, file.as_file(), &mut |_| {})
            .unwrap();
        assert_eq!(export.exported, 1);
        export.finish(b"{}").unwrap();
        let growth = peak() - before;
        assert!(growth < MAX_GROWTH, "{setting}: {growth} bytes");
        let mut archive = flate2::read::MultiGzDecoder::new(file.reopen().unwrap());
        let unpacked = std::io::copy(&mut archive, &mut std::io::sink()).unwrap();
        assert!(unpacked > DIFF_BYTES as u64, "{setting}: {unpacked} bytes");
    }
}
