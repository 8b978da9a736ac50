//! Signals on their way to the child that runs in the foreground.
//!
//! The child is in this process's group, as if the user had started it. A signal that the kernel
//! made (Ctrl-C, Ctrl-\, a terminal that hangs up) has gone to the whole group, the child included;
//! one that some process sent may have, which the sentinel tells. Only what came to this process
//! alone is passed on. While no child runs, a signal does what it does to any program. Installed at the first child and then for good: a handler cannot be taken
//! back without losing a signal in between.

use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::signal::{
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM,
    SIGWINCH,
};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

use super::sentinel::Sentinel;

/// What is passed on. Not here: what cannot be caught, what belongs to a parent (`SIGCHLD`), what
/// reports a fault of this very process, and the stop and go of job control, which the terminal
/// tells the whole group.
const PASSED_ON: [i32; 11] = [
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO,
    SIGWINCH,
];

/// What ends no program that has not asked for it.
const SPARING: [i32; 1] = [SIGWINCH];

/// Signals that mean: stop what you do.
const STOPPING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// What a child gets to end by itself after the second `SIGTERM`. A third ends it at once. Nothing
/// else is ever escalated: a debugger may well be asked to interrupt a hundred times.
const GRACE_AFTER_SECOND_TERM: Duration = Duration::from_secs(5);

/// One child's time in the foreground.
pub(super) struct Watch {
    shared: Option<Arc<Shared>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A child is about to start, runs, or has just ended.
    watching: bool,
    /// The child, from its start to its death.
    child: Option<Pid>,
    /// Signals for a child that has not quite started.
    waiting: Vec<i32>,
    /// The first of `STOPPING` that came in this watch.
    interrupted_by: Option<i32>,
    terms: u32,
    sentinel: Option<Sentinel>,
    /// Tells one child from the next.
    generation: u64,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // The lock is held for plain assignments only; its content is good after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(self: &Arc<Self>, origin: &Origin) {
        let signal = origin.signal;
        let mut state = self.state();
        if !state.watching {
            drop(state);
            // An error means that the signal has no effect to imitate, so there is none.
            drop(signal_hook::low_level::emulate_default_handler(signal));
            return;
        }
        if STOPPING.contains(&signal) && state.interrupted_by.is_none() {
            state.interrupted_by = Some(signal);
        }
        if !went_to_the_whole_group(origin, state.sentinel.as_mut()) {
            match state.child {
                Some(child) => send(child, signal),
                None => state.waiting.push(signal),
            }
        }
        if state.sentinel.as_mut().is_some_and(Sentinel::has_ended) {
            state.sentinel = Sentinel::post();
        }
        if signal == SIGTERM {
            state.terms += 1;
            match (state.terms, state.child) {
                (2, Some(_)) => self.kill_after_grace(state.generation),
                (3.., Some(child)) => send(child, signal_hook::consts::signal::SIGKILL),
                _ => {}
            }
        }
    }

    fn kill_after_grace(self: &Arc<Self>, generation: u64) {
        let shared = Arc::clone(self);
        std::thread::spawn(move || {
            std::thread::sleep(GRACE_AFTER_SECOND_TERM);
            let state = shared.state();
            if let Some(child) = state.child
                && state.generation == generation
            {
                send(child, signal_hook::consts::signal::SIGKILL);
            }
        });
    }
}

impl Watch {
    /// As [`Watch::begin`], for a child that may run long, and in which signals may mean more than
    /// its end: what went to the whole group is told apart.
    pub(super) fn begin_in_foreground() -> Self {
        let watch = Self::begin();
        if let Some(shared) = &watch.shared {
            shared.state().sentinel = Sentinel::post();
        }
        watch
    }

    /// From here on signals are kept for the child that is about to start.
    pub(super) fn begin() -> Self {
        let shared = install();
        if let Some(shared) = &shared {
            let mut state = shared.state();
            state.watching = true;
            state.child = None;
            state.waiting.clear();
            state.interrupted_by = None;
            state.terms = 0;
            state.generation += 1;
        }
        Self { shared }
    }

    /// Hands over what came in the meantime.
    pub(super) fn child_is(&mut self, child: &Child) {
        if let Some(shared) = &self.shared {
            let pid = Pid::from_child(child);
            let mut state = shared.state();
            state.child = Some(pid);
            for signal in std::mem::take(&mut state.waiting) {
                send(pid, signal);
            }
        }
    }

    /// Nothing may be sent to the child's number any more.
    pub(super) fn child_ended(&mut self) {
        if let Some(shared) = &self.shared {
            shared.state().child = None;
        }
    }

    pub(super) fn interrupted_by(&self) -> Option<i32> {
        self.shared
            .as_ref()
            .and_then(|shared| shared.state().interrupted_by)
    }

    /// Ends this process the way the signal would have.
    pub(super) fn die_if_interrupted(&self) {
        if let Some(signal) = self.interrupted_by() {
            drop(signal_hook::low_level::emulate_default_handler(signal));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            let mut state = shared.state();
            state.watching = false;
            state.child = None;
            let sentinel = state.sentinel.take();
            drop(state);
            drop(sentinel);
        }
    }
}

/// `None` when the system refuses handlers: the child then gets what the terminal sends, no more.
fn install() -> Option<Arc<Shared>> {
    static INSTALLED: OnceLock<Option<Arc<Shared>>> = OnceLock::new();
    INSTALLED
        .get_or_init(|| {
            let ignored = ignored_from_the_start();
            let wanted = PASSED_ON
                .into_iter()
                .filter(|signal| ignored & (1 << (signal - 1)) == 0);
            let mut signals = SignalsInfo::<WithOrigin>::new(wanted).ok()?;
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

/// Signals ignored since before this process began, such as `SIGHUP` under `nohup`, as a bit mask.
/// They stay so, for the child as well.
fn ignored_from_the_start() -> u64 {
    let Ok(status) = fs_err::read_to_string("/proc/self/status") else {
        return 0;
    };
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

fn went_to_the_whole_group(origin: &Origin, sentinel: Option<&mut Sentinel>) -> bool {
    // These leave a sentinel standing, so it would tell nothing.
    let ends_programs = !SPARING.contains(&origin.signal);
    let ended_sentinel =
        ends_programs && sentinel.is_some_and(|sentinel| sentinel.was_ended_by(origin.signal));
    // Systems that do not tell the cause give process 0 for what the terminal did.
    ended_sentinel
        || origin.cause == Cause::Kernel
        || origin.process.is_some_and(|process| process.pid == 0)
}

fn send(child: Pid, signal: i32) {
    if let Some(signal) = Signal::from_named_raw(signal) {
        // A child that is gone needs no signal.
        let _ = kill_process(child, signal);
    }
}
