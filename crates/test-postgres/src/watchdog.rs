//! Ends a cluster when the process that started it has gone, whatever became of that process.
//!
//! The watchdog is a shell that waits for the end of its input. Its input is a pipe that only this
//! process holds, so the system closes it even after a kill; then the shell stops the server and
//! removes the folder.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::installation;

pub(crate) struct Watchdog(Child);

impl Watchdog {
    /// Watches over the cluster in `folder`, whose data are in `folder/data`.
    pub(crate) fn start(folder: &Path) -> Self {
        // Immediate: what is in there is about to be removed. Signals are for those who are tested.
        let script = r#"trap '' HUP INT TERM
            cat >/dev/null
            "$1" stop --silent --mode immediate --pgdata "$2/data" >/dev/null 2>&1
            rm -rf "$2""#;
        let child = installation::command("/bin/sh", Path::new("/"))
            .args(["-c", script, "watchdog"])
            .arg(installation::program("pg_ctl"))
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C reaches the tests' own group only.
            .process_group(0)
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Watchdog {
    /// As at the end of the process, and waits until it is done.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}
