//! Whether the database can be written, for load balancers: a server that only reads, or whose disk
//! is full, rejects every upload, so others should get the requests.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The result of regular test writes (see `jobs`).
pub(crate) struct WriteHealth {
    /// How long writes may fail. A restart of the database or a full queue takes less.
    tolerated: Duration,
    failing_since: Mutex<Option<Instant>>,
}

impl WriteHealth {
    pub(crate) fn new(tolerated: Duration) -> Self {
        Self {
            tolerated,
            failing_since: Mutex::new(None),
        }
    }

    /// The time between two test writes.
    pub(crate) fn period(&self) -> Duration {
        self.tolerated / 6
    }

    /// Records the result of a write that began then.
    pub(crate) fn record(&self, began: Instant, is_written: bool) {
        let mut since = self
            .failing_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if is_written {
            *since = None;
        } else {
            since.get_or_insert(began);
        }
    }

    /// Whether writes have failed for longer than is tolerated.
    pub(crate) fn has_failed(&self, now: Instant) -> bool {
        let since = self
            .failing_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| now.saturating_duration_since(since) >= self.tolerated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fails_only_after_a_while_and_recovers_at_once() {
        let health = WriteHealth::new(Duration::from_secs(30));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!health.has_failed(at(100)));
        health.record(at(100), false);
        health.record(at(110), false);
        assert!(!health.has_failed(at(129)));
        assert!(health.has_failed(at(130)));
        health.record(at(131), true);
        assert!(!health.has_failed(at(200)));
        health.record(at(200), false);
        assert!(!health.has_failed(at(229)));
    }
}
