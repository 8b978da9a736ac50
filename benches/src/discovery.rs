//! The time to find test files in a large JavaScript tree, compared with `find`; and the time of
//! real runners that are asked for their files, in `discovery/asked.rs`.
//!
//! 200,000 files in 20,000 directories; 130,000 of the files are in four `node_modules`. All are in
//! the file cache: both programs run once before the measurement.

mod asked;

use std::path::Path;

use anyhow::{Context as _, ensure};
use bktec::internals::{Pattern, walk};

use crate::figure::{Figure, milliseconds};
use crate::programs::{Programs, command, run_time};
use crate::timing::{median, timed};

/// Jest's default pattern.
const PATTERN: &str = "**/{__tests__/**/*,*.spec,*.test}.{ts,js,tsx,jsx}";
const REPEATS: usize = 7;
const FILES_PER_DIRECTORY: usize = 10;
/// Directories of the project itself.
const OWN_DIRECTORIES: usize = 7_000;
/// `node_modules`, and the directories in each.
const PACKAGES: usize = 4;
const PACKAGE_DIRECTORIES: usize = 3_250;

pub(crate) fn measure(_: Programs) -> anyhow::Result<Vec<Figure>> {
    let directory = tempfile::tempdir()?;
    let expected = create_tree(directory.path())?;
    let pattern = Pattern::parse(PATTERN, None)?;
    let mut find = command("find");
    find.arg(".")
        .args(["-type", "f"])
        .current_dir(directory.path());
    walk(directory.path(), &pattern, None);
    run_time(&mut find)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let (time, found) = timed(|| walk(directory.path(), &pattern, None));
        let found = found.paths.len();
        ensure!(
            found == expected,
            "{found} of {expected} test files were found"
        );
        ours.push(time);
        theirs.push(run_time(&mut find)?);
    }
    let mut figures = vec![
        Figure::of("discovery of 200,000 files", milliseconds(median(ours)))
            .beside("find . -type f", milliseconds(median(theirs)))
            .judged_by_share()
            .must_goal(0.4, 0.2),
    ];
    figures.extend(asked::measure()?);
    Ok(figures)
}

/// Creates the tree and returns the number of its test files.
fn create_tree(root: &Path) -> anyhow::Result<usize> {
    let mut tests = 0;
    for number in 0..OWN_DIRECTORIES {
        let package = number % PACKAGES;
        let inner = if number % 10 == 0 { "/__tests__" } else { "" };
        let directory = format!(
            "packages/p{package}/src/area{}/part{number}{inner}",
            number / 100
        );
        tests += fill(&root.join(directory), |file| match (inner, file % 5) {
            ("", 0) => (format!("thing{file}.test.tsx"), true),
            ("", 1) => (format!("thing{file}.css"), false),
            ("", _) => (format!("thing{file}.ts"), false),
            (_, 0) => (format!("snapshot{file}.snap"), false),
            _ => (format!("thing{file}.js"), true),
        })?;
    }
    for package in 0..PACKAGES {
        for number in 0..PACKAGE_DIRECTORIES {
            let directory = format!(
                "packages/p{package}/node_modules/dep{}/lib{number}",
                number / 10
            );
            // Discovery must skip the tests of packages.
            fill(&root.join(directory), |file| {
                (format!("index{file}.test.js"), true)
            })?;
        }
    }
    Ok(tests)
}

/// Creates a directory of empty files and returns the number of test files.
fn fill(directory: &Path, name: impl Fn(usize) -> (String, bool)) -> anyhow::Result<usize> {
    fs_err::create_dir_all(directory).context("create the tree")?;
    let mut tests = 0;
    for file in 0..FILES_PER_DIRECTORY {
        let (name, is_test) = name(file);
        fs_err::write(directory.join(name), "")?;
        tests += usize::from(is_test);
    }
    Ok(tests)
}
