//! Programs started by tests: a cleared environment, and a limit on how long they may take.
//!
//! What this machine's user has in their environment must not decide a test, and a program that
//! hangs must fail its test instead of holding up all others.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

use crate::repository;

/// How often a running program is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A program with nothing in its environment but `PATH`, `HOME` (`home`, a directory of the test) and
/// a UTF-8 locale. Its stdin is empty.
pub fn clean_command(program: impl AsRef<std::ffi::OsStr>, home: &Path) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where tests start programs"
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

/// The search path of the test itself.
pub(crate) fn search_path() -> OsString {
    #[expect(
        clippy::disallowed_methods,
        reason = "programs are found where the test's user has them"
    )]
    std::env::var_os("PATH").expect("PATH is set")
}

/// A program of this machine; one that is missing fails the test.
#[track_caller]
pub fn installed(name: &str) -> PathBuf {
    repository::program(name, &search_path())
}

/// The same search path with another directory before it.
pub(crate) fn search_path_after(directory: &Path) -> OsString {
    let rest = search_path();
    std::env::join_paths(std::iter::once(directory.to_owned()).chain(std::env::split_paths(&rest)))
        .expect("directories of a search path hold no colon")
}

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// All of its stdout.
    pub stdout: String,
    /// All of its stderr.
    pub stderr: String,
    /// From its start to its end, to some milliseconds.
    pub took: Duration,
}

impl Finished {
    /// The exit code; a program ended by a signal fails the test.
    #[track_caller]
    pub fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| panic!("ended by a signal\n{self}"))
    }

    /// Fails the test, with everything the program said, unless the exit code is this one.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.code(), code, "unexpected exit code\n{self}");
        self
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            status,
            stdout,
            stderr,
            took,
        } = self;
        write!(
            f,
            "{status} after {took:.1?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}

/// A program under way; its output goes to files, so that it can never block on a full pipe.
#[derive(Debug)]
pub struct Started {
    child: Child,
    stdout: NamedTempFile,
    stderr: NamedTempFile,
    at: Instant,
}

impl Started {
    /// Everything it said up to now, stdout before stderr.
    pub fn said_so_far(&self) -> String {
        format!("{}{}", text(&self.stdout), text(&self.stderr))
    }

    /// Whether it is over.
    pub fn has_ended(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("a child can be waited for")
            .is_some()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.expect("a child has an id");
        kill_process(pid, signal).expect("a child can be sent a signal");
    }

    /// Ends it with SIGKILL and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }
}

/// Starts a program.
#[track_caller]
pub fn start(mut command: Command) -> Started {
    let stdout = NamedTempFile::new().expect("a temporary file can be made");
    let stderr = NamedTempFile::new().expect("a temporary file can be made");
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

/// Waits for a program; one that takes longer than `limit` is killed and fails the test.
#[track_caller]
pub fn wait_within(mut started: Started, limit: Duration) -> Finished {
    let mut late = false;
    let status = loop {
        if let Some(status) = started.child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if started.at.elapsed() > limit {
            late = true;
            started.child.kill().expect("a child can be killed");
            break started.child.wait().expect("a child can be waited for");
        }
        std::thread::sleep(LOOK_EVERY);
    };
    let finished = Finished {
        status,
        stdout: text(&started.stdout),
        stderr: text(&started.stderr),
        took: started.at.elapsed(),
    };
    assert!(!late, "not done after {limit:?}, killed\n{finished}");
    finished
}

/// Runs a program to its end.
#[track_caller]
pub fn run_within(command: Command, limit: Duration) -> Finished {
    wait_within(start(command), limit)
}

fn text(file: &NamedTempFile) -> String {
    let bytes = fs_err::read(file.path()).expect("output of a program can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_cleared_and_everything_comes_back() {
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
    #[should_panic(expected = "not done after")]
    fn a_program_that_hangs_is_killed() {
        let home = tempfile::tempdir().unwrap();
        let mut command = clean_command("sleep", home.path());
        command.arg("600");
        run_within(command, Duration::from_millis(50));
    }
}
