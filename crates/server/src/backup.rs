//! A copy of a whole data directory, made while the server runs: a data directory itself.
//!
//! The database goes first, then every other file. So whatever the copied database names is in the
//! copy, unless it was removed meanwhile. The copy appears under its name when it is complete and
//! on disk, never before.

use std::io;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use test_engine_store::{StoreError, copy_database, database_file};

use crate::config::Storage;

/// What a copy under way is called.
const UNFINISHED: &str = "partial";

/// Why there is no backup. Reads after "failed to back up: ".
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to copy.
    #[error("there is no database at {path}; say where it is with --data-dir")]
    NoDatabase {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The database is none that can be copied as a file.
    #[error(
        "the database is not a file: back it up with pg_dump, and the data directory and the \
         object store by copying them afterwards"
    )]
    NotAFile,
    /// The place is taken.
    #[error("{path} is there already; name a directory that does not exist")]
    Exists {
        /// As given.
        path: PathBuf,
    },
    /// The place is inside what is to be copied.
    #[error("{path} lies in the data directory; name a directory outside of it")]
    Inside {
        /// As given.
        path: PathBuf,
    },
    /// The database could not be copied.
    #[error("the database could not be copied")]
    Database(#[source] StoreError),
    /// A file could not be copied; the message names it.
    #[error("a file could not be copied")]
    File(#[from] io::Error),
}

/// What a copy holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Other files, such as stored objects.
    pub files: u64,
    /// Bytes of these.
    pub file_bytes: u64,
}

/// Copies the data directory to a new directory `to`.
pub async fn back_up(storage: &Storage, to: &Path) -> Result<Backup, BackupError> {
    let database = match &storage.database_url {
        Some(url) => database_file(url.expose_secret()).ok_or(BackupError::NotAFile)?,
        None => storage.database(),
    };
    if !database.is_file() {
        return Err(BackupError::NoDatabase { path: database });
    }
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists {
            path: to.to_owned(),
        });
    }
    let unfinished = to.with_added_extension(UNFINISHED);
    let parent = std::path::absolute(to)?
        .parent()
        .map_or_else(|| PathBuf::from("/"), Path::to_owned);
    fs_err::create_dir_all(&parent)?;
    if fs_err::canonicalize(&parent)?.starts_with(fs_err::canonicalize(&storage.data_dir)?) {
        return Err(BackupError::Inside {
            path: to.to_owned(),
        });
    }
    if unfinished.exists() {
        // Of a backup that was interrupted.
        fs_err::remove_dir_all(&unfinished)?;
    }
    fs_err::create_dir(&unfinished)?;
    let copy = Storage {
        data_dir: unfinished.clone(),
        ..storage.clone()
    };
    copy_database(&database, &copy.database())
        .await
        .map_err(BackupError::Database)?;
    let mut backup = Backup {
        database_bytes: fs_err::metadata(copy.database())?.len(),
        ..Backup::default()
    };
    copy_folder(&storage.data_dir, &unfinished, &mut backup, &|name| {
        // The database with its log, and what may not be two at once.
        name.to_string_lossy()
            .starts_with(crate::config::DATABASE_FILE)
    })?;
    sync_folder(&unfinished)?;
    fs_err::rename(&unfinished, to)?;
    fs_err::File::open(&parent)?.sync_all()?;
    Ok(backup)
}

/// Copies what is in a folder, except for what `is_left_out` says of its own entries.
fn copy_folder(
    from: &Path,
    to: &Path,
    backup: &mut Backup,
    is_left_out: &dyn Fn(&std::ffi::OsStr) -> bool,
) -> io::Result<()> {
    let entries = match fs_err::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if is_left_out(&entry.file_name()) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            fs_err::create_dir_all(&to)?;
            copy_folder(&from, &to, backup, &|_name| false)?;
        } else if kind.is_file() {
            match fs_err::copy(&from, &to) {
                Ok(bytes) => {
                    backup.files += 1;
                    backup.file_bytes += bytes;
                }
                // Removed since the folder was read: not needed any more.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Makes a folder and everything in it outlast a power cut.
fn sync_folder(folder: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folder(&entry.path())?;
        } else {
            fs_err::File::open(entry.path())?.sync_all()?;
        }
    }
    fs_err::File::open(folder)?.sync_all()
}
