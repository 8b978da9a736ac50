//! Forwards signals to the child that runs in the foreground.
//!
//! The child is in this process's group, as if the user had started it. A signal from the kernel
//! (Ctrl-C, Ctrl-\, a terminal that hangs up) goes to the whole group, including the child; a
//! signal from a process may have, which the sentinel shows. Only signals to this process alone are
//! forwarded. While no child runs, signals have their default effect. The handlers are installed
//! with the first child and stay: removing them could lose a signal.

use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::signal::{
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM,
    SIGWINCH,
};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

use super::sentinel::{SENTINELS, Sentinel};

/// Left out are signals that cannot be caught, that are for a parent (`SIGCHLD`), that report a
/// fault of this process, or that stop and continue jobs, which the terminal sends to the whole
/// group.
const FORWARDED: [i32; 11] = [
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO,
    SIGWINCH,
];

/// Kill no program that does not handle them, so they do not kill the sentinel either.
const IGNORED_BY_DEFAULT: [i32; 1] = [SIGWINCH];

const STOP_SIGNALS: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Until a child is killed after the second `SIGTERM`. A third kills it immediately. No other
/// signal is escalated: a debugger may receive a hundred interrupts.
const SECOND_TERM_TIMEOUT: Duration = Duration::from_secs(5);

/// Forwards signals to one child, from its start to its exit.
pub(super) struct Forwarder {
    shared: Option<Arc<Shared>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A child is about to start, is running, or has just exited.
    is_active: bool,
    child: Option<Pid>,
    /// Signals that arrived before the child started.
    pending: Vec<i32>,
    /// The first stop signal since the forwarder started.
    interrupted_by: Option<i32>,
    terms: u32,
    sentinel: Option<Sentinel>,
    /// Differs for each child.
    generation: u64,
    /// The child has a process group of its own, which no signal to this process's group reaches.
    has_own_group: bool,
}

impl State {
    fn send(&self, child: Pid, signal: i32) {
        let Some(signal) = Signal::from_named_raw(signal) else {
            return;
        };
        // An error means that the child is gone.
        let _ = if self.has_own_group {
            kill_process_group(child, signal)
        } else {
            kill_process(child, signal)
        };
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // The lock is only held for plain assignments, so the state is valid after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(self: &Arc<Self>, origin: &Origin) {
        let signal = origin.signal;
        let mut state = self.state();
        if !state.is_active {
            drop(state);
            // An error means that the signal has no default effect.
            drop(signal_hook::low_level::emulate_default_handler(signal));
            return;
        }
        if STOP_SIGNALS.contains(&signal) && state.interrupted_by.is_none() {
            state.interrupted_by = Some(signal);
        }
        if state.has_own_group || !reached_whole_group(origin, state.sentinel.as_mut()) {
            match state.child {
                Some(child) => state.send(child, signal),
                None => state.pending.push(signal),
            }
        }
        if state.sentinel.as_mut().is_some_and(Sentinel::has_exited) {
            state.sentinel = Sentinel::start();
        }
        if signal == SIGTERM {
            state.terms += 1;
            match (state.terms, state.child) {
                (2, Some(_)) => self.kill_after_timeout(state.generation),
                (3.., Some(child)) => state.send(child, signal_hook::consts::signal::SIGKILL),
                _ => {}
            }
        }
    }

    fn kill_after_timeout(self: &Arc<Self>, generation: u64) {
        let shared = Arc::clone(self);
        std::thread::spawn(move || {
            std::thread::sleep(SECOND_TERM_TIMEOUT);
            let state = shared.state();
            if let Some(child) = state.child
                && state.generation == generation
            {
                state.send(child, signal_hook::consts::signal::SIGKILL);
            }
        });
    }
}

