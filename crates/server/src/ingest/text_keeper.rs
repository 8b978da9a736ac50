//! Keeps the failure texts of an upload: the first ones in memory, all others in a temporary file.
//!
//! A build in which everything fails may send as many bytes of texts as a body may have. They would
//! be in memory beside the body, and again beside what the database caches while it writes them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use test_engine_results::Extra;
use test_engine_store::{FailureTexts, KeptTexts, TextSource};

use crate::error_chain::ErrorChain;
use crate::spill::TemporaryFiles;

/// Of an upload, in memory. Few uploads have more, so few write a file.
const MAX_IN_MEMORY: usize = 1_024 * 1_024;
/// What a line takes in memory beside its text.
const LINE_OVERHEAD: usize = 48;

/// The texts of one upload.
pub(super) struct TextKeeper<'a> {
    files: &'a TemporaryFiles,
    /// Bytes of the texts that stay in memory.
    in_memory: usize,
    file: Option<Arc<TextFile>>,
    /// Of the records in the file.
    end: u64,
    has_failed: bool,
}

impl<'a> TextKeeper<'a> {
    pub(super) fn new(files: &'a TemporaryFiles) -> Self {
        Self {
            files,
            in_memory: 0,
            file: None,
            end: 0,
            has_failed: false,
        }
    }

    /// The upload is read again from the start.
    pub(super) fn restart(&mut self) {
        self.in_memory = 0;
        self.end = 0;
    }

    /// Moves the texts of a failure to the file, unless there is still room in memory. Without a
    /// file all texts stay in memory: that costs more of it, but loses nothing.
    pub(super) fn add(&mut self, extra: &mut Extra) -> Option<KeptTexts> {
        let size = size(extra);
        if self.in_memory + size <= MAX_IN_MEMORY || self.has_failed {
            self.in_memory += size;
            return None;
        }
        let texts = FailureTexts {
            reason: extra.failure_reason.take(),
            expanded: std::mem::take(&mut extra.failure_expanded),
        };
        match self.write(&texts) {
            Ok(kept) => Some(kept),
            Err(error) => {
                tracing::warn!(
                    cause = %ErrorChain(&error),
                    "failed to write a temporary file; failure texts of an upload stay in memory"
                );
                self.has_failed = true;
                extra.failure_reason = texts.reason;
                extra.failure_expanded = texts.expanded;
                None
            }
        }
    }

    fn write(&mut self, texts: &FailureTexts) -> io::Result<KeptTexts> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(self.file.insert(Arc::new(TextFile(self.files.open()?)))),
        };
        let json = serde_json::to_vec(&(&texts.reason, &texts.expanded))?;
        let mut record = Vec::with_capacity(LENGTH_BYTES + json.len());
        record.extend_from_slice(&(json.len() as u64).to_be_bytes());
        record.extend_from_slice(&json);
        let place = self.end;
        file.0.write_all_at(&record, place)?;
        self.end += record.len() as u64;
        Ok(KeptTexts::new(file, place))
    }
}

const LENGTH_BYTES: usize = size_of::<u64>();

fn size(extra: &Extra) -> usize {
    let reason = extra.failure_reason.as_ref().map_or(0, String::len);
    let details = extra.failure_expanded.iter();
    let lines = details.flat_map(|detail| detail.expanded.iter().chain(&detail.backtrace));
    reason + lines.map(|line| line.len() + LINE_OVERHEAD).sum::<usize>()
}

/// Records: the length in bytes, and that many bytes of JSON.
#[derive(Debug)]
struct TextFile(File);

impl TextSource for TextFile {
    fn read(&self, place: u64) -> io::Result<FailureTexts> {
        let mut length = [0; LENGTH_BYTES];
        self.0.read_exact_at(&mut length, place)?;
        let length = usize::try_from(u64::from_be_bytes(length)).map_err(io::Error::other)?;
        let mut json = vec![0; length];
        self.0
            .read_exact_at(&mut json, place + LENGTH_BYTES as u64)?;
        let (reason, expanded) = serde_json::from_slice(&json)?;
        Ok(FailureTexts { reason, expanded })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use test_engine_results::FailureDetail;

    use super::*;

    fn failure(number: usize, length: usize) -> Extra {
        Extra {
            failure_reason: Some(format!("reason {number}")),
            failure_expanded: vec![FailureDetail {
                expanded: vec!["é".repeat(length / 2), String::new()],
                backtrace: vec![format!("a.py:{number}")],
            }],
            ..Extra::default()
        }
    }

    #[test]
    fn texts_beyond_the_memory_are_read_back_unchanged() {
        let opened = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&opened);
        let files = TemporaryFiles::opened_by(move || {
            count.fetch_add(1, Ordering::Relaxed);
            tempfile::tempfile()
        });
        let mut keeper = TextKeeper::new(&files);
        // The second reading replaces what the first has written.
        for length in [90_000, 60_000] {
            keeper.restart();
            let mut in_memory = 0;
            for number in 0..200 {
                let sent = failure(number, length);
                let mut extra = sent.clone();
                let Some(kept) = keeper.add(&mut extra) else {
                    assert_eq!(extra, sent);
                    in_memory += size(&extra);
                    continue;
                };
                assert_eq!(extra, Extra::default(), "nothing stays in memory");
                let texts = kept.read().unwrap();
                assert_eq!(texts.reason, sent.failure_reason);
                assert_eq!(texts.expanded, sent.failure_expanded);
                assert_eq!(kept.read().unwrap(), texts, "a second time");
            }
            assert!(in_memory <= MAX_IN_MEMORY, "{in_memory}");
            assert!(in_memory > MAX_IN_MEMORY - 100_000, "{in_memory}");
        }
        assert_eq!(opened.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn without_a_file_nothing_is_lost() {
        let tries = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&tries);
        let files = TemporaryFiles::opened_by(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Err(io::Error::other("the disk is full"))
        });
        let mut keeper = TextKeeper::new(&files);
        for number in 0..200 {
            let sent = failure(number, 60_000);
            let mut extra = sent.clone();
            assert_eq!(keeper.add(&mut extra), None);
            assert_eq!(extra, sent);
        }
        assert_eq!(tries.load(Ordering::Relaxed), 1);
    }
}
