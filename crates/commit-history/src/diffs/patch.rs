//! The text of a patch, held in memory while it is small and in a temporary file when it is not.

use std::io::{self, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

/// A larger patch goes to disk: a single commit can change any amount of text.
const MAX_MEMORY_BYTES: usize = 4 * 1024 * 1024;

/// The text of a patch without the newlines at its end.
#[derive(Debug)]
pub(crate) struct Patch {
    spool: SpooledTempFile,
    written: u64,
    trailing_newlines: u64,
}

impl Default for Patch {
    fn default() -> Self {
        Self {
            spool: SpooledTempFile::new(MAX_MEMORY_BYTES),
            written: 0,
            trailing_newlines: 0,
        }
    }
}

impl Patch {
    pub(crate) fn len(&self) -> u64 {
        self.written - self.trailing_newlines
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads from the start.
    pub(crate) fn reader(&mut self) -> io::Result<impl Read + '_> {
        self.spool.seek(SeekFrom::Start(0))?;
        let length = self.len();
        Ok((&mut self.spool).take(length))
    }

    #[cfg(test)]
    pub(crate) fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader()?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.spool.write_all(bytes)?;
        let newlines = trailing_newlines(bytes);
        if newlines < bytes.len() {
            self.trailing_newlines = 0;
        }
        self.trailing_newlines += newlines as u64;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Bytes held in memory.
    pub(super) fn memory(&self) -> usize {
        if self.spool.is_rolled() {
            0
        } else {
            usize::try_from(self.written).unwrap_or(usize::MAX)
        }
    }
}

pub(super) fn trailing_newlines(text: &[u8]) -> usize {
    text.iter().rev().take_while(|&&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_trailing_newlines_across_pushes() {
        let mut patch = Patch::default();
        assert!(patch.is_empty());
        for part in [b"\n".as_slice(), b"a\n\n", b"\n", b"", b"b\n", b"\n"] {
            patch.push(part).unwrap();
        }
        assert_eq!(patch.read_all().unwrap(), b"\na\n\n\nb");
        // Reading again starts over.
        assert_eq!(patch.read_all().unwrap().len() as u64, patch.len());
    }

    #[test]
    fn moves_a_large_patch_to_disk() {
        let mut patch = Patch::default();
        let line = vec![b'x'; 1 << 16];
        for _ in 0..=(MAX_MEMORY_BYTES / line.len()) {
            patch.push(&line).unwrap();
        }
        assert_eq!(patch.memory(), 0);
        assert_eq!(patch.read_all().unwrap().len() as u64, patch.len());
    }
}