impl Forwarder {
    /// As [`Forwarder::start`], for a child that may handle signals: those that reached the whole
    /// group are not forwarded.
    pub(super) fn start_in_foreground() -> Self {
        let forwarder = Self::start();
        if let Some(shared) = &forwarder.shared {
            let sentinel = SENTINELS.take_prepared().or_else(Sentinel::start);
            shared.state().sentinel = sentinel;
        }
        forwarder
    }

    /// As [`Forwarder::start`], for a child in a process group of its own: the whole group gets
    /// every signal.
    pub(super) fn start_for_group() -> Self {
        let forwarder = Self::start();
        if let Some(shared) = &forwarder.shared {
            shared.state().has_own_group = true;
        }
        forwarder
    }

    /// Keeps signals for the child that is about to start.
    pub(super) fn start() -> Self {
        SENTINELS.reap();
        SENTINELS.finish_preparing();
        let shared = install();
        if let Some(shared) = &shared {
            let mut state = shared.state();
            state.is_active = true;
            state.child = None;
            state.pending.clear();
            state.interrupted_by = None;
            state.terms = 0;
            state.generation += 1;
            state.has_own_group = false;
        }
        Self { shared }
    }

    /// Sends the child the signals that arrived before it started.
    pub(super) fn forward_to(&mut self, child: &Child) {
        if let Some(shared) = &self.shared {
            let pid = Pid::from_child(child);
            let mut state = shared.state();
            state.child = Some(pid);
            for signal in std::mem::take(&mut state.pending) {
                state.send(pid, signal);
            }
        }
    }

    /// Must be called before the child is reaped and its process id may be reused.
    pub(super) fn stop_forwarding(&mut self) {
        if let Some(shared) = &self.shared {
            shared.state().child = None;
        }
    }

    pub(super) fn interrupted_by(&self) -> Option<i32> {
        self.shared
            .as_ref()
            .and_then(|shared| shared.state().interrupted_by)
    }

    /// Ends this process as the stop signal would have.
    pub(super) fn die_if_interrupted(&self) {
        if let Some(signal) = self.interrupted_by() {
            drop(signal_hook::low_level::emulate_default_handler(signal));
        }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            let mut state = shared.state();
            state.is_active = false;
            state.child = None;
            let sentinel = state.sentinel.take();
            drop(state);
            if let Some(sentinel) = sentinel {
                SENTINELS.stop(sentinel);
            }
        }
    }
}

/// `None` if handlers cannot be installed: then the child receives only what goes to the group.
fn install() -> Option<Arc<Shared>> {
    static INSTALLED: OnceLock<Option<Arc<Shared>>> = OnceLock::new();
    INSTALLED
        .get_or_init(|| {
            let ignored = ignored_at_start();
            let forwarded = FORWARDED
                .into_iter()
                .filter(|signal| ignored & (1 << (signal - 1)) == 0);
            let mut signals = SignalsInfo::<WithOrigin>::new(forwarded).ok()?;
            let shared = Arc::new(Shared::default());
            let receiver = Arc::clone(&shared);
            std::thread::Builder::new()
                .name("signals".to_owned())
                .spawn(move || {
                    for origin in signals.forever() {
                        receiver.receive(&origin);
                    }
                })
                .ok()?;
            Some(shared)
        })
        .clone()
}

/// A bit mask of the signals that were ignored when this process started, such as `SIGHUP` under
/// `nohup`. They stay ignored, for the child as well.
fn ignored_at_start() -> u64 {
    let Ok(status) = fs_err::read_to_string("/proc/self/status") else {
        return 0;
    };
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

fn reached_whole_group(origin: &Origin, sentinel: Option<&mut Sentinel>) -> bool {
    let kills_sentinel = !IGNORED_BY_DEFAULT.contains(&origin.signal)
        && sentinel.is_some_and(|sentinel| sentinel.is_killed_by(origin.signal));
    // Systems that do not report the cause report process 0 for signals from the terminal.
    kills_sentinel
        || origin.cause == Cause::Kernel
        || origin.process.is_some_and(|process| process.pid == 0)
}
