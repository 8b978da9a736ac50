//! Checks of the machine: the data directory, its permissions, and the disk.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfs};

use super::checks::Check;
use crate::config::Storage;
use crate::private_files;
use crate::server::file_of;

/// Below this, uploads soon fail.
const MIN_FREE: u64 = 1 << 30;
/// Below this share of the disk, somebody should act.
const FEW_PERCENT: u64 = 10;

pub(super) fn checks(storage: &Storage) -> Vec<Check> {
    let directory = &storage.data_dir;
    if !directory.is_dir() {
        let message = format!("{} does not exist", directory.display());
        // Created when there is a key or an object to store.
        if file_of(storage).is_none() && !directory.exists() {
            let message = format!("{message}, and Postgres needs none");
            return vec![Check::skipped("data directory", message)];
        }
        let fix = "set --data-dir to the directory of the server";
        return vec![Check::failed("data directory", message, fix)];
    }
    vec![writable(directory), private(storage), disk(directory)]
}

fn writable(directory: &Path) -> Check {
    const NAME: &str = "data directory";
    let shown = directory.display();
    match rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Check::ok(NAME, format!("{shown} can be written")),
        Err(error) => Check::failed(
            NAME,
            format!("{shown} cannot be written: {error}"),
            "run this command and the server as the user that owns the directory, and check that \
             the file system is not mounted read-only",
        ),
    }
}

/// What others can read.
fn private(storage: &Storage) -> Check {
    const NAME: &str = "permissions";
    let database = file_of(storage);
    let with = |suffix: &str| {
        database.clone().map(|file| {
            let mut path = file.into_os_string();
            path.push(suffix);
            PathBuf::from(path)
        })
    };
    let files = [
        with(""),
        with("-wal"),
        with("-shm"),
        Some(storage.secret_key_file()),
    ];
    let open: Vec<String> = files
        .into_iter()
        .flatten()
        .filter(|path| private_files::is_open(path).unwrap_or(false))
        .map(|path| path.display().to_string())
        .collect();
    if open.is_empty() {
        return Check::ok(NAME, "only this user can read the data");
    }
    let open = open.join(" ");
    Check::failed(
        NAME,
        format!("other users can read {open}"),
        format!("chmod go= {open}; set UMask=0077 in the unit of the server"),
    )
}

fn disk(directory: &Path) -> Check {
    match rustix::fs::statvfs(directory) {
        Ok(found) => free_space(&found),
        Err(error) => Check::skipped("disk", format!("the free space is unknown: {error}")),
    }
}

fn free_space(disk: &StatVfs) -> Check {
    const NAME: &str = "disk";
    const FIX: &str = "make room, move the data directory to a larger disk, or shorten the \
                       retention";
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let percent = disk.f_bavail.saturating_mul(100) / disk.f_blocks.max(1);
    let message = format!("{} MiB are free, {percent}% of the disk", free >> 20);
    if free < MIN_FREE {
        Check::failed(NAME, message, FIX)
    } else if percent < FEW_PERCENT {
        Check::warning(NAME, message, FIX)
    } else {
        Check::ok(NAME, message)
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::Status;
    use super::*;

    #[test]
    fn little_free_space_is_a_problem() {
        let directory = tempfile::tempdir().unwrap();
        let real = rustix::fs::statvfs(directory.path()).unwrap();
        for (available, blocks, status) in [
            (2 << 20, 4 << 20, Status::Ok),
            (2 << 20, 100 << 20, Status::Warning),
            (1 << 10, 4 << 20, Status::Failed),
        ] {
            let disk = StatVfs {
                f_bavail: available,
                f_blocks: blocks,
                f_frsize: 4096,
                ..real
            };
            let check = free_space(&disk);
            assert_eq!(check.status(), status, "{check:?}");
        }
    }
}
