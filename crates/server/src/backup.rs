//! Copying a data directory while the server runs. The copy is a data directory itself.
//!
//! The database is copied first, then every other file, so the copy contains every file that its
//! database refers to, unless it was deleted meanwhile. The copy gets its final name only when it
//! is complete and on disk.

use std::io;
use std::path::{Path, PathBuf};

use test_engine_store::{StoreError, copy_database, database_file};

use crate::config::{DATABASE_FILE, Storage};

/// The name under which the database has the time of the latest backup.
pub(crate) const JOB: &str = "backup";
/// The extension of an incomplete copy.
const PARTIAL: &str = "partial";

/// Reads after "failed to back up: ".
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum BackupError {
    #[error("there is no database at {path}; set its location with --data-dir")]
    NoDatabase { path: PathBuf },
    #[error(
        "the database is not a file: back it up with pg_dump, then copy the data directory and the \
         object store"
    )]
    NotAFile,
    #[error("{path} already exists; choose a directory that does not exist")]
    Exists { path: PathBuf },
    #[error("{path} is inside the data directory; choose a directory outside of it")]
    Inside { path: PathBuf },
    #[error("cannot copy the database")]
    Database(#[source] StoreError),
    /// The source names the file.
    #[error("cannot copy a file")]
    File(#[from] io::Error),
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// Size of the database.
    pub database_bytes: u64,
    /// Number of other files, such as stored objects.
    pub files: u64,
    /// Total size of these.
    pub file_bytes: u64,
}

/// Copies the data directory to a new directory `to`.
pub async fn back_up(storage: &Storage, to: &Path) -> Result<Backup, BackupError> {
    let database = match storage.database_url() {
        Some(url) => database_file(url).ok_or(BackupError::NotAFile)?,
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
    let partial = to.with_added_extension(PARTIAL);
    let parent = std::path::absolute(to)?
        .parent()
        .map_or_else(|| PathBuf::from("/"), Path::to_owned);
    fs_err::create_dir_all(&parent)?;
    if fs_err::canonicalize(&parent)?.starts_with(fs_err::canonicalize(&storage.data_dir)?) {
        return Err(BackupError::Inside {
            path: to.to_owned(),
        });
    }
    if partial.exists() {
        // Of a backup that was interrupted.
        fs_err::remove_dir_all(&partial)?;
    }
    fs_err::create_dir(&partial)?;
    let copy = partial.join(DATABASE_FILE);
    copy_database(&database, &copy)
        .await
        .map_err(BackupError::Database)?;
    let mut backup = Backup {
        database_bytes: fs_err::metadata(copy)?.len(),
        ..Backup::default()
    };
    // The database was copied, and its log and lock files belong to the original only.
    copy_directory(&storage.data_dir, &partial, &mut backup, &|name| {
        name.to_string_lossy().starts_with(DATABASE_FILE)
    })?;
    sync_directory(&partial)?;
    fs_err::rename(&partial, to)?;
    fs_err::File::open(&parent)?.sync_all()?;
    Ok(backup)
}

/// Copies a directory, except for those of its own entries that match `is_excluded`.
fn copy_directory(
    from: &Path,
    to: &Path,
    backup: &mut Backup,
    is_excluded: &dyn Fn(&std::ffi::OsStr) -> bool,
) -> io::Result<()> {
    let entries = match fs_err::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if is_excluded(&entry.file_name()) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            fs_err::create_dir_all(&to)?;
            copy_directory(&from, &to, backup, &|_name| false)?;
        } else if kind.is_file() {
            match fs_err::copy(&from, &to) {
                Ok(bytes) => {
                    backup.files += 1;
                    backup.file_bytes += bytes;
                }
                // Deleted since the directory was read: the copy does not need it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Flushes a directory and everything in it to disk.
fn sync_directory(directory: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_directory(&entry.path())?;
        } else {
            fs_err::File::open(entry.path())?.sync_all()?;
        }
    }
    fs_err::File::open(directory)?.sync_all()
}
