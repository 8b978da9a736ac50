//! Waits for what a server does in the background.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Only ends tests whose condition will never hold. Much longer than the slowest machine needs, so
/// that no result depends on the speed of the machine.
const TIMEOUT: Duration = Duration::from_mins(5);
const POLL_PERIOD: Duration = Duration::from_millis(20);

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    wait_for(what, || condition().then_some(()).ok_or("not yet"));
}

/// Waits until `look` returns a value. Its errors say what it found instead; the last one is the
/// message of a test that waited in vain.
#[track_caller]
pub(crate) fn wait_for<T, E: Debug>(what: &str, look: impl Fn() -> Result<T, E>) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(instead) => assert!(
                began.elapsed() < TIMEOUT,
                "waited too long for {what}: {instead:?}"
            ),
        }
        std::thread::sleep(POLL_PERIOD);
    }
}
