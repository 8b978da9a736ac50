//! A small process that shows whether a signal was sent to the whole process group.
//!
//! The system reports who sent a signal, but not whether it went to this process alone. The
//! sentinel is in the same group and does nothing. A signal that kills it went to the group, so the
//! child received it as well. It exits when this process is gone. See `docs/design/signals.md`.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long a signal to the group may take to kill the sentinel. A signal to this process alone is
/// forwarded with this delay.
const KILL_TIMEOUT: Duration = Duration::from_millis(200);

/// Reads an input on which nothing ever arrives. Started without a shell, which takes twice as long
/// and may ignore signals itself.
const PROGRAMS: [&str; 2] = ["/bin/cat", "cat"];

pub(super) struct Sentinel {
    process: Child,
    status: Option<ExitStatus>,
}

impl Sentinel {
    /// `None` if it cannot be started: then every signal is treated as sent to this process alone.
    pub(super) fn start() -> Option<Self> {
        // The sentinel leaves no core file.
        let core = getrlimit(Resource::Core);
        let none = Rlimit {
            current: Some(0),
            ..core
        };
        setrlimit(Resource::Core, none).ok();
        let process = PROGRAMS.into_iter().find_map(spawn);
        setrlimit(Resource::Core, core).ok();
        Some(Self {
            process: process?,
            status: None,
        })
    }

    /// Waits for up to [`KILL_TIMEOUT`].
    pub(super) fn is_killed_by(&mut self, signal: i32) -> bool {
        let deadline = Instant::now() + KILL_TIMEOUT;
        while !self.has_exited() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.status.and_then(|status| status.signal()) == Some(signal)
    }

    pub(super) fn has_exited(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.process.try_wait().ok().flatten();
        }
        self.status.is_some()
    }
}

#[expect(clippy::disallowed_methods, reason = "`process` starts processes")]
fn spawn(program: &str) -> Option<Child> {
    Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .spawn()
        .ok()
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        if !self.has_exited() {
            // Its process id cannot have been reused: only this code reaps it.
            drop(self.process.kill());
            drop(self.process.wait());
        }
    }
}
