//! Recent plans in memory, since every node of a build fetches the same bytes.
//!
//! A stored plan never changes, so nothing has to be invalidated.

use std::collections::VecDeque;
use std::io::Read as _;
use std::io::Write as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use test_engine_store::{NewDecision, SuiteId, Timestamp};

/// Compressed and uncompressed bytes together.
const MAX_BYTES: usize = 64 * 1024 * 1024;
const MAX_PLANS: usize = 512;

/// A plan that is not stored yet.
pub(super) struct Built {
    pub(super) plan: PlanBytes,
    /// In microseconds.
    pub(super) file_load: u64,
    pub(super) decision: Option<NewDecision>,
}

/// A plan as JSON, compressed; uncompressed once that was requested.
#[derive(Debug)]
pub(crate) struct PlanBytes {
    gzip: Bytes,
    plain: OnceLock<Bytes>,
}

impl PlanBytes {
    /// Compresses at level 1: higher levels save a few percent at several times the cost.
    pub(crate) fn from_json(json: Vec<u8>) -> std::io::Result<Self> {
        let mut encoder = GzEncoder::new(Vec::with_capacity(json.len() / 6), Compression::fast());
        encoder.write_all(&json)?;
        Ok(Self {
            gzip: encoder.finish()?.into(),
            plain: OnceLock::from(Bytes::from(json)),
        })
    }

    pub(crate) fn from_gzip(gzip: Vec<u8>) -> Self {
        Self {
            gzip: gzip.into(),
            plain: OnceLock::new(),
        }
    }

    pub(crate) fn gzip(&self) -> Bytes {
        self.gzip.clone()
    }

    pub(crate) fn plain(&self) -> std::io::Result<Bytes> {
        if let Some(plain) = self.plain.get() {
            return Ok(plain.clone());
        }
        let mut plain = Vec::new();
        GzDecoder::new(self.gzip.as_ref()).read_to_end(&mut plain)?;
        Ok(self.plain.get_or_init(|| plain.into()).clone())
    }

    fn size(&self) -> usize {
        self.gzip.len() + self.plain.get().map_or(0, Bytes::len)
    }
}

struct Entry {
    suite: SuiteId,
    identifier: String,
    expires_at: Timestamp,
    bytes: Arc<PlanBytes>,
}

/// Most recently used last.
#[derive(Default)]
pub(crate) struct PlanCache(Mutex<VecDeque<Entry>>);

impl PlanCache {
    pub(crate) fn get(
        &self,
        suite: SuiteId,
        identifier: &str,
        now: Timestamp,
    ) -> Option<Arc<PlanBytes>> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = entries
            .iter()
            .rposition(|entry| entry.suite == suite && entry.identifier == identifier)?;
        let entry = entries.remove(index)?;
        if entry.expires_at <= now {
            return None;
        }
        let bytes = Arc::clone(&entry.bytes);
        entries.push_back(entry);
        Some(bytes)
    }

    pub(crate) fn put(
        &self,
        suite: SuiteId,
        identifier: &str,
        expires_at: Timestamp,
        bytes: Arc<PlanBytes>,
    ) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| entry.suite != suite || entry.identifier != identifier);
        entries.push_back(Entry {
            suite,
            identifier: identifier.to_owned(),
            expires_at,
            bytes,
        });
        let mut size: usize = entries.iter().map(|entry| entry.bytes.size()).sum();
        while entries.len() > MAX_PLANS || (size > MAX_BYTES && entries.len() > 1) {
            size -= entries.pop_front().map_or(0, |oldest| oldest.bytes.size());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PlanBytes;

    #[test]
    fn compresses_and_decompresses() {
        let json = br#"{"identifier":"b/s","tasks":{}}"#.to_vec();
        let created = PlanBytes::from_json(json.clone()).unwrap();
        let stored = PlanBytes::from_gzip(created.gzip().to_vec());
        assert_eq!(stored.plain().unwrap(), json);
        assert_eq!(created.plain().unwrap(), json);
        assert_eq!(created.gzip(), stored.gzip());
    }

    #[test]
    fn corrupt_bytes_are_an_error() {
        assert!(PlanBytes::from_gzip(b"not gzip".to_vec()).plain().is_err());
    }
}
