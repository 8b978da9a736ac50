//! Ctrl-C during a backfill: terminates git, removes unfinished files, and ends the command.
//!
//! The work notices the cancellation itself. Where it cannot (a stalled connection), the process is
//! ended after a grace period.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use test_engine_commit_history::CancelToken;

/// Time for the work to end by itself.
const GRACE_TIMEOUT: Duration = Duration::from_secs(1);

/// Watches for signals until the process ends.
#[derive(Clone, Default)]
pub(super) struct Interrupt {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    cancel: CancelToken,
    signal: AtomicI32,
    unfinished: Mutex<Option<PathBuf>>,
}

impl Interrupt {
    /// Handles SIGINT, SIGTERM and SIGHUP from now on. A second signal ends the process
    /// immediately.
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
                    std::thread::sleep(GRACE_TIMEOUT);
                    waiting.end_now(signal);
                });
            }
        });
        Ok(interrupt)
    }

    pub(super) fn cancel(&self) -> &CancelToken {
        &self.shared.cancel
    }

    /// The last signal received.
    pub(super) fn signal(&self) -> Option<i32> {
        match self.shared.signal.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal),
        }
    }

    /// Sets the file that is deleted when the process is interrupted.
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
            // Fails only when it is deleted already.
            let _ = fs_err::remove_file(path);
        }
        // Ends the process. Fails only for signals without a terminating default action.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
}
