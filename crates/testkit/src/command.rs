//! Starts programs for tests, with a cleared environment and a timeout.
//!
//! The environment of the user must not affect a test, and a program that hangs must fail its test
//! instead of blocking all others.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

use crate::repository;

/// Only ends tests of programs that hang. Much longer than the slowest machine needs, so that no
/// result depends on the speed of the machine.
pub(crate) const HANG_TIMEOUT: Duration = Duration::from_mins(5);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A command whose environment contains only `PATH`, `HOME` and a UTF-8 locale. Its stdin is empty.
pub fn clean_command(program: impl AsRef<std::ffi::OsStr>, home: &Path) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the only place where tests start programs"
    )]
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", search_path())
        .env("HOME", home)
        .env("LANG", "C.UTF-8")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    command
}

/// The value of `PATH`.
pub fn search_path() -> OsString {
    #[expect(
        clippy::disallowed_methods,
        reason = "programs are found like in a shell"
    )]
    std::env::var_os("PATH").expect("PATH is set")
}

/// The path of an installed program. Fails the test when it is missing.
#[track_caller]
pub fn installed(name: &str) -> PathBuf {
    repository::program(name, &search_path())
}

/// The search path with another directory in front.
pub fn search_path_after(directory: &Path) -> OsString {
    let rest = search_path();
    std::env::join_paths(std::iter::once(directory.to_owned()).chain(std::env::split_paths(&rest)))
        .expect("no directory name contains a colon")
}

/// The exit status and the output of a program.
#[derive(Debug)]
pub struct Finished {
    /// The exit code or the signal.
    pub status: ExitStatus,
    /// Invalid UTF-8 is replaced.
    pub stdout: String,
    /// Invalid UTF-8 is replaced.
    pub stderr: String,
    /// Its run time, accurate to about 10 ms.
    pub took: Duration,
}

impl Finished {
    /// The exit code. Fails the test when a signal ended the program.
    #[track_caller]
    pub fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| panic!("ended by a signal\n{self}"))
    }

    /// Fails the test with the output of the program unless this is the exit code.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.code(), code, "unexpected exit code\n{self}");
        self
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stdout, stderr) = (&self.stdout, &self.stderr);
        writeln!(f, "{} after {:.1?}", self.status, self.took)?;
        write!(f, "--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// A running program, killed on drop. Its output goes to files, so it cannot block on a full pipe.
#[derive(Debug)]
pub struct Started {
    child: Child,
    stdout: NamedTempFile,
    stderr: NamedTempFile,
    at: Instant,
}

impl Started {
    /// The output so far: stdout, then stderr.
    pub fn output_so_far(&self) -> String {
        format!("{}{}", text(&self.stdout), text(&self.stderr))
    }

    /// Waits until `find` finds something in the output. Fails the test when the program ends or
    /// the timeout expires before that.
    #[track_caller]
    pub(crate) fn wait_for<T>(&mut self, timeout: Duration, find: impl Fn(&str) -> Option<T>) -> T {
        loop {
            // Before reading the output, which is complete once the program has ended.
            let ended = self.child.try_wait().expect("a child can be waited for");
            let output = self.output_so_far();
            if let Some(found) = find(&output) {
                return found;
            }
            assert!(
                ended.is_none() && self.at.elapsed() < timeout,
                "the program does not start; its output:\n{output}"
            );
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.expect("a child has a process ID");
        kill_process(pid, signal).expect("a child can be sent a signal");
    }
}

impl Drop for Started {
    /// Sends SIGKILL and waits for the end.
    fn drop(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }
}

/// Starts a program in the background.
#[track_caller]
pub fn start(mut command: Command) -> Started {
    let stdout = NamedTempFile::new().expect("a temporary file can be created");
    let stderr = NamedTempFile::new().expect("a temporary file can be created");
    let at = Instant::now();
    let child = command
        .stdout(stdout.reopen().expect("a temporary file can be opened"))
        .stderr(stderr.reopen().expect("a temporary file can be opened"))
        .spawn()
        .unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"));
    Started {
        child,
        stdout,
        stderr,
        at,
    }
}

/// Waits for a program. One that runs longer than `limit` is killed and fails the test.
#[track_caller]
pub fn wait_within(mut started: Started, limit: Duration) -> Finished {
    let mut timed_out = false;
    let status = loop {
        if let Some(status) = started.child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if started.at.elapsed() > limit {
            timed_out = true;
            started.child.kill().expect("a child can be killed");
            break started.child.wait().expect("a child can be waited for");
        }
        std::thread::sleep(POLL_INTERVAL);
    };
    let finished = Finished {
        status,
        stdout: text(&started.stdout),
        stderr: text(&started.stderr),
        took: started.at.elapsed(),
    };
    assert!(!timed_out, "killed after {limit:?}\n{finished}");
    finished
}

/// Runs a program. One that runs longer than `limit` is killed and fails the test.
#[track_caller]
pub fn run_within(command: Command, limit: Duration) -> Finished {
    wait_within(start(command), limit)
}

fn text(file: &NamedTempFile) -> String {
    let bytes = fs_err::read(file.path()).expect("output files can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clears_the_environment_and_returns_all_output() {
        let home = tempfile::tempdir().unwrap();
        let mut command = clean_command("sh", home.path());
        command.args([
            "-c",
            "env | cut -d= -f1 | grep -vE '^(PWD|SHLVL|_)$' | sort; echo two >&2; exit 3",
        ]);
        let finished = run_within(command, Duration::from_secs(30));
        finished.expect_code(3);
        assert_eq!(finished.stdout, "HOME\nLANG\nLC_ALL\nPATH\n");
        assert_eq!(finished.stderr, "two\n");
    }

    #[test]
    #[should_panic(expected = "killed after")]
    fn kills_a_program_that_hangs() {
        let home = tempfile::tempdir().unwrap();
        let mut command = clean_command("sleep", home.path());
        command.arg("600");
        run_within(command, Duration::from_millis(50));
    }
}
