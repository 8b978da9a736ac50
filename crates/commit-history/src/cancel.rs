//! Stops a piece of work early: one token that ends every git process and can be polled.

use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Cancels work in progress. Clones share one state.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<Shared>);

#[derive(Default)]
struct Shared {
    cancelled: AtomicBool,
    children: Mutex<Vec<Weak<Mutex<Child>>>>,
}

impl CancelToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether [`Self::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// Terminates the running git processes and prevents new ones. Idempotent.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        let children: Vec<_> = lock(&self.0.children).clone();
        for child in children.iter().filter_map(Weak::upgrade) {
            terminate(&child);
        }
    }

    /// Registers a process: it ends with the returned value or on cancellation.
    pub(crate) fn adopt(&self, child: Child) -> OwnedChild {
        let child = Arc::new(Mutex::new(child));
        {
            let mut children = lock(&self.0.children);
            children.retain(|child| child.strong_count() > 0);
            children.push(Arc::downgrade(&child));
        }
        // The token may have been cancelled between the spawn and the registration.
        if self.is_cancelled() {
            terminate(&child);
        }
        OwnedChild(child)
    }
}

/// A process that is terminated and reaped on drop.
pub(crate) struct OwnedChild(Arc<Mutex<Child>>);

impl OwnedChild {
    /// Waits for the exit. Read the output to its end first: cancellation blocks during this wait.
    pub(crate) fn wait(&self) -> std::io::Result<std::process::ExitStatus> {
        lock(&self.0).wait()
    }
}

impl Drop for OwnedChild {
    fn drop(&mut self) {
        terminate(&self.0);
        // Fails only when the process is gone already.
        let _ = lock(&self.0).wait();
    }
}

/// Sends SIGTERM, so that a fetch removes its temporary files.
fn terminate(child: &Mutex<Child>) {
    let mut child = lock(child);
    // The ID of a reaped process may belong to another process by now.
    if matches!(child.try_wait(), Ok(None)) {
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&child),
            rustix::process::Signal::TERM,
        );
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic cannot leave a list of handles, or a handle, in an inconsistent state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
