//! The memory of a running process, as the system reports it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Memory that matters appears and vanishes more slowly.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Bytes that a process has allocated, without the files that it has mapped: their pages belong to
/// the page cache, which the system takes back when memory is short.
///
/// # Panics
///
/// If there is no such process.
#[must_use]
pub fn allocated_memory(process: u32) -> u64 {
    let path = format!("/proc/{process}/status");
    let status = fs_err::read_to_string(path).expect("the process runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line
        .and_then(|line| line.split_whitespace().next())
        .and_then(|kilobytes| kilobytes.parse::<u64>().ok());
    kilobytes.expect("the system reports the memory of a process") * 1024
}

/// How far [`allocated_memory`] rises during some work, above what it is before.
///
/// # Panics
///
/// If the process ends.
pub fn growth_of_memory<T>(process: u32, work: impl FnOnce() -> T) -> (u64, T) {
    let before = allocated_memory(process);
    let is_done = AtomicBool::new(false);
    thread::scope(|threads| {
        let watcher = threads.spawn(|| {
            let mut peak = before;
            while !is_done.load(Ordering::Relaxed) {
                peak = peak.max(allocated_memory(process));
                thread::sleep(POLL_INTERVAL);
            }
            peak
        });
        let result = work();
        is_done.store(true, Ordering::Relaxed);
        let peak = watcher.join().expect("the process runs");
        (peak.saturating_sub(before), result)
    })
}
