//! Keeping uploaded result files unchanged (`--keep-raw-uploads`).
//!
//! Runs in the background, after the results are in the database, so that slow or unavailable
//! storage neither delays nor fails an upload. A failure is logged as an error with the id of the
//! upload. A server that shuts down stores the pending files first; one that is killed loses them.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::Semaphore;

use crate::blobs::{BlobError, Blobs, Key};
use crate::error_chain::ErrorChain;
use crate::spill::{Spill, TemporaryFiles};

/// MiB of pending files; further files are dropped.
const MAX_PENDING_MIB: u32 = 256;
const MAX_ATTEMPTS: u32 = 3;
/// Pause after the first attempt; doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) struct RawUploads {
    blobs: Blobs,
    is_enabled: bool,
    files: TemporaryFiles,
    /// One permit per MiB.
    capacity: Arc<Semaphore>,
}

impl RawUploads {
    pub(crate) fn new(blobs: Blobs, is_enabled: bool, files: TemporaryFiles) -> Self {
        Self {
            blobs,
            is_enabled,
            files,
            capacity: Arc::new(Semaphore::new(MAX_PENDING_MIB as usize)),
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    pub(crate) fn keep(&self, key: Key, file: Bytes) {
        let mebibytes = u32::try_from(file.len() / (1024 * 1024)).unwrap_or(u32::MAX);
        let permits = mebibytes.saturating_add(1).min(MAX_PENDING_MIB);
        let Ok(permits) = Arc::clone(&self.capacity).try_acquire_many_owned(permits) else {
            tracing::error!(
                key = key.as_str(),
                "failed to keep a raw upload: too many are waiting for the object storage"
            );
            return;
        };
        let blobs = self.blobs.clone();
        let compressed = self.files.spill();
        tokio::spawn(async move {
            if let Err(error) = store(&blobs, &key, file, compressed).await {
                let cause = ErrorChain(&error);
                tracing::error!(key = key.as_str(), cause = %cause, "failed to keep a raw upload");
            }
            drop(permits);
        });
    }

    pub(crate) async fn finish(&self) {
        let all = self.capacity.acquire_many(MAX_PENDING_MIB);
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, all).await.is_err() {
            tracing::error!("failed to keep some raw uploads: the object storage is too slow");
        }
    }
}

async fn store(blobs: &Blobs, key: &Key, file: Bytes, compressed: Spill) -> Result<(), BlobError> {
    let compressed = tokio::task::spawn_blocking(move || gzip(&file, compressed))
        .await
        .map_err(|error| BlobError::Sender(error.to_string()))?
        .map_err(BlobError::TemporaryFile)?;
    let mut pause = FIRST_PAUSE;
    for _ in 1..MAX_ATTEMPTS {
        if blobs.put(key, compressed.clone()).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    blobs.put(key, compressed).await
}

fn gzip(file: &[u8], compressed: Spill) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(compressed, Compression::fast());
    encoder.write_all(file)?;
    encoder.finish()?.into_bytes()
}
