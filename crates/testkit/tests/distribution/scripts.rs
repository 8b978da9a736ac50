//! Runs the scripts of this repository, and checks all of them with shellcheck.

use std::path::Path;
use std::time::Duration;

use rustix::process::geteuid;
use test_engine_testkit::{Finished, clean_command, installed, root, run_within};

/// Enough for the slowest script on a busy machine.
pub(crate) const SCRIPT_TIMEOUT: Duration = Duration::from_mins(3);
/// The user ID of `nobody`.
const NOBODY: &str = "65534";

/// Runs a program of Debian in a directory, with an environment that has only these variables.
#[track_caller]
pub(crate) fn run(program: &str, arguments: &[&str], directory: &Path) -> Finished {
    let mut command = clean_command(installed(program), directory);
    command.args(arguments).current_dir(directory);
    run_within(command, SCRIPT_TIMEOUT)
}

/// Writes a program for `sh`.
pub(crate) fn write_program(path: &Path, script: &str) {
    let directory = path.parent().unwrap();
    fs_err::create_dir_all(directory).unwrap();
    let source = path.with_extension("source");
    fs_err::write(&source, format!("#!/bin/sh\n{script}\n")).unwrap();
    let (source, path) = (source.to_str().unwrap(), path.to_str().unwrap());
    // Copied by another process: a process that another thread starts inherits files that are open
    // for writing here, and a script that is open for writing cannot be run.
    run("install", &["-m", "755", source, path], directory).expect_code(0);
    fs_err::remove_file(source).unwrap();
}

/// The start of a command line that gives up root, if the tests have it.
pub(crate) fn without_root(directory: &Path) -> Vec<String> {
    if !geteuid().is_root() {
        return Vec::new();
    }
    let path = directory.to_str().unwrap();
    run("chown", &["-R", NOBODY, path], directory).expect_code(0);
    [
        "setpriv",
        "--reuid",
        NOBODY,
        "--regid",
        NOBODY,
        "--clear-groups",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The paths of all tracked files that start with a line for a shell.
fn shell_scripts() -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let mut git = clean_command(installed("git"), home.path());
    // The checkout may belong to another user, as it does in a container.
    git.args([
        "-c",
        "safe.directory=*",
        "grep",
        "-lIE",
        "^#!.*[ /](ba)?sh$",
    ])
    .current_dir(root());
    let found = run_within(git, SCRIPT_TIMEOUT);
    let is_script = |path: &&str| {
        let text = fs_err::read_to_string(root().join(path)).unwrap();
        text.starts_with("#!")
    };
    let scripts: Vec<String> = found
        .stdout
        .lines()
        .filter(is_script)
        .map(str::to_owned)
        .collect();
    assert!(scripts.iter().any(|path| path == "install.sh"), "{found}");
    scripts
}

#[test]
fn shellcheck_accepts_all_scripts() {
    let scripts = shell_scripts();
    let options = ["--severity=warning"].into_iter();
    let arguments: Vec<&str> = options.chain(scripts.iter().map(String::as_str)).collect();
    run("shellcheck", &arguments, &root()).expect_code(0);
}
