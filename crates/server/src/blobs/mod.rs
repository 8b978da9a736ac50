//! Object storage for everything that is too large for the database.
//!
//! A directory of files, or a bucket of an S3-compatible service. Keys contain only UUIDs and
//! constants, so client input never becomes part of a path. The database knows which objects exist;
//! the storage is never listed.

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

/// Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("cannot access {path}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the request to the object storage failed")]
    S3(#[source] Box<object_store::Error>),
    #[error("the settings of the object storage are invalid")]
    Settings(#[source] Box<object_store::Error>),
    #[error("cannot use a temporary file")]
    TemporaryFile(#[source] std::io::Error),
    #[error("there are more than {limit} bytes")]
    TooLarge { limit: u64 },
    /// The request body ended early.
    #[error("the sender stopped: {0}")]
    Sender(String),
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        Self::S3(Box::new(error))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    pub(crate) fn incoming_backfill(suite: Uuid, upload: Uuid) -> Self {
        Self(format!("backfills/incoming/{suite}/{upload}.tar.gz"))
    }

    pub(crate) fn ingested_backfill(suite: Uuid, upload: Uuid) -> Self {
        Self(format!("backfills/ingested/{suite}/{upload}.tar.gz"))
    }

    pub(crate) fn rejected_backfill(suite: Uuid, upload: Uuid) -> Self {
        Self(format!("backfills/rejected/{suite}/{upload}.tar.gz"))
    }

    pub(crate) fn raw_upload(suite: Uuid, run: Uuid, upload: Uuid) -> Self {
        Self(format!("uploads/{suite}/{run}/{upload}.gz"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

pub(crate) struct FormRequest<'a> {
    pub(crate) key: &'a Key,
    /// Maximum bytes of the file.
    pub(crate) limit: u64,
    pub(crate) now: Timestamp,
    pub(crate) expires_at: Timestamp,
}

#[derive(Clone)]
pub(crate) enum Blobs {
    Files(Files),
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

    /// The location of an object, for people. Does not reveal directories of the server.
    pub(crate) fn uri(&self, key: &Key) -> String {
        match self {
            Self::Files(_) => format!("file:///{}", key.as_str()),
            Self::S3(s3) => s3.uri(key),
        }
    }

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

    /// Reads a whole object into memory; `None` if it does not exist.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Bytes>, BlobError> {
        match self {
            Self::Files(files) => files.get(key).await,
            Self::S3(s3) => s3.get(key).await,
        }
    }

    /// A local file with the contents of an object, which may be an unnamed temporary copy; `None`
    /// if it does not exist.
    pub(crate) async fn open_locally(&self, key: &Key) -> Result<Option<File>, BlobError> {
        match self {
            Self::Files(files) => files.open_file(key).await,
            Self::S3(s3) => s3.download(key).await,
        }
    }

    /// Idempotent: succeeds if the object was renamed before.
    pub(crate) async fn rename(&self, from: &Key, to: &Key) -> Result<(), BlobError> {
        match self {
            Self::Files(files) => files.rename(from, to).await,
            Self::S3(s3) => s3.rename(from, to).await,
        }
    }

    /// Idempotent: succeeds if the object does not exist.
    pub(crate) async fn delete(&self, key: &Key) -> Result<(), BlobError> {
        match self {
            Self::Files(files) => files.delete(key).await,
            Self::S3(s3) => s3.delete(key).await,
        }
    }

    /// A form for uploads directly to the storage; `None` if uploads go through the server.
    pub(crate) async fn form(
        &self,
        request: FormRequest<'_>,
    ) -> Result<Option<PresignedForm>, BlobError> {
        match self {
            Self::Files(_) => Ok(None),
            Self::S3(s3) => s3.form(request).await.map(Some),
        }
    }

    /// The size of an object that was uploaded directly to the storage; `None` if there is none
    /// yet.
    pub(crate) async fn arrived(&self, key: &Key) -> Result<Option<u64>, BlobError> {
        match self {
            Self::Files(_) => Ok(None),
            Self::S3(s3) => s3.size(key).await,
        }
    }

    /// Stores a stream of at most `limit` bytes and returns its size. Only for storage without
    /// [`Self::form`].
    pub(crate) async fn receive<E: std::fmt::Display>(
        &self,
        key: &Key,
        chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
        limit: u64,
    ) -> Result<u64, BlobError> {
        match self {
            Self::Files(files) => files.receive(key, chunks, limit).await,
            Self::S3(_) => Err(BlobError::Sender(
                "send the file to the URL of its form".to_owned(),
            )),
        }
    }
}
