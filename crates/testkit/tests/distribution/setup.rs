//! `bin/setup` with stand-ins for the programs that install: its jobs run side by side, and none of
//! them fails unnoticed or outlives the script.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use test_engine_testkit::{
    Finished, clean_command, copy_tree, installed, root, run_within, search_path_after,
};

use crate::scripts::{SCRIPT_TIMEOUT, write_program};

/// What `bin/setup` reads.
const SOURCES: [&str; 11] = [
    "bin",
    "crates/bktec/tests/runners/node",
    "crates/bktec/tests/runners/node-22",
    "crates/bktec/tests/runners/python",
    "crates/bktec/tests/runners/vitest-3",
    "crates/server/tests/axe",
    "crates/server/tests/openapi",
    "crates/testkit/tests/collectors",
    "crates/testkit/tests/go-library",
    "examples/jest",
    "examples/pytest",
];
const VENV: &str = "for directory; do :; done; mkdir -p $directory/bin
printf '#!/bin/sh\\n' >$directory/bin/python; chmod +x $directory/bin/python";

/// A checkout in which nothing is installed. `npm` and the others succeed without doing anything.
struct Checkout(TempDir);

impl Checkout {
    fn new() -> Self {
        let checkout = Self(tempfile::tempdir().unwrap());
        for source in SOURCES {
            fs_err::create_dir_all(checkout.path(source)).unwrap();
            copy_tree(&root().join(source), &checkout.path(source));
        }
        let requirements = "packaging/requirements.txt";
        fs_err::create_dir_all(checkout.path("packaging")).unwrap();
        fs_err::copy(root().join(requirements), checkout.path(requirements)).unwrap();
        fs_err::create_dir(checkout.path("programs")).unwrap();
        // Nothing is installed for real.
        checkout.set_program("apt-get", "exit 1");
        checkout.set_program("cargo", "mkdir -p .tools/release .tools/s3");
        checkout.set_program("rustc", "echo rustc 1.95.0");
        checkout.set_program("npm", "mkdir -p node_modules");
        checkout.set_program("go", "echo go version go1.26.0 linux/amd64");
        let python = installed("python3");
        let python = python.display();
        let script = format!("case $1 in -m) {VENV} ;; *) exec {python} \"$@\" ;; esac");
        checkout.set_program("python3", &script);
        checkout
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn set_program(&self, name: &str, script: &str) {
        write_program(&self.path("programs").join(name), script);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = clean_command(installed("bash"), self.0.path());
        let path = search_path_after(&self.path("programs"));
        command.arg(self.path("bin/setup")).args(arguments);
        command.env("PATH", path);
        command
    }

    fn set_up(&self, arguments: &[&str]) -> Finished {
        run_within(self.command(arguments), SCRIPT_TIMEOUT)
    }

    fn has(&self, directory: &str) -> bool {
        self.path(directory).join(".installed").is_file()
    }
}

/// The directories that it installed, sorted.
fn directories(finished: &Finished) -> Vec<&str> {
    let lines = finished.stdout.lines();
    let mut directories: Vec<&str> = lines
        .filter_map(|line| line.trim().strip_prefix("installing "))
        .collect();
    directories.sort_unstable();
    directories
}

#[test]
fn reports_every_failed_job_and_repeats_only_what_is_missing() {
    let checkout = Checkout::new();
    let go = "[ $1 = version ] || { echo no such module >&2; exit 3; }
echo go version go1.26.0 linux/amd64";
    checkout.set_program("go", go);
    let npm = "case $PWD in */vitest-3) echo no such package >&2; exit 4 ;; esac
mkdir -p node_modules";
    checkout.set_program("npm", npm);
    let failed = checkout.set_up(&[]);
    failed.expect_code(1);
    for line in [
        "no such module",
        "no such package",
        "bin/setup: failed to install go programs; the output above says why",
        "bin/setup: failed to install node packages; the output above says why",
    ] {
        assert!(
            failed.stderr.lines().any(|found| found == line),
            "no {line:?}\n{failed}"
        );
    }
    assert!(!failed.stdout.contains("everything"), "{failed}");
    assert!(checkout.has(".tools/schemathesis") && checkout.has(".tools/s3"));
    assert!(!checkout.has(".tools/go") && !checkout.has(".tools/vitest-3"));

    checkout.set_program("go", "echo go version go1.26.0 linux/amd64");
    checkout.set_program("npm", "mkdir -p node_modules");
    let repeated = checkout.set_up(&[]);
    repeated.expect_code(0);
    let missing = [
        ".tools/axe",
        ".tools/go",
        ".tools/go-library",
        ".tools/javascript-collectors",
        ".tools/vitest-3",
    ];
    assert_eq!(directories(&repeated), missing, "{repeated}");

    let complete = checkout.set_up(&["--no-install"]);
    complete.expect_code(0);
    assert!(directories(&complete).is_empty(), "{complete}");
    fs_err::remove_file(checkout.path(".tools/s3/.installed")).unwrap();
    let incomplete = checkout.set_up(&["--no-install"]);
    incomplete.expect_code(1);
    let reason = "bin/setup: .tools/s3 is missing or out of date";
    assert!(incomplete.stderr.contains(reason), "{incomplete}");
}

/// Two jobs that run at the same time, or this test fails after the pause.
#[test]
fn ends_all_jobs_when_it_is_stopped() {
    let checkout = Checkout::new();
    let pause = "sleep 120; echo still running";
    checkout.set_program("npm", &format!("echo npm waits; {pause}"));
    checkout.set_program("cargo", &format!("echo cargo waits; {pause}"));
    let mut command = checkout.command(&[]);
    let mut setup = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(setup.stdout.take().unwrap());
    let mut text = String::new();
    while !(text.contains("npm waits") && text.contains("cargo waits")) {
        assert_ne!(output.read_line(&mut text).unwrap(), 0, "{text}");
    }
    let pid = Pid::from_child(&setup);
    kill_process(pid, Signal::TERM).unwrap();
    // Ends when no process has the pipe any longer.
    output.read_to_string(&mut text).unwrap();
    assert!(!text.contains("still running"), "{text}");
    assert_eq!(setup.wait().unwrap().code(), Some(143), "{text}");
}
