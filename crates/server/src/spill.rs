//! Bytes that are written once and then read: few in memory, many in a temporary file.
//!
//! The file is mapped into memory, so readers see one slice either way. Its pages belong to the
//! page cache: the kernel writes them to the disk and takes them back when memory is short, which
//! it cannot do with memory that a process has allocated.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write};
use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use memmap2::Mmap;
use test_engine_results::TextCopy;

use crate::error_chain::ErrorChain;

/// Bytes that stay in memory. Few uploads have more, so few write a file.
const MAX_IN_MEMORY: usize = 8 * 1024 * 1024;
/// Bytes that are collected before they are written to the file.
const MAX_PIECE: usize = 64 * 1024;

/// Opens temporary files that nobody else sees, and that are gone once they are closed.
#[derive(Clone)]
pub(crate) struct TemporaryFiles(Arc<dyn Fn() -> io::Result<File> + Send + Sync>);

impl TemporaryFiles {
    /// In the data directory, which has room and is private. Without one, as on servers with
    /// Postgres and S3, in the directory of the system.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        let directory = directory.to_owned();
        Self::opened_by(move || {
            tempfile::tempfile_in(&directory).or_else(|_no_directory| tempfile::tempfile())
        })
    }

    pub(crate) fn opened_by(open: impl Fn() -> io::Result<File> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    pub(crate) fn open(&self) -> io::Result<File> {
        (self.0)()
    }

    pub(crate) fn spill(&self) -> Spill {
        self.spill_of(0)
    }

    /// For about `expected` bytes, more or less.
    pub(crate) fn spill_of(&self, expected: usize) -> Spill {
        Spill {
            files: self.clone(),
            expected,
            memory: Vec::new(),
            file: None,
            has_failed: false,
            text: Bytes::new(),
            failure: None,
        }
    }
}

/// In the directory of the system.
impl Default for TemporaryFiles {
    fn default() -> Self {
        Self::opened_by(tempfile::tempfile)
    }
}

impl std::fmt::Debug for TemporaryFiles {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("TemporaryFiles").finish()
    }
}

/// Collects bytes. If a file cannot be written, they stay in memory: that costs more of it, but
/// loses nothing.
#[derive(Debug)]
pub(crate) struct Spill {
    files: TemporaryFiles,
    expected: usize,
    /// With a file, what is not written to it yet.
    memory: Vec<u8>,
    file: Option<SpillFile>,
    has_failed: bool,
    /// What [`TextCopy::text`] has returned.
    text: Bytes,
    /// Of [`TextCopy`], which cannot return it.
    failure: Option<io::Error>,
}

#[derive(Debug)]
struct SpillFile {
    file: File,
    length: usize,
}

impl Spill {
    pub(crate) fn len(&self) -> usize {
        self.memory.len() + self.file.as_ref().map_or(0, |file| file.length)
    }

    /// Everything that was written.
    ///
    /// # Errors
    ///
    /// If the temporary file can neither be mapped nor read.
    pub(crate) fn into_bytes(mut self) -> io::Result<Bytes> {
        self.check()?;
        self.take_bytes()
    }

    fn take_bytes(&mut self) -> io::Result<Bytes> {
        self.write_to_file(&[])?;
        match self.file.take() {
            None => Ok(std::mem::take(&mut self.memory).into()),
            Some(file) => file.into_bytes(),
        }
    }

    /// # Errors
    ///
    /// If what was read as text is not all that was written.
    pub(crate) fn check(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = self.memory.len() + bytes.len();
        if self.file.is_none() && !self.has_failed && length.max(self.expected) > MAX_IN_MEMORY {
            match self.files.open() {
                Ok(file) => self.file = Some(SpillFile { file, length: 0 }),
                Err(error) => self.give_up(&error),
            }
        }
        if self.file.is_some() && length > MAX_PIECE {
            return self.write_to_file(bytes);
        }
        let missing = self.expected.saturating_sub(self.memory.len());
        if self.file.is_none() && self.memory.capacity() < length && missing >= bytes.len() {
            // Doubling would copy what is there already.
            self.memory.reserve_exact(missing);
        }
        self.memory.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes what is in memory, and then `bytes`, if there is a file.
    fn write_to_file(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut written = file.add(&self.memory);
        if written.is_ok() {
            self.memory.clear();
            written = file.add(bytes);
        }
        let Err(error) = written else {
            return Ok(());
        };
        let mut all = file.read()?;
        all.extend_from_slice(&self.memory);
        all.extend_from_slice(bytes);
        self.memory = all;
        self.give_up(&error);
        Ok(())
    }

    fn give_up(&mut self, error: &io::Error) {
        tracing::warn!(
            cause = %ErrorChain(error),
            "failed to write a temporary file; a large request stays in memory"
        );
        self.file = None;
        self.has_failed = true;
    }
}

impl SpillFile {
    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len();
        Ok(())
    }

