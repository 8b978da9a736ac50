//! Ctrl-C during a backfill: git is ended, files under way are removed, the command comes back.
//!
//! The work notices by itself within moments; where it cannot (a connection that does not move), the
//! process is ended for it after a short grace.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::git::Cancel;

/// What the work gets to end by itself.
const GRACE: Duration = Duration::from_secs(1);

/// Watches for signals until the process ends.
#[derive(Clone, Default)]
pub(super) struct Interrupt {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    cancel: Cancel,
    signal: AtomicI32,
    unfinished: Mutex<Option<PathBuf>>,
}

impl Interrupt {
    /// Catches Ctrl-C and its relatives from here on.
    pub(super) fn install() -> std::io::Result<Self> {
        let interrupt = Self::default();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let watching = interrupt.clone();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if watching.signal().is_some() {
                    watching.end_now(signal);
                }
                watching.shared.signal.store(signal, Ordering::SeqCst);
                watching.shared.cancel.cancel();
                let waiting = watching.clone();
                std::thread::spawn(move || {
                    std::thread::sleep(GRACE);
                    waiting.end_now(signal);
                });
            }
        });
        Ok(interrupt)
    }

    /// The switch that a signal throws.
    pub(super) fn cancel(&self) -> &Cancel {
        &self.shared.cancel
    }

    /// The first signal that came.
    pub(super) fn signal(&self) -> Option<i32> {
        match self.shared.signal.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal),
        }
    }

    /// Names a file that must not outlive an interrupted process; `None` when there is none.
    pub(super) fn set_unfinished(&self, path: Option<&Path>) {
        *self.unfinished() = path.map(Path::to_owned);
    }

    fn unfinished(&self) -> std::sync::MutexGuard<'_, Option<PathBuf>> {
        self.shared
            .unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn end_now(&self, signal: i32) {
        if let Some(path) = self.unfinished().take() {
            // Gone already is as good.
            let _ = fs_err::remove_file(path);
        }
        // Ends the process; an error would mean that the signal cannot do so.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
}
