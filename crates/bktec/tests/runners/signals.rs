//! Signals that pass through the real client to a runner.
//!
//! A Python script replaces the runner and logs the signals it gets; others provide a terminal.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use test_engine_testkit::clean_command;

use crate::tools;

const TIMEOUT: Duration = Duration::from_mins(1);

/// Logs each signal. Exits shortly after the first, late enough to notice a duplicate; `stubborn`
/// never exits by itself.
const RUNNER: &str = r#"
import os, signal, sys, time
stubborn = "stubborn" in sys.argv
names = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1"]
seen = []
def note(number, frame):
    seen.append(number)
    with open("log", "a") as log:
        log.write(signal.Signals(number).name + "\n")
for name in names:
    signal.signal(getattr(signal, name), note)
with open("attempts", "a") as attempts:
    attempts.write("attempt\n")
open("result.json", "w").write("""{"examples":[{"id":"./a[1:1]","description":"t",
    "full_description":"S t","status":"failed"}],"summary":{}}""")
open("ready.new", "w").write(str(os.getpid()))
os.rename("ready.new", "ready")
while stubborn or not seen:
    time.sleep(0.05)
time.sleep(0.5)
sys.exit(1 if "fails" in sys.argv else 7)
"#;

/// Runs the command in its arguments on a new terminal and presses a key when the runner is ready.
const TERMINAL: &str = r#"
import os, pty, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
deadline = time.time() + 50
while not os.path.exists("ready") and time.time() < deadline:
    time.sleep(0.05)
os.write(terminal, bytes([int(sys.argv[1])]))
try:
    while os.read(terminal, 4096):
        pass
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// Runs the command in its arguments on a new terminal, as a shell with job control: presses Ctrl-Z
/// when the runner is ready, waits until the job has stopped, continues it in the foreground and
/// presses Ctrl-C.
const SHELL: &str = r#"
import os, pty, signal, sys, time
def wait_for(name):
    deadline = time.time() + 50
    while not os.path.exists(name) and time.time() < deadline:
        time.sleep(0.05)
pid, terminal = pty.fork()
if pid == 0:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execvp(sys.argv[1], sys.argv[1:])
    status = os.waitpid(job, os.WUNTRACED)[1]
    if os.WIFSTOPPED(status):
        open("stopped", "w").write(signal.Signals(os.WSTOPSIG(status)).name)
        os.tcsetpgrp(0, job)
        os.killpg(job, signal.SIGCONT)
        open("continued", "w").close()
        status = os.waitpid(job, 0)[1]
    os._exit(os.waitstatus_to_exitcode(status))
wait_for("ready")
os.write(terminal, b"\x1a")
wait_for("continued")
os.write(terminal, b"\x03")
try:
    while os.read(terminal, 4096):
        pass
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

struct Job {
    directory: TempDir,
    server: String,
}

impl Job {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs_err::write(directory.path().join("runner.py"), RUNNER).unwrap();
        fs_err::write(directory.path().join("terminal.py"), TERMINAL).unwrap();
        fs_err::write(directory.path().join("shell.py"), SHELL).unwrap();
        Self {
            directory,
            server: serve(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, program: &Path, runner_arguments: &str) -> Command {
        let mut command = clean_command(program, self.directory.path());
        command.current_dir(self.directory.path()).envs([
            ("BUILDKITE_ORGANIZATION_SLUG", "org"),
            ("BUILDKITE_BUILD_ID", "build"),
            ("BUILDKITE_STEP_ID", "step"),
            ("BUILDKITE_TEST_ENGINE_SUITE_SLUG", "suite"),
            ("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN", "token"),
            ("BUILDKITE_TEST_ENGINE_BASE_URL", &self.server),
            ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "rspec"),
            ("BUILDKITE_TEST_ENGINE_RESULT_PATH", "result.json"),
            ("BUILDKITE_TEST_ENGINE_FILES", "files"),
        ]);
        let python = tools::on_path("python3");
        let test_command = format!("{} runner.py {runner_arguments}", python.display());
        command.env("BUILDKITE_TEST_ENGINE_TEST_CMD", test_command);
        fs_err::write(self.path("files"), "a_spec.rb\n").unwrap();
        command
    }

