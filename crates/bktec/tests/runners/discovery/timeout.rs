//! A runner that does not answer.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use bktec::internals::RunnerSettings;
use rustix::process::{Pid, Signal, kill_process};
use test_engine_testkit::{NO_SERVER, clean_command};

use super::found;
use crate::project::{Project, settings};
use crate::tools;

/// Waits in pytest's configuration, in a child that ignores that its output is closed.
const WAITS: &str = "import os, subprocess\n\
                     child = subprocess.Popen(['sleep', '1000'])\n\
                     open('pids.new', 'w').write(f'{os.getpid()} {child.pid}')\n\
                     os.rename('pids.new', 'pids')\n\
                     child.wait()\n";

const COMMAND: &str = "pytest {{testExamples}} --junit-xml={{resultPath}}";

fn project() -> Project {
    let project = Project::new(&[("conftest.py", WAITS), ("test_a.py", "")]);
    let pytest = tools::installed(".tools/pytest/bin/pytest");
    project.tool_printing_with("pytest", &pytest, "--collect-only")
}

/// Whether a process of the project is running; a zombie is not.
fn any_is_running(root: &Path) -> bool {
    let pids = fs_err::read_to_string(root.join("pids")).unwrap();
    assert_eq!(pids.split(' ').count(), 2, "{pids}");
    pids.split(' ').any(|pid| {
        let status = fs_err::read_to_string(format!("/proc/{pid}/stat"));
        status.is_ok_and(|status| !status.contains(") Z "))
    })
}

#[test]
fn a_runner_that_does_not_answer_is_killed_and_the_pattern_used() {
    let project = project();
    let settings = RunnerSettings {
        discovery_timeout: Some(Duration::from_secs(5)),
        ..settings(COMMAND, "out.xml")
    };
    let (files, warnings) = found(&*project.runner("pytest", settings));
    assert_eq!(files, ["test_a.py"]);
    for text in [
        "pytest could not list its test files, so the pattern ",
        "--collect-only` did not end within 5 s\nhint: run it",
    ] {
        assert!(warnings[0].contains(text), "{warnings:?}");
    }
    assert!(!any_is_running(&project.root()));
}

#[test]
fn strict_discovery_fails_if_the_runner_does_not_answer() {
    let project = project();
    let settings = RunnerSettings {
        discovery_timeout: Some(Duration::from_secs(1)),
        strict_discovery: true,
        ..settings(COMMAND, "out.xml")
    };
    let runner = project.runner("pytest", settings);
    let error = runner.discover(&mut |warning| panic!("{warning}"));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("did not end within 1 s"), "{error}");
}

fn wait(child: &mut Child, what: &str, mut is_over: impl FnMut(&mut Child) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(50);
    while !is_over(child) {
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The runner has a process group of its own, so that its children can be killed.
#[test]
fn a_signal_to_the_client_ends_a_runner_that_is_asked() {
    let project = project();
    let root = project.root();
    let pytest = tools::installed(".tools/pytest/bin/pytest");
    let mut command = clean_command(tools::on_path("env"), &root);
    let mut bktec = command
        .args(["--default-signal", env!("CARGO_BIN_EXE_bktec"), "run"])
        .current_dir(&root)
        .envs([
            ("BUILDKITE_ORGANIZATION_SLUG", "org"),
            ("BUILDKITE_BUILD_ID", "build"),
            ("BUILDKITE_STEP_ID", "step"),
            ("BUILDKITE_TEST_ENGINE_SUITE_SLUG", "suite"),
            ("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN", "token"),
            ("BUILDKITE_TEST_ENGINE_BASE_URL", NO_SERVER),
            ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "pytest"),
        ])
        .env(
            "BUILDKITE_TEST_ENGINE_TEST_CMD",
            format!("{} --junit-xml={{{{resultPath}}}}", pytest.display()),
        )
        .spawn()
        .unwrap();
    wait(&mut bktec, "pytest", |_| root.join("pids").exists());
    assert!(any_is_running(&root));
    kill_process(Pid::from_child(&bktec), Signal::TERM).unwrap();
    wait(&mut bktec, "bktec", |bktec| {
        bktec.try_wait().unwrap().is_some()
    });
    let status = bktec.wait().unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(signal, Some(Signal::TERM.as_raw()));
    wait(&mut bktec, "its children", |_| !any_is_running(&root));
}
