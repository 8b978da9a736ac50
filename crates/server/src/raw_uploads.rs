//! Keeping uploaded result files as they came, where `--keep-raw-uploads` asks for it.
//!
//! Done beside the upload, after its results are safe in the database: storage that is slow or away
//! neither holds up nor fails an upload. A file that cannot be kept is an error in the log, with the
//! name of its upload. A server that stops finishes what it has taken on; one that is killed loses it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::Semaphore;

use crate::blobs::{BlobError, Blobs, Key};
use crate::error_chain::ErrorChain;

/// Mebibytes of files that wait at most; what comes on top is not kept.
const ROOM_MIB: u32 = 256;
/// Tries to store one file.
const TRIES: u32 = 3;
/// The wait after the first of them; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest a server that stops waits for files to be stored.
const LAST_WAIT: Duration = Duration::from_secs(20);

/// Stores files beside everything else.
pub(crate) struct RawUploads {
    blobs: Blobs,
    is_on: bool,
    room: Arc<Semaphore>,
}

impl RawUploads {
    pub(crate) fn new(blobs: Blobs, is_on: bool) -> Self {
        Self {
            blobs,
            is_on,
            room: Arc::new(Semaphore::new(ROOM_MIB as usize)),
        }
    }

    /// Whether files are to be kept.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Store a file. Returns at once.
    pub(crate) fn keep(&self, key: Key, file: Bytes) {
        let mebibytes = u32::try_from(file.len() / (1024 * 1024)).unwrap_or(u32::MAX);
        let share = mebibytes.saturating_add(1).min(ROOM_MIB);
        let Ok(share) = Arc::clone(&self.room).try_acquire_many_owned(share) else {
            tracing::error!(
                key = key.as_str(),
                "failed to keep a raw upload: too many wait for the object storage"
            );
            return;
        };
        let blobs = self.blobs.clone();
        tokio::spawn(async move {
            if let Err(error) = store(&blobs, &key, file).await {
                let cause = ErrorChain(&error);
                tracing::error!(key = key.as_str(), cause = %cause, "failed to keep a raw upload");
            }
            drop(share);
        });
    }

    /// Done when all files are stored, or it has taken too long.
    pub(crate) async fn finish(&self) {
        let all = self.room.acquire_many(ROOM_MIB);
        if tokio::time::timeout(LAST_WAIT, all).await.is_err() {
            tracing::error!("failed to keep some raw uploads: the object storage is too slow");
        }
    }
}

async fn store(blobs: &Blobs, key: &Key, file: Bytes) -> Result<(), BlobError> {
    let compressed = tokio::task::spawn_blocking(move || gzip(&file))
        .await
        .map_err(|error| BlobError::Sender(error.to_string()))?;
    let mut wait = FIRST_WAIT;
    let mut tries = 1;
    loop {
        match blobs.put(key, compressed.clone()).await {
            Ok(()) => return Ok(()),
            Err(error) if tries == TRIES => return Err(error),
            Err(_once_more) => {
                tokio::time::sleep(wait).await;
                wait *= 2;
                tries += 1;
            }
        }
    }
}

fn gzip(file: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory cannot fail.
    let _never = encoder.write_all(file);
    encoder.finish().unwrap_or_default().into()
}
