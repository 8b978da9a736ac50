//! `test-engine serve` as a process, for tests that kill it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A running `test-engine serve`; killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Such as `http://127.0.0.1:40001`.
    pub(crate) base: String,
    /// Lines printed before it listened.
    pub(crate) said: Vec<String>,
}

impl Process {
    /// Starts this command, which must be `test-engine` or exec it, and waits until it listens.
    pub(crate) fn serve(mut command: Command) -> Self {
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "off"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(base) = line.strip_prefix("listening on ") {
                let base = base.to_owned();
                return Self { child, base, said };
            }
            said.push(line);
        }
        let ended = child.wait().unwrap();
        panic!("the server exited before it listened: {ended}, {said:?}");
    }

    pub(crate) fn id(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Sends SIGTERM and waits for a successful exit.
    pub(crate) fn stop(&mut self) {
        rustix::process::kill_process(self.id(), rustix::process::Signal::TERM).unwrap();
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}");
    }

    /// Sends SIGKILL: nothing can be finished or flushed.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _already_dead = self.child.kill();
        let _no_zombie = self.child.wait();
    }
}