    fn start(&self, runner_arguments: &str, retries: &str) -> Child {
        // Ignored signals are inherited, for example from nohup.
        let mut command = self.command(&tools::on_path("env"), runner_arguments);
        command.env("BUILDKITE_TEST_ENGINE_RETRY_COUNT", retries);
        command
            .args(["--default-signal", env!("CARGO_BIN_EXE_bktec"), "run"])
            .stdout(self.output())
            .stderr(self.output())
            // CI agents start a job in a process group of its own.
            .process_group(0);
        let child = command.spawn().unwrap();
        self.wait_for("ready");
        child
    }

    fn output(&self) -> std::fs::File {
        fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("output"))
            .unwrap()
            .into()
    }

    fn wait_for(&self, name: &str) {
        let deadline = Instant::now() + TIMEOUT;
        while !self.path(name).exists() {
            assert!(
                Instant::now() < deadline,
                "timed out waiting for {name}; output:\n{}",
                self.read("output")
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn read(&self, name: &str) -> String {
        fs_err::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn runner(&self) -> Pid {
        Pid::from_raw(self.read("ready").parse().unwrap()).unwrap()
    }

    /// Waits for the exit code.
    fn end(&self, child: &mut Child) -> i32 {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(
                Instant::now() < deadline,
                "timed out; signals of the runner:\n{}\noutput:\n{}",
                self.read("log"),
                self.read("output")
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Responds to every request with a plan of one file for node 0.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Clients may disconnect.
            let _ = respond(&stream);
        }
    });
    address
}

fn respond(stream: &TcpStream) -> std::io::Result<()> {
    const PLAN: &str = r#"{"identifier":"build/step","parallelism":1,
        "tasks":{"0":{"node_number":0,"tests":[{"path":"a_spec.rb"}]}}}"#;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    write!(
        &*stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{PLAN}",
        PLAN.len()
    )
}

#[rstest]
#[case(Signal::HUP, "SIGHUP\n")]
#[case(Signal::INT, "SIGINT\n")]
#[case(Signal::QUIT, "SIGQUIT\n")]
#[case(Signal::TERM, "SIGTERM\n")]
#[case(Signal::USR1, "SIGUSR1\n")]
fn a_signal_reaches_the_runner_once(#[case] signal: Signal, #[case] seen: &str) {
    let job = Job::new();
    let mut bktec = job.start("", "0");
    kill_process(Pid::from_child(&bktec), signal).unwrap();
    assert_eq!(job.end(&mut bktec), 7, "{}", job.read("output"));
    assert_eq!(job.read("log"), seen);
}

/// Buildkite's agent, timeout(1) and others signal the process group of a job.
#[rstest]
#[case(Signal::HUP, "SIGHUP\n")]
#[case(Signal::INT, "SIGINT\n")]
#[case(Signal::QUIT, "SIGQUIT\n")]
#[case(Signal::TERM, "SIGTERM\n")]
#[case(Signal::USR1, "SIGUSR1\n")]
fn a_signal_to_the_group_reaches_the_runner_once(#[case] signal: Signal, #[case] seen: &str) {
    let job = Job::new();
    let mut bktec = job.start("", "0");
    kill_process_group(Pid::from_child(&bktec), signal).unwrap();
    assert_eq!(job.end(&mut bktec), 7, "{}", job.read("output"));
    assert_eq!(job.read("log"), seen);
}

