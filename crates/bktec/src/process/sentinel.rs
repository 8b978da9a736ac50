//! A small process that shows whether a signal was sent to the whole process group.
//!
//! The system reports who sent a signal, but not whether it went to this process alone. The
//! sentinel is in the same group and does nothing. A signal that kills it went to the group, so the
//! child received it as well. It exits when this process is gone. See `docs/design/signals.md`.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long a signal to the group may take to kill the sentinel. A signal to this process alone is
/// forwarded with this delay.
const KILL_TIMEOUT: Duration = Duration::from_millis(200);

/// Reads an input on which nothing ever arrives. Started without a shell, which takes twice as long
/// and may ignore signals itself.
const PROGRAMS: [&str; 2] = ["/bin/cat", "cat"];

/// The sentinels of this process that no runner needs.
pub(super) static SENTINELS: Sentinels = Sentinels::new();

pub(super) struct Sentinels {
    prepared: Mutex<Prepared>,
    /// Not reaped yet: that has to wait until the system has taken them down, and the next step of
    /// a run does not.
    killed: Mutex<Vec<Child>>,
}

/// A sentinel for the next runner.
enum Prepared {
    Nothing,
    Starting(JoinHandle<Option<Sentinel>>),
    Ready(Sentinel),
}

impl Prepared {
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Nothing)
    }
}

impl Sentinels {
    const fn new() -> Self {
        Self {
            prepared: Mutex::new(Prepared::Nothing),
            killed: Mutex::new(Vec::new()),
        }
    }

    /// Starts the sentinel of the next runner in another thread.
    pub(super) fn prepare(&self) {
        let mut prepared = locked(&self.prepared);
        if matches!(*prepared, Prepared::Nothing)
            && let Ok(thread) = std::thread::Builder::new().spawn(Sentinel::start)
        {
            *prepared = Prepared::Starting(thread);
        }
    }

    /// Waits until [`Self::prepare`] is done, which meanwhile limits the core files of every child.
    pub(super) fn finish_preparing(&self) {
        let mut prepared = locked(&self.prepared);
        *prepared = match prepared.take() {
            Prepared::Starting(thread) => match thread.join() {
                Ok(Some(sentinel)) => Prepared::Ready(sentinel),
                _ => Prepared::Nothing,
            },
            other => other,
        };
    }

    /// The prepared sentinel, unless there is none or a signal has killed it.
    pub(super) fn take_prepared(&self) -> Option<Sentinel> {
        self.finish_preparing();
        match locked(&self.prepared).take() {
            Prepared::Ready(mut sentinel) => (!sentinel.has_exited()).then_some(sentinel),
            Prepared::Nothing | Prepared::Starting(_) => None,
        }
    }

    /// Kills a sentinel. [`Self::reap`] reaps it.
    pub(super) fn stop(&self, mut sentinel: Sentinel) {
        if !sentinel.has_exited() {
            // Its process id cannot have been reused: only this code reaps it.
            drop(sentinel.process.kill());
            locked(&self.killed).push(sentinel.process);
        }
    }

    /// Waits for the sentinels that were stopped: a zombie stays in a container whose first process
    /// does not reap what it adopts.
    pub(super) fn reap(&self) {
        let processes = std::mem::take(&mut *locked(&self.killed));
        for mut process in processes {
            drop(process.wait());
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Exits by itself if it is dropped, but stays a zombie.
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

#[cfg(test)]
mod tests {
    use rustix::process::{Pid, test_kill_process};

    use super::*;

    #[test]
    fn a_stopped_sentinel_leaves_no_zombie() {
        let sentinels = Sentinels::new();
        let sentinel = Sentinel::start().unwrap();
        let pid = Pid::from_child(&sentinel.process);
        sentinels.stop(sentinel);
        assert!(test_kill_process(pid).is_ok());
        sentinels.reap();
        assert!(test_kill_process(pid).is_err());
    }

    #[test]
    fn a_prepared_sentinel_is_taken_once() {
        let sentinels = Sentinels::new();
        assert!(sentinels.take_prepared().is_none());
        sentinels.prepare();
        sentinels.prepare();
        let mut sentinel = sentinels.take_prepared().unwrap();
        assert!(!sentinel.has_exited());
        assert!(sentinels.take_prepared().is_none());
        sentinels.stop(sentinel);
        sentinels.reap();
    }

    #[test]
    fn a_prepared_sentinel_that_was_killed_is_not_taken() {
        let sentinels = Sentinels::new();
        sentinels.prepare();
        sentinels.finish_preparing();
        if let Prepared::Ready(sentinel) = &mut *locked(&sentinels.prepared) {
            sentinel.process.kill().unwrap();
            sentinel.process.wait().unwrap();
        }
        assert!(sentinels.take_prepared().is_none());
    }
}
