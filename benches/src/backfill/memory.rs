//! How much memory a program and all it starts hold together, at the worst moment seen.
//!
//! Pages that several share are counted once, each in its part. The repository's own files, which
//! git maps into memory and the system may drop at any time, are told apart.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Kilobytes at the worst moment, of either kind.
#[derive(Clone, Copy, Default)]
pub(super) struct Peak {
    /// With the pages of files.
    pub(super) all: u64,
    /// Without.
    pub(super) own: u64,
}

/// Runs it to the end.
pub(super) fn peak(command: &mut Command) -> anyhow::Result<Peak> {
    let mut child = command.spawn().context("start the program")?;
    let mut peak = Peak::default();
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "it ended with {status}");
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
        std::thread::sleep(LOOK_EVERY);
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
            // The name in front is in brackets and may hold anything.
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
