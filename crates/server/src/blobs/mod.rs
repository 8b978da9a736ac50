//! Object storage: the one owner of everything that is too large for the database.
//!
//! A folder of files, or a bucket of any S3-compatible service. What lies there is named by UUIDs
//! only, so nothing a stranger says becomes part of a path. The database says what is there; the
//! storage is never listed.

mod files;
mod post_policy;
mod s3;

use std::fs::File;
use std::path::PathBuf;

use axum::body::Bytes;
use futures_util::Stream;
use test_engine_store::Timestamp;
use test_engine_wire::PresignedForm;
use uuid::Uuid;

use crate::config::{BlobStore, Storage};
use files::Files;
use s3::S3;

/// Why storage could not do it. Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The file system.
    #[error("the file {path} cannot be used")]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The S3 service.
    #[error("the object storage did not do it")]
    S3(#[source] Box<object_store::Error>),
    /// The settings of the S3 service.
    #[error("the settings of the object storage cannot be used")]
    Settings(#[source] Box<object_store::Error>),
    /// More bytes than allowed.
    #[error("there are more than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// The one who sends did not come to the end.
    #[error("the sender stopped: {0}")]
    Sender(String),
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        Self::S3(Box::new(error))
    }
}

/// The name of something in storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    /// An archive of commits as it came in.
    pub(crate) fn incoming_backfill(suite: Uuid, upload: Uuid) -> Self {
        Self(format!("backfills/incoming/{suite}/{upload}.tar.gz"))
    }

    /// An archive of commits that was read.
    pub(crate) fn ingested_backfill(suite: Uuid, upload: Uuid) -> Self {
        Self(format!("backfills/ingested/{suite}/{upload}.tar.gz"))
    }

    /// An archive of commits that cannot be used.
    pub(crate) fn rejected_backfill(suite: Uuid, upload: Uuid) -> Self {
        Self(format!("backfills/rejected/{suite}/{upload}.tar.gz"))
    }

    /// A result file as it was uploaded, compressed.
    pub(crate) fn raw_upload(suite: Uuid, run: Uuid, upload: Uuid) -> Self {
        Self(format!("uploads/{suite}/{run}/{upload}.gz"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a form of the storage itself shall allow.
pub(crate) struct FormRequest<'a> {
    /// Where the file will lie.
    pub(crate) key: &'a Key,
    /// Bytes it may have.
    pub(crate) limit: u64,
    /// The time.
    pub(crate) now: Timestamp,
    /// From when on it is refused.
    pub(crate) expires_at: Timestamp,
}

/// The storage of this server. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Blobs {
    /// A folder.
    Files(Files),
    /// A bucket.
    S3(S3),
}

impl Blobs {
    /// Creates nothing, and does not check that a bucket exists.
    pub(crate) fn open(storage: &Storage, now: Timestamp) -> Result<Self, BlobError> {
        match &storage.blobs {
            BlobStore::Directory(root) => {
                Files::open(storage.data_dir.join(root), now).map(Self::Files)
            }
            BlobStore::S3(settings) => S3::open(settings).map(Self::S3),
        }
    }

    /// Where a key lies in the storage, for people. Where a folder lies on the server is not theirs.
    pub(crate) fn uri(&self, key: &Key) -> String {
        match self {
            Self::Files(_) => format!("file:///{}", key.as_str()),
            Self::S3(s3) => s3.uri(key),
        }
    }

    /// Keep these bytes. What is kept survives a power cut.
    pub(crate) async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), BlobError> {
        match self {
            Self::Files(files) => {
                let length = bytes.len() as u64;
                let once = futures_util::stream::iter([Ok::<_, String>(bytes)]);
                files.receive(key, once, length).await.map(drop)
            }
            Self::S3(s3) => s3.put(key, bytes).await,
        }
    }

    /// The bytes of a key, which must be few enough for memory; `None` when there is no such thing.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Bytes>, BlobError> {
        match self {
            Self::Files(files) => files.get(key).await,
            Self::S3(s3) => s3.get(key).await,
        }
    }

    /// A local file with the bytes of a key, open at its beginning; `None` when there is no such
    /// thing. A copy goes by itself.
    pub(crate) async fn open_locally(&self, key: &Key) -> Result<Option<File>, BlobError> {
        match self {
            Self::Files(files) => files.open_file(key).await,
            Self::S3(s3) => s3.download(key).await,
        }
    }

    /// Give something another name; fine when that was done before.
    pub(crate) async fn rename(&self, from: &Key, to: &Key) -> Result<(), BlobError> {
        match self {
            Self::Files(files) => files.rename(from, to).await,
            Self::S3(s3) => s3.rename(from, to).await,
        }
    }

    /// Remove something; fine when it is not there.
    pub(crate) async fn delete(&self, key: &Key) -> Result<(), BlobError> {
        match self {
            Self::Files(files) => files.delete(key).await,
            Self::S3(s3) => s3.delete(key).await,
        }
    }

    /// A form that the storage takes by itself; `None` when it cannot, and the server must.
    pub(crate) async fn form(
        &self,
        request: FormRequest<'_>,
    ) -> Result<Option<PresignedForm>, BlobError> {
        match self {
            Self::Files(_) => Ok(None),
            Self::S3(s3) => s3.form(request).await.map(Some),
        }
    }

    /// The size of something that came in without the server's doing; `None` while it is not there.
    pub(crate) async fn arrived(&self, key: &Key) -> Result<Option<u64>, BlobError> {
        match self {
            // Nothing comes in behind the server's back.
            Self::Files(_) => Ok(None),
            Self::S3(s3) => s3.size(key).await,
        }
    }

    /// Keep what a sender sends, while it comes, at most `limit` bytes; how many there were. Only for
    /// storage without forms of its own.
    pub(crate) async fn receive<E: std::fmt::Display>(
        &self,
        key: &Key,
        pieces: impl Stream<Item = Result<Bytes, E>> + Unpin,
        limit: u64,
    ) -> Result<u64, BlobError> {
        match self {
            Self::Files(files) => files.receive(key, pieces, limit).await,
            Self::S3(_) => Err(BlobError::Sender(
                "send the file to the address of its form".to_owned(),
            )),
        }
    }
}
