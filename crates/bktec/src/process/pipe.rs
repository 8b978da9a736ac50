//! Reading what a child prints, without waiting for strangers.
//!
//! A child may leave processes behind that hold its output open: a browser, a database, a daemon.
//! So the end of a pipe is its end, or a quiet while after the child's own end.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long nothing may come, after the child has ended, before its output counts as complete.
const QUIET: Duration = Duration::from_secs(2);

/// How often the child's end is looked for while nothing comes.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Hands on what comes through the pipe, at once, until it ends.
pub(super) fn read_all(
    mut pipe: impl Read + AsFd,
    child_has_ended: &AtomicBool,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut last_came = Instant::now();
    let mut ended = false;
    loop {
        let ready = match poll(&mut [PollFd::new(&pipe, PollFlags::IN)], Some(&LOOK)) {
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
            last_came = Instant::now();
        } else if !ended {
            // The quiet while begins with the child's end, not before.
            ended = child_has_ended.load(Ordering::Acquire);
            last_came = Instant::now();
        } else if last_came.elapsed() >= QUIET {
            return Ok(());
        }
    }
}

/// Copies the pipe to this process's stdout and to a file. A terminal that went away must not cost
/// the results, so only the file's errors count.
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
