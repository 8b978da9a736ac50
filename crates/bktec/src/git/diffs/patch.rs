//! The text of a patch, held in memory while it is small and in a temporary file when it is not.

use std::io::{self, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

/// A patch above this size goes to disk: a single commit can change any amount of text.
const IN_MEMORY_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of a patch. Newlines at the end are not part of it.
#[derive(Debug)]
pub struct Patch {
    spool: SpooledTempFile,
    written: u64,
    newlines_at_end: u64,
}

impl Default for Patch {
    fn default() -> Self {
        Self {
            spool: SpooledTempFile::new(IN_MEMORY_BYTES),
            written: 0,
            newlines_at_end: 0,
        }
    }
}

impl Patch {
    /// Bytes in it.
    pub fn len(&self) -> u64 {
        self.written - self.newlines_at_end
    }

    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads it from the start.
    pub fn reader(&mut self) -> io::Result<impl Read + '_> {
        self.spool.seek(SeekFrom::Start(0))?;
        let length = self.len();
        Ok((&mut self.spool).take(length))
    }

    /// The whole of it in memory.
    pub fn to_vec(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader()?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub(in crate::git) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.spool.write_all(bytes)?;
        let kept = bytes.len()
            - bytes
                .iter()
                .rev()
                .take_while(|&&byte| byte == b'\n')
                .count();
        let newlines = (bytes.len() - kept) as u64;
        self.newlines_at_end = if kept == 0 {
            self.newlines_at_end + newlines
        } else {
            newlines
        };
        self.written += bytes.len() as u64;
        Ok(())
    }

    pub(in crate::git) fn memory(&self) -> usize {
        if self.spool.is_rolled() {
            0
        } else {
            usize::try_from(self.written).unwrap_or(usize::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newlines_at_the_end_are_cut_wherever_they_were_split() {
        let mut patch = Patch::default();
        assert!(patch.is_empty());
        for part in [b"\n".as_slice(), b"a\n\n", b"\n", b"", b"b\n", b"\n"] {
            patch.push(part).unwrap();
        }
        assert_eq!(patch.to_vec().unwrap(), b"\na\n\n\nb");
        assert_eq!(
            patch.to_vec().unwrap().len() as u64,
            patch.len(),
            "and it can be read again"
        );
    }

    #[test]
    fn a_large_patch_leaves_memory() {
        let mut patch = Patch::default();
        let line = vec![b'x'; 1 << 16];
        for _ in 0..=(IN_MEMORY_BYTES / line.len()) {
            patch.push(&line).unwrap();
        }
        assert_eq!(patch.memory(), 0);
        assert_eq!(patch.to_vec().unwrap().len() as u64, patch.len());
    }
}