    /// Without what a failed write has left at its end.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.length];
        self.file.rewind()?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn into_bytes(mut self) -> io::Result<Bytes> {
        // SAFETY: the file has no name and only this value refers to it, so nobody writes or
        // shortens it while it is mapped.
        #[expect(
            unsafe_code,
            reason = "a mapped file can be changed by others; this one cannot"
        )]
        let mapped = unsafe { Mmap::map(&self.file) };
        match mapped {
            Ok(mapped) if mapped.len() == self.length => Ok(Bytes::from_owner(mapped)),
            _ => self.read().map(Bytes::from),
        }
    }
}

impl Write for Spill {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TextCopy for Spill {
    fn push(&mut self, piece: &str) {
        if self.failure.is_none() {
            self.failure = self.add(piece.as_bytes()).err();
        }
    }

    fn text(&mut self) -> &str {
        let text = self.take_bytes().and_then(|bytes| {
            std::str::from_utf8(&bytes).map_err(io::Error::other)?;
            Ok(bytes)
        });
        match text {
            Ok(text) => self.text = text,
            Err(error) => self.failure = Some(error),
        }
        std::str::from_utf8(&self.text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// More than stays in memory, in pieces that do not end with it.
    fn pieces() -> impl Iterator<Item = Vec<u8>> {
        (0..20_u8).map(|number| vec![b'a' + number; 700_001])
    }

    fn write_pieces(mut spill: Spill) -> Bytes {
        for piece in pieces() {
            spill.write_all(&piece).unwrap();
        }
        assert_eq!(spill.len(), 20 * 700_001);
        spill.into_bytes().unwrap()
    }

    #[test]
    fn many_bytes_are_in_a_file_and_few_in_memory() {
        let opened = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&opened);
        let files = TemporaryFiles::opened_by(move || {
            count.fetch_add(1, Ordering::Relaxed);
            tempfile::tempfile()
        });
        let mut few = files.spill_of(3);
        few.write_all(b"abc").unwrap();
        assert_eq!(few.into_bytes().unwrap(), "abc");
        assert_eq!(files.spill().into_bytes().unwrap(), "");
        assert_eq!(opened.load(Ordering::Relaxed), 0);

        let expected = pieces().flatten().collect::<Vec<_>>();
        assert!(write_pieces(files.spill()) == expected);
        assert_eq!(opened.load(Ordering::Relaxed), 1);
        let mut large = files.spill_of(MAX_IN_MEMORY + 1);
        large.write_all(b"abc").unwrap();
        assert_eq!(opened.load(Ordering::Relaxed), 2, "at once");
        assert_eq!(large.into_bytes().unwrap(), "abc");
    }

    #[test]
    fn without_a_file_nothing_is_lost() {
        let none = TemporaryFiles::opened_by(|| Err(io::Error::other("no directory")));
        let full = TemporaryFiles::opened_by(|| File::options().write(true).open("/dev/full"));
        let expected = pieces().flatten().collect::<Vec<_>>();
        for files in [none, full] {
            assert!(write_pieces(files.spill()) == expected);
        }
    }

    /// The disk becomes full after the first bytes.
    #[test]
    fn what_is_in_a_file_that_cannot_be_written_any_more_is_read_back() {
        let mut spill = TemporaryFiles::default().spill_of(MAX_IN_MEMORY + 1);
        spill.write_all(b"before ").unwrap();
        let named = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(named.path(), "before half").unwrap();
        // Cannot be written.
        let file = File::options().read(true).open(named.path()).unwrap();
        spill.file = Some(SpillFile { file, length: 7 });
        spill.memory.clear();
        spill.write_all(b"after").unwrap();
        let large = vec![b'x'; MAX_PIECE];
        spill.write_all(&large).unwrap();
        spill.write_all(b" end").unwrap();
        let expected = [b"before after", large.as_slice(), b" end"].concat();
        assert_eq!(spill.into_bytes().unwrap(), expected);
    }

    #[test]
    fn text_that_is_lost_is_an_error() {
        let mut spill = TemporaryFiles::default().spill();
        spill.push("é");
        spill.push("b");
        assert_eq!(spill.text(), "éb");
        spill.check().unwrap();

        let mut spill = TemporaryFiles::default().spill_of(MAX_IN_MEMORY + 1);
        spill.push("lost");
        // Can neither be written nor read.
        let file = File::options().write(true).open("/dev/full").unwrap();
        spill.file = Some(SpillFile { file, length: 4 });
        assert_eq!(spill.text(), "");
        spill.check().unwrap_err();
    }
}
