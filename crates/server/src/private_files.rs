//! Keeps stored data private to the user that runs the server: directories 0700, files 0600.
//!
//! New files get these permissions from the umask of the process. The functions here also tighten
//! what an older version has left readable by others.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;

/// The permissions of everyone else.
const OTHERS: u32 = 0o077;
/// What a data directory contains: the database with its log, a key, and stored objects.
const OWN_ENTRIES: [&str; 3] = [
    crate::config::DATABASE_FILE,
    crate::config::SECRET_KEY_FILE,
    "blobs",
];

/// Denies everyone else access to what this process creates, from now on.
pub(crate) fn restrict_new_files() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Tightens a data directory. One that contains other files keeps its permissions, because
/// something else may need them.
pub(crate) fn tighten_directory(directory: &Path) {
    match has_only_own_entries(directory) {
        Ok(true) => tighten(directory),
        Ok(false) => {
            if is_open(directory).unwrap_or(false) {
                tracing::warn!(
                    directory = %directory.display(),
                    "the data directory also contains other files, so its permissions are kept; \
                     other users can list it"
                );
            }
        }
        Err(error) => warn(directory, &error),
    }
}

/// Tightens a database file and the files that SQLite keeps beside it.
pub(crate) fn tighten_database(file: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        tighten(&PathBuf::from(path));
    }
}

fn has_only_own_entries(directory: &Path) -> io::Result<bool> {
    for entry in fs_err::read_dir(directory)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if !OWN_ENTRIES.iter().any(|own| name.starts_with(own)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn mode(path: &Path) -> io::Result<u32> {
    Ok(fs_err::metadata(path)?.permissions().mode())
}

pub(crate) fn is_open(path: &Path) -> io::Result<bool> {
    Ok(mode(path)? & OTHERS != 0)
}

/// Takes the permissions of others away, and adds none. A missing file needs nothing, and a failure
/// is no reason not to start.
fn tighten(path: &Path) {
    let tightened = mode(path).and_then(|mode| {
        if mode & OTHERS == 0 {
            return Ok(());
        }
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode & !OTHERS))
    });
    match tightened {
        Err(error) if error.kind() != io::ErrorKind::NotFound => warn(path, &error),
        _ => {}
    }
}

fn warn(path: &Path, error: &io::Error) {
    tracing::warn!(
        path = %path.display(),
        cause = %error,
        "failed to make stored data private: other users of this machine may be able to read it"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        super::mode(path).unwrap() & 0o777
    }

    fn open_directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let all = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(directory.path(), all).unwrap();
        directory
    }

    #[test]
    fn tightens_what_an_older_version_left_open() {
        let directory = open_directory();
        let database = directory.path().join(crate::config::DATABASE_FILE);
        let log = directory.path().join("test-engine.db-wal");
        for file in [&database, &log] {
            fs_err::write(file, "").unwrap();
        }
        for (file, mode) in [(&database, 0o644), (&log, 0o444)] {
            let readable = std::fs::Permissions::from_mode(mode);
            fs_err::set_permissions(file, readable).unwrap();
        }
        tighten_directory(directory.path());
        tighten_database(&database);
        assert_eq!(mode(directory.path()), 0o700);
        assert_eq!(
            (mode(&database), mode(&log)),
            (0o600, 0o400),
            "nothing is added"
        );
    }

    #[test]
    fn keeps_the_permissions_of_a_directory_with_other_files() {
        let directory = open_directory();
        fs_err::write(directory.path().join("somebody-elses"), "").unwrap();
        tighten_directory(directory.path());
        assert_eq!(mode(directory.path()), 0o755);
    }
}