/// The client still recognises signals to the group after the first one.
#[test]
fn a_signal_to_the_client_after_one_to_the_group_reaches_the_runner() {
    let job = Job::new();
    let mut bktec = job.start("stubborn", "0");
    for (number, to_group) in [true, false, true, false].into_iter().enumerate() {
        let pid = Pid::from_child(&bktec);
        if to_group {
            kill_process_group(pid, Signal::INT).unwrap();
        } else {
            kill_process(pid, Signal::INT).unwrap();
        }
        let deadline = Instant::now() + TIMEOUT;
        while job.read("log").lines().count() <= number {
            assert!(Instant::now() < deadline, "a signal was lost");
            std::thread::sleep(Duration::from_millis(10));
        }
        // The client may still be handling the signal, and equal pending signals are merged.
        std::thread::sleep(Duration::from_millis(500));
    }
    kill_process(job.runner(), Signal::KILL).unwrap();
    assert_eq!(job.end(&mut bktec), 137);
    assert!(job.read("log").lines().all(|line| line == "SIGINT"));
}

#[test]
fn a_continued_job_receives_signals_of_the_terminal() {
    let job = Job::new();
    let mut command = job.command(&tools::on_path("python3"), "");
    command.args(["shell.py", env!("CARGO_BIN_EXE_bktec"), "run"]);
    let mut shell = command
        .stdout(job.output())
        .stderr(job.output())
        .spawn()
        .unwrap();
    assert_eq!(job.end(&mut shell), 7, "{}", job.read("output"));
    assert_eq!(job.read("stopped"), "SIGTSTP");
    assert_eq!(job.read("log"), "SIGINT\n");
}

#[rstest]
#[case(3, "SIGINT\n")]
#[case(28, "SIGQUIT\n")]
fn a_key_on_the_terminal_reaches_the_runner_once(#[case] key: u8, #[case] seen: &str) {
    let job = Job::new();
    let mut command = job.command(&tools::on_path("python3"), "");
    command.args([
        "terminal.py",
        &key.to_string(),
        env!("CARGO_BIN_EXE_bktec"),
        "run",
    ]);
    let mut terminal = command
        .stdout(job.output())
        .stderr(job.output())
        .spawn()
        .unwrap();
    assert_eq!(job.end(&mut terminal), 7, "{}", job.read("output"));
    assert_eq!(job.read("log"), seen);
}

#[test]
fn an_interrupted_run_is_not_retried() {
    let job = Job::new();
    let mut bktec = job.start("fails", "1");
    kill_process(Pid::from_child(&bktec), Signal::TERM).unwrap();
    assert_eq!(job.end(&mut bktec), 1, "{}", job.read("output"));
    assert_eq!(job.read("attempts"), "attempt\n");
    assert!(
        job.read("output")
            .contains("SIGTERM arrived while the tests ran"),
        "{}",
        job.read("output")
    );
}

#[test]
fn the_exit_code_is_that_of_a_killed_runner() {
    let job = Job::new();
    let mut bktec = job.start("", "0");
    kill_process(job.runner(), Signal::KILL).unwrap();
    assert_eq!(job.end(&mut bktec), 137);
    assert!(
        job.read("output").contains("killed by signal 9 (SIGKILL)"),
        "{}",
        job.read("output")
    );
}

#[test]
fn a_third_signal_kills_a_stubborn_runner() {
    let job = Job::new();
    let mut bktec = job.start("stubborn", "0");
    for delivered in 0..3 {
        // One at a time, because equal pending signals are merged.
        let deadline = Instant::now() + TIMEOUT;
        while job.read("log").lines().count() < delivered {
            assert!(Instant::now() < deadline, "a signal was lost");
            std::thread::sleep(Duration::from_millis(10));
        }
        kill_process(Pid::from_child(&bktec), Signal::TERM).unwrap();
    }
    assert_eq!(job.end(&mut bktec), 137);
}

#[test]
fn a_stubborn_runner_is_killed_some_time_after_the_second_signal() {
    let job = Job::new();
    let mut bktec = job.start("stubborn", "0");
    kill_process(Pid::from_child(&bktec), Signal::TERM).unwrap();
    let deadline = Instant::now() + TIMEOUT;
    while job.read("log").is_empty() {
        assert!(Instant::now() < deadline, "the signal was lost");
        std::thread::sleep(Duration::from_millis(10));
    }
    kill_process(Pid::from_child(&bktec), Signal::TERM).unwrap();
    assert_eq!(job.end(&mut bktec), 137);
}
