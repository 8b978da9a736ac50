//! The file that a runner writes its results to, and whether this attempt wrote it.
//!
//! A file left by an earlier attempt or an earlier run must never be read as this attempt's. It is
//! removed beforehand; if that fails, its identity is remembered and compared.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use test_engine_results::ParseError;

use crate::process::CommandLine;
use crate::result_size::{MAX_RESULT_BYTES, MAX_RESULT_SIZE};

/// Why an attempt has no usable results, in sentences without the last full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoResults {
    /// The runner has no result file; its exit code is all there is.
    #[error("No result file is configured")]
    NotConfigured,
    #[error("The runner was killed by signal {signal}")]
    Killed { signal: i32 },
    /// A further part of the attempt.
    #[error("A part of the tests did not run: {reason}")]
    NotStarted { reason: String },
    /// By its exit code, the runner did not finish. The reason is the runner's own.
    #[error("{reason}")]
    RunnerStopped { reason: String },
    #[error(
        "The runner exited with code {code} but wrote no results to {}{}",
        path.display(),
        if *is_in_command { ". Did a test end the process?" } else { "" }
    )]
    NotWritten {
        path: PathBuf,
        code: i32,
        is_in_command: bool,
    },
    #[error("The results in {} are older than this attempt", path.display())]
    Stale { path: PathBuf },
    #[error("{} is not a regular file", path.display())]
    NotAFile { path: PathBuf },
    #[error("The results in {} are larger than {}", path.display(), MAX_RESULT_SIZE)]
    TooLarge { path: PathBuf },
    #[error("Cannot read the results in {}: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("The results in {} are {error}", path.display())]
    Invalid { path: PathBuf, error: ParseError },
}

impl NoResults {
    /// Whether results were to be expected. A runner without a result file has none, and a killed
    /// runner is reported as such.
    pub fn is_unexpected(&self) -> bool {
        !matches!(self, Self::NotConfigured | Self::Killed { .. })
    }

    pub fn hint(&self) -> Option<&'static str> {
        let is_elsewhere = matches!(self, Self::NotWritten { is_in_command, .. } if !is_in_command);
        is_elsewhere.then_some(
            "the command does not contain this path; add {{resultPath}} to it, or configure the \
             runner to write there",
        )
    }
}

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
pub(super) struct ResultFile {
    pub(super) path: PathBuf,
    is_in_command: bool,
    before: Option<Identity>,
}

