//! Stopping early: one switch that ends every git process and tells everybody who looks.
//!
//! Knows nothing of signals or keys; whoever catches those calls [`Cancel::cancel`].

use std::collections::HashMap;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared by all who take part in one piece of work; clones are the same switch.
#[derive(Clone, Default)]
pub struct Cancel {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    cancelled: AtomicBool,
    next_key: AtomicU64,
    children: Mutex<HashMap<u64, Arc<Mutex<Child>>>>,
}

impl Cancel {
    /// A switch that is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether [`Self::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::SeqCst)
    }

    /// Kills every process under way and lets no new one live. Safe to call more than once.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::SeqCst);
        let children: Vec<_> = lock(&self.shared.children).values().cloned().collect();
        for child in children {
            kill(&child);
        }
    }

    /// Puts a process under the switch until the returned value is dropped, which also ends it.
    pub(super) fn adopt(&self, child: Child) -> Adopted {
        let key = self.shared.next_key.fetch_add(1, Ordering::Relaxed);
        let child = Arc::new(Mutex::new(child));
        lock(&self.shared.children).insert(key, Arc::clone(&child));
        // The switch may have been thrown between the spawn and the line above.
        if self.is_cancelled() {
            kill(&child);
        }
        Adopted {
            cancel: self.clone(),
            key,
            child,
        }
    }
}

/// A process that dies with its owner or with the switch, whichever comes first.
pub(super) struct Adopted {
    cancel: Cancel,
    key: u64,
    child: Arc<Mutex<Child>>,
}

impl Adopted {
    /// Waits for the end. Call once its output was read to the end, so that the wait is short:
    /// the switch has to wait as long.
    pub(super) fn wait(&self) -> std::io::Result<std::process::ExitStatus> {
        lock(&self.child).wait()
    }

    pub(super) fn kill(&self) {
        kill(&self.child);
    }
}

impl Drop for Adopted {
    fn drop(&mut self) {
        lock(&self.cancel.shared.children).remove(&self.key);
        kill(&self.child);
        // Fails only for a process that is gone already, which is what is wanted.
        let _ = lock(&self.child).wait();
    }
}

/// Asks it to end, so that a fetch takes its temporary files with it.
fn kill(child: &Mutex<Child>) {
    let mut child = lock(child);
    // A process that was waited for is no longer its number's owner.
    if matches!(child.try_wait(), Ok(None)) {
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&child),
            rustix::process::Signal::TERM,
        );
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is inside stays sound when a holder panicked: a map of handles, or a handle.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
