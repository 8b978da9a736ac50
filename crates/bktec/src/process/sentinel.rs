//! A small process beside this one that shows who a signal was meant for.
//!
//! The system tells who sent a signal, not whether it went to this process or to its whole group.
//! The sentinel stands in the group and does nothing; a signal that ends it went to the group, and
//! so to the child as well. It ends by itself when this process is gone. See
//! `docs/design/signals.md`.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a signal to the group may take to end the sentinel. A signal meant for this process
/// alone is passed on this much later.
const LIMIT: Duration = Duration::from_millis(200);

/// What it runs: reads an input on which nothing ever comes, and leaves no core file behind.
const SCRIPT: &str = "ulimit -c 0; exec cat";

/// The process.
pub(super) struct Sentinel {
    process: Child,
    ended: Option<ExitStatus>,
}

impl Sentinel {
    /// Starts one; `None` where that cannot be done. Signals are then taken as meant for this
    /// process alone.
    #[expect(
        clippy::disallowed_methods,
        reason = "this module is part of the place that starts processes"
    )]
    pub(super) fn post() -> Option<Self> {
        let process = Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .spawn()
            .ok()?;
        Some(Self {
            process,
            ended: None,
        })
    }

    /// Whether this signal has ended it. Waits a moment for that.
    pub(super) fn was_ended_by(&mut self, signal: i32) -> bool {
        let deadline = Instant::now() + LIMIT;
        while !self.has_ended() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.ended.and_then(|status| status.signal()) == Some(signal)
    }

    pub(super) fn has_ended(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.process.try_wait().ok().flatten();
        }
        self.ended.is_some()
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        if !self.has_ended() {
            // It cannot be gone and replaced by a stranger: nobody else waits for it.
            drop(self.process.kill());
            drop(self.process.wait());
        }
    }
}
