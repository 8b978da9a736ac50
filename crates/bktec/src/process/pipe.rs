//! Reads a child's output without waiting for orphaned grandchildren that hold the pipe open.
//!
//! A child may leave a browser, a database or a daemon running. So its output is complete when the
//! pipe ends, or when nothing arrives for a while after the child has exited.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long nothing must arrive after the child has exited.
const QUIET_TIMEOUT: Duration = Duration::from_secs(2);

/// How often to check whether the child has exited while nothing arrives.
const POLL_INTERVAL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Passes everything from the pipe to `take`, without buffering.
pub(super) fn read_all(
    mut pipe: impl Read + AsFd,
    child_has_ended: &AtomicBool,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut last_read = Instant::now();
    let mut ended = false;
    loop {
        let ready = match poll(
            &mut [PollFd::new(&pipe, PollFlags::IN)],
            Some(&POLL_INTERVAL),
        ) {
            Ok(ready) => ready > 0,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        if ready {
            match pipe.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => take(&buffer[..length])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            last_read = Instant::now();
        } else if !ended {
            // The timeout starts when the child exits.
            ended = child_has_ended.load(Ordering::Acquire);
            last_read = Instant::now();
        } else if last_read.elapsed() >= QUIET_TIMEOUT {
            return Ok(());
        }
    }
}

/// Copies the pipe to this process's standard output and to a file. A closed terminal must not lose
/// the results, so only the file's errors are returned.
pub(super) fn copy_to_both(
    pipe: impl Read + AsFd,
    child_has_ended: &AtomicBool,
    file: &mut fs_err::File,
) -> io::Result<()> {
    let mut stdout = Some(io::stdout());
    read_all(pipe, child_has_ended, |bytes| {
        if let Some(open) = stdout.as_mut()
            && open.write_all(bytes).and_then(|()| open.flush()).is_err()
        {
            stdout = None;
        }
        file.write_all(bytes)
    })?;
    file.flush()
}
