//! Ends a cluster when the process that started it has ended, even after SIGKILL.
//!
//! The watchdog is a shell that waits for the end of its input: a pipe whose other end only this
//! process holds, so the system closes it in any case. Then the shell stops the server and removes
//! the directory.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::installation;

pub(crate) struct Watchdog(Child);

impl Watchdog {
    /// Watches the cluster in `directory`, whose data is in `directory/data`.
    pub(crate) fn start(directory: &Path) -> Self {
        // Immediate, because the data is removed anyway. Signals are meant for the tested programs.
        let script = r#"trap '' HUP INT TERM
            cat >/dev/null
            "$1" stop --silent --mode immediate --pgdata "$2/data" >/dev/null 2>&1
            rm -rf "$2""#;
        let child = installation::command("/bin/sh", Path::new("/"))
            .args(["-c", script, "watchdog"])
            .arg(installation::program("pg_ctl"))
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C reaches only the process group of the tests.
            .process_group(0)
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Watchdog {
    /// Triggers the watchdog and waits until it is done.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}
