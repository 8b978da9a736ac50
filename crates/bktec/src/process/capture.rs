//! Helper commands: without input, with their output captured.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::{
    CommandLine, ExecutionEnv, Exit, SpawnError, finish, pipe, prepare, signals, spawn,
    wait_for_exit,
};

#[derive(Clone, Debug)]
pub struct Captured {
    pub exit: Exit,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// It did not end within its timeout.
    pub timed_out: bool,
}

impl Captured {
    /// Standard output, then standard error, for people.
    pub fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.stdout).into_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&String::from_utf8_lossy(&self.stderr));
        text
    }
}

/// Runs a helper command. A stop signal ends the helper and this process: there is nothing to
/// report yet.
pub fn capture(
    command: &CommandLine,
    execution_env: &ExecutionEnv,
) -> Result<Captured, SpawnError> {
    start(command, execution_env, None)
}

/// As [`capture`]; kills the command with all its children if it runs longer than `timeout`.
///
/// For this it has a process group of its own, which receives every signal to this process.
pub fn capture_within(
    timeout: Duration,
    command: &CommandLine,
    execution_env: &ExecutionEnv,
) -> Result<Captured, SpawnError> {
    start(command, execution_env, Some(timeout))
}

fn start(
    command: &CommandLine,
    execution_env: &ExecutionEnv,
    timeout: Option<Duration>,
) -> Result<Captured, SpawnError> {
    let mut prepared = prepare(command, execution_env);
    prepared
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut forwarder = if timeout.is_some() {
        std::os::unix::process::CommandExt::process_group(&mut prepared, 0);
        signals::Forwarder::start_for_group()
    } else {
        signals::Forwarder::start()
    };
    let mut child = spawn(&mut prepared, command, execution_env)?;
    forwarder.forward_to(&child);
    let (stdout_pipe, stderr_pipe) = (child.stdout.take(), child.stderr.take());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let has_ended = AtomicBool::new(false);
    let pid = Pid::from_child(&child);
    let (exit, timed_out) = std::thread::scope(|scope| {
        let has_ended = &has_ended;
        let out = stdout_pipe.map(|pipe| {
            let kept = &mut stdout;
            scope.spawn(move || pipe::read_all(pipe, has_ended, |bytes| kept.write_all(bytes)))
        });
        let err = stderr_pipe.map(|pipe| {
            let kept = &mut stderr;
            scope.spawn(move || pipe::read_all(pipe, has_ended, |bytes| kept.write_all(bytes)))
        });
        let (running, stopped) = mpsc::channel();
        let watchdog =
            timeout.map(|timeout| scope.spawn(move || kill_group_after(timeout, pid, &stopped)));
        wait_for_exit(pid);
        drop(running);
        // Until the child is reaped below, no other process group can have its number.
        let timed_out = watchdog.is_some_and(|watchdog| watchdog.join().unwrap_or_default());
        forwarder.stop_forwarding();
        let exit = super::reap(&mut child, command)?;
        has_ended.store(true, Ordering::Release);
        for reading in [out, err].into_iter().flatten() {
            finish(reading, command)?;
        }
        Ok::<_, SpawnError>((exit, timed_out))
    })?;
    forwarder.die_if_interrupted();
    Ok(Captured {
        exit,
        stdout,
        stderr,
        timed_out,
    })
}

/// Returns whether it killed the group, once the sender of `stopped` is gone.
fn kill_group_after(timeout: Duration, group: Pid, stopped: &Receiver<()>) -> bool {
    if stopped.recv_timeout(timeout) != Err(RecvTimeoutError::Timeout) {
        return false;
    }
    kill_process_group(group, Signal::KILL).is_ok()
}
