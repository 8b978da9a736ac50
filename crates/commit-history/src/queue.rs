//! Hands results that arrive in any order to one consumer in the order of their indices.
//!
//! How far the workers may run ahead is limited in bytes, so memory does not depend on the number
//! of commits.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::Error;
use crate::diffs::CommitDiff;

/// Limits for results that wait for an earlier one.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;
const MAX_WAITING_RESULTS: usize = 256;

type DiffResult = Result<CommitDiff, Error>;

pub(crate) struct OrderedQueue {
    state: Mutex<State>,
    changed: Condvar,
}

pub(crate) struct State {
    /// Indices still to come, in order; the consumer needs the first one next.
    order: VecDeque<usize>,
    ready: BTreeMap<usize, DiffResult>,
    bytes: usize,
    running_workers: usize,
    failure: Option<Error>,
    stopped: bool,
}

impl OrderedQueue {
    pub(crate) fn new(order: VecDeque<usize>, workers: usize) -> Self {
        let state = State {
            order,
            ready: BTreeMap::new(),
            bytes: 0,
            running_workers: workers,
            failure: None,
            stopped: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits for space. The result that the consumer needs next never waits, so the queue cannot
    /// deadlock. Returns false when the consumer has stopped.
    pub(crate) fn put(&self, index: usize, diff: DiffResult) -> bool {
        let size = diff.as_ref().map_or(0, CommitDiff::memory);
        let mut state = self.lock();
        while !state.stopped
            && state.order.front() != Some(&index)
            && (state.bytes + size > MAX_WAITING_BYTES || state.ready.len() >= MAX_WAITING_RESULTS)
        {
            state = self.wait(state);
        }
        if state.stopped {
            return false;
        }
        state.bytes += size;
        state.ready.insert(index, diff);
        self.changed.notify_all();
        true
    }

    /// Waits for the result with this index, which must be the next one.
    pub(crate) fn take(&self, index: usize) -> Result<DiffResult, Error> {
        let mut state = self.lock();
        loop {
            if let Some(diff) = state.ready.remove(&index) {
                state.bytes -= diff.as_ref().map_or(0, CommitDiff::memory);
                state.order.pop_front();
                self.changed.notify_all();
                return Ok(diff);
            }
            if let Some(failure) = state.failure.take() {
                return Err(failure);
            }
            if state.running_workers == 0 {
                // A worker panicked; the thread scope propagates the panic after this.
                return Err(Error::Cancelled);
            }
            state = self.wait(state);
        }
    }

    pub(crate) fn fail(&self, error: Error) {
        self.update(|state| {
            state.failure.get_or_insert(error);
            state.stopped = true;
        });
    }

    /// Counts a worker as finished on drop, also after a panic: the consumer must not wait for it.
    pub(crate) fn worker_guard(&self) -> OnDrop<'_> {
        OnDrop(self, |state| state.running_workers -= 1)
    }

    /// Stops the workers on drop, so that none waits for space after the consumer has returned.
    pub(crate) fn consumer_guard(&self) -> OnDrop<'_> {
        OnDrop(self, |state| state.stopped = true)
    }
}

pub(crate) struct OnDrop<'a>(&'a OrderedQueue, fn(&mut State));

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.update(self.1);
    }
}
