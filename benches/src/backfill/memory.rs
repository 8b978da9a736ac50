//! The peak memory of a program and all its descendants.
//!
//! Shared pages are counted once, proportionally. Mapped files of the repository, which the system
//! can drop at any time, are counted separately.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Peak values in kilobytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Peak {
    /// Including mapped files.
    pub(super) all: u64,
    /// Anonymous memory only.
    pub(super) own: u64,
}

/// Runs a command and samples its memory.
pub(super) fn peak(command: &mut Command) -> anyhow::Result<Peak> {
    let mut child = command.spawn().context("start the program")?;
    let mut peak = Peak::default();
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "it failed ({status})");
            return Ok(peak);
        }
        let family = family(child.id());
        let sum = |field| {
            family
                .iter()
                .filter_map(|process| kilobytes(*process, field))
                .sum()
        };
        peak.all = peak.all.max(sum("Pss:"));
        peak.own = peak.own.max(sum("Pss_Anon:"));
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// A process and its descendants.
fn family(first: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs_err::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let number: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs_err::read_to_string(format!("/proc/{number}/stat")).ok()?;
            // The program name before it is in parentheses and can contain anything.
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            Some((number, parent))
        })
        .collect();
    let mut family = vec![first];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(number, _)| *number),
        );
        next += 1;
    }
    family
}

fn kilobytes(process: u32, field: &str) -> Option<u64> {
    let rollup = fs_err::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
