//! The file that a runner writes its results to, and whether this attempt wrote it.
//!
//! A file left from an earlier attempt or an earlier run must never be read as this attempt's. It
//! is removed before; where that cannot be done, it is remembered and compared.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use test_engine_results::ParseError;

use crate::result_size::{LARGEST, LARGEST_IN_WORDS};

/// Why an attempt has no results to go by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The runner has no result file; its exit code is all there is.
    #[error("no result file is asked for")]
    NotWanted,
    /// A signal ended the runner.
    #[error("the runner was killed by signal {signal}")]
    Killed {
        /// Which.
        signal: i32,
    },
    /// An exit code by which the runner says that it did not finish.
    #[error("the runner broke off (exit code {code}), so its results are not read")]
    BrokeOff {
        /// Which.
        code: i32,
    },
    /// The runner wrote none.
    #[error(
        "the runner wrote no results to {}\ncheck that the test command names this file, or holds {{{{resultPath}}}}",
        path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is from before.
    #[error("the results in {} were there before, so they are not this attempt's", path.display())]
    Stale {
        /// The file.
        path: PathBuf,
    },
    /// A directory, a pipe, a device.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// What it is called.
        path: PathBuf,
    },
    /// More than is read into memory.
    #[error("the results in {} are larger than {}", path.display(), LARGEST_IN_WORDS)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The system would not let it be read.
    #[error("read the results in {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It does not hold what it should.
    #[error("the results in {} are {error}", path.display())]
    Unparsable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: ParseError,
    },
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    length: u64,
    changed: (i64, i64),
    modified: (i64, i64),
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A result file that an attempt is about to write.
pub(super) struct ResultFile<'p> {
    pub(super) path: &'p Path,
    /// What could not be removed.
    before: Option<Identity>,
}

impl<'p> ResultFile<'p> {
    /// Makes way for new results in `directory` or elsewhere: removes what is there, and makes the
    /// folder. Where that fails, the runner will fail too and say why.
    pub(super) fn expect(directory: &Path, path: &'p Path) -> Self {
        if let Some(folder) = path.parent().filter(|_| directory.is_dir()) {
            drop(fs_err::create_dir_all(folder));
        }
        let is_plain = fs_err::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
        if is_plain {
            drop(fs_err::remove_file(path));
        }
        let before = fs_err::metadata(path)
            .ok()
            .map(|metadata| Identity::of(&metadata));
        Self { path, before }
    }

    /// Whether there is a regular file that was not there, or not like this, before.
    pub(super) fn is_fresh(&self) -> bool {
        self.look().is_ok()
    }

    pub(super) fn read(&self) -> Result<Vec<u8>, Unread> {
        self.look()?;
        #[expect(clippy::disallowed_methods, reason = "the error names the file itself")]
        std::fs::read(self.path).map_err(|error| self.unreadable(&error))
    }

    /// Makes way for the next part's results, which go to the same place, and keeps these beside:
    /// `results.json` of part 2 becomes `results.part-2.json`. They have been read already, so what
    /// cannot be kept is no error.
    pub(super) fn put_aside(&self, part: usize) {
        if self.is_fresh() {
            drop(fs_err::rename(self.path, aside(self.path, part)));
        }
    }

    fn look(&self) -> Result<(), Unread> {
        let path = || self.path.to_owned();
        let metadata = match self.path.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Unread::Missing { path: path() });
            }
            Err(error) => return Err(self.unreadable(&error)),
        };
        if !metadata.is_file() {
            return Err(Unread::NotAFile { path: path() });
        }
        if self.before == Some(Identity::of(&metadata)) {
            return Err(Unread::Stale { path: path() });
        }
        if metadata.len() > LARGEST {
            return Err(Unread::TooLarge { path: path() });
        }
        Ok(())
    }

    fn unreadable(&self, error: &io::Error) -> Unread {
        Unread::Unreadable {
            path: self.path.to_owned(),
            reason: error.to_string(),
        }
    }
}

fn aside(path: &Path, part: usize) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".part-{part}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_file_is_gone_before_the_attempt() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/result.json");
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, "old").unwrap();
        let file = ResultFile::expect(folder.path(), &path);
        assert_eq!(file.read(), Err(Unread::Missing { path: path.clone() }));
        fs_err::write(&path, "new").unwrap();
        assert_eq!(file.read().unwrap(), b"new");
    }

    #[test]
    fn results_of_a_part_are_kept_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        let file = ResultFile::expect(folder.path(), &path);
        fs_err::write(&path, "one").unwrap();
        file.put_aside(1);
        assert!(!path.exists());
        let kept = folder.path().join("result.part-1.json");
        assert_eq!(fs_err::read(kept).unwrap(), b"one");
        assert_eq!(aside(Path::new("a/out"), 3), Path::new("a/out.part-3"));
    }

    #[test]
    fn the_folder_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/result.json");
        ResultFile::expect(folder.path(), &path);
        assert!(path.parent().unwrap().is_dir());
    }

    #[test]
    fn what_cannot_be_removed_is_remembered() {
        // A link is not removed: where it leads may be shared, but its target can be compared.
        let folder = tempfile::tempdir().unwrap();
        let (target, path) = (folder.path().join("target"), folder.path().join("link"));
        fs_err::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        let file = ResultFile::expect(folder.path(), &path);
        assert_eq!(file.read(), Err(Unread::Stale { path: path.clone() }));
        assert!(!file.is_fresh());
        fs_err::write(&target, "newer").unwrap();
        assert_eq!(file.read().unwrap(), b"newer");
    }

    #[test]
    fn a_folder_or_a_device_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = ResultFile::expect(folder.path(), folder.path());
        assert!(matches!(file.read(), Err(Unread::NotAFile { .. })));
        let endless = ResultFile::expect(folder.path(), Path::new("/dev/zero"));
        assert!(matches!(endless.read(), Err(Unread::NotAFile { .. })));
        assert!(Path::new("/dev/zero").exists());
    }
}