impl ResultFile {
    /// Removes the file at `path`, which may be relative to `directory`, and creates its parent
    /// directory. Failures are ignored: the runner will fail as well and report them.
    pub(super) fn expect(directory: &Path, path: &Path, command: &CommandLine) -> Self {
        let text = path.to_string_lossy();
        let is_in_command = command.words().any(|word| word.contains(&*text));
        let path = directory.join(path);
        if let Some(parent) = path.parent().filter(|_| directory.is_dir()) {
            drop(fs_err::create_dir_all(parent));
        }
        if fs_err::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            drop(fs_err::remove_file(&path));
        }
        let before = fs_err::metadata(&path).ok();
        Self {
            before: before.as_ref().map(Identity::of),
            is_in_command,
            path,
        }
    }

    /// Whether there is a readable file that was not there, or not in this state, before.
    pub(super) fn is_fresh(&self) -> bool {
        self.check(0).is_ok()
    }

    /// The content of a fresh file. `code` is the runner's exit code.
    pub(super) fn read(&self, code: i32) -> Result<Vec<u8>, NoResults> {
        self.check(code)?;
        #[expect(clippy::disallowed_methods, reason = "the error names the file itself")]
        std::fs::read(&self.path).map_err(|error| self.unreadable(&error))
    }

    /// Renames the results of a part that is not the last, as the next part writes to the same
    /// path: `results.json` of part 2 becomes `results.part-2.json`. They have been read already,
    /// so a failure is ignored.
    pub(super) fn put_aside(&self, part: usize) {
        if self.is_fresh() {
            drop(fs_err::rename(&self.path, aside(&self.path, part)));
        }
    }

    fn check(&self, code: i32) -> Result<(), NoResults> {
        let path = self.path.clone();
        let metadata = match self.path.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(NoResults::NotWritten {
                    path,
                    code,
                    is_in_command: self.is_in_command,
                });
            }
            Err(error) => return Err(self.unreadable(&error)),
        };
        if !metadata.is_file() {
            Err(NoResults::NotAFile { path })
        } else if self.before == Some(Identity::of(&metadata)) {
            Err(NoResults::Stale { path })
        } else if metadata.len() > MAX_RESULT_BYTES {
            Err(NoResults::TooLarge { path })
        } else {
            Ok(())
        }
    }

    fn unreadable(&self, error: &io::Error) -> NoResults {
        NoResults::Unreadable {
            path: self.path.clone(),
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

    fn expect(directory: &Path, path: &Path) -> ResultFile {
        ResultFile::expect(directory, path, &CommandLine::new("runner", []))
    }

    #[test]
    fn removes_an_old_file_before_the_attempt() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/result.json");
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, "old").unwrap();
        let file = expect(directory.path(), Path::new("deep/result.json"));
        assert!(matches!(file.read(0), Err(NoResults::NotWritten { .. })));
        fs_err::write(&path, "new").unwrap();
        assert_eq!(file.read(0).unwrap(), b"new");
    }

    #[test]
    fn keeps_the_results_of_each_part() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("result.json");
        let file = expect(directory.path(), &path);
        fs_err::write(&path, "one").unwrap();
        file.put_aside(1);
        assert!(!path.exists());
        let kept = directory.path().join("result.part-1.json");
        assert_eq!(fs_err::read(kept).unwrap(), b"one");
        assert_eq!(aside(Path::new("a/out"), 3), Path::new("a/out.part-3"));
    }

    #[test]
    fn creates_the_parent_directory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/result.json");
        expect(directory.path(), &path);
        assert!(path.parent().unwrap().is_dir());
    }

    #[test]
    fn recognizes_an_old_file_that_it_cannot_remove() {
        // A link is not removed, as its target may be shared; but the target can be compared.
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        let path = directory.path().join("link");
        fs_err::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        let file = expect(directory.path(), &path);
        assert_eq!(file.read(0), Err(NoResults::Stale { path: path.clone() }));
        assert!(!file.is_fresh());
        fs_err::write(&target, "newer").unwrap();
        assert_eq!(file.read(0).unwrap(), b"newer");
    }

    #[test]
    fn does_not_read_a_directory_or_a_device() {
        let directory = tempfile::tempdir().unwrap();
        let file = expect(directory.path(), directory.path());
        assert!(matches!(file.read(0), Err(NoResults::NotAFile { .. })));
        let endless = expect(directory.path(), Path::new("/dev/zero"));
        assert!(matches!(endless.read(0), Err(NoResults::NotAFile { .. })));
        assert!(Path::new("/dev/zero").exists());
    }

    #[test]
    fn hints_at_the_result_path_only_if_the_command_lacks_it() {
        let directory = tempfile::tempdir().unwrap();
        let read = |word: &str| {
            let command = CommandLine::new("sh", ["-c".to_owned(), word.to_owned()]);
            let file = ResultFile::expect(directory.path(), Path::new("out.xml"), &command);
            file.read(3).unwrap_err()
        };
        let path = directory.path().join("out.xml");
        let unwritten = format!(
            "The runner exited with code 3 but wrote no results to {}",
            path.display()
        );
        let named = read("pytest --junit-xml=out.xml");
        assert_eq!(named.hint(), None);
        assert_eq!(
            named.to_string(),
            format!("{unwritten}. Did a test end the process?")
        );
        let unnamed = read("pytest");
        assert!(unnamed.hint().unwrap().contains("{{resultPath}}"));
        assert_eq!(unnamed.to_string(), unwritten);
    }
}
