//! A bucket of an S3-compatible service.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::sync::Arc;

use axum::body::Bytes;
use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use secrecy::ExposeSecret as _;
use test_engine_store::Timestamp;
use test_engine_wire::PresignedForm;
use tokio::io::AsyncWriteExt as _;

use super::post_policy::{self, Policy, Signer};
use super::{BlobError, FormRequest, Key};
use crate::config::S3Settings;

#[derive(Clone)]
pub(crate) struct S3 {
    client: AmazonS3,
    settings: Arc<S3Settings>,
}

impl S3 {
    pub(super) fn open(settings: &S3Settings) -> Result<Self, BlobError> {
        // An error means that a provider is installed already.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder
                .with_endpoint(endpoint)
                .with_allow_http(endpoint.starts_with("http://"))
                .with_virtual_hosted_style_request(false);
        }
        if let Some(keys) = &settings.keys {
            builder = builder
                .with_access_key_id(&keys.id)
                .with_secret_access_key(keys.secret.expose_secret());
        }
        let client = builder
            .build()
            .map_err(|error| BlobError::Settings(Box::new(error)))?;
        Ok(Self {
            client,
            settings: Arc::new(settings.clone()),
        })
    }

    fn path(&self, key: &Key) -> Path {
        Path::from(self.full_key(key))
    }

    fn full_key(&self, key: &Key) -> String {
        match self.settings.prefix.as_str() {
            "" => key.as_str().to_owned(),
            prefix => format!("{prefix}/{}", key.as_str()),
        }
    }

    pub(super) fn uri(&self, key: &Key) -> String {
        format!("s3://{}/{}", self.settings.bucket, self.full_key(key))
    }

    /// The URL of the bucket, to which forms are sent.
    fn url(&self) -> String {
        let settings = &self.settings;
        match &settings.endpoint {
            Some(endpoint) => format!("{endpoint}/{}", settings.bucket),
            None => format!(
                "https://{}.s3.{}.amazonaws.com",
                settings.bucket, settings.region
            ),
        }
    }

    pub(super) async fn form(&self, request: FormRequest<'_>) -> Result<PresignedForm, BlobError> {
        let credential = self.client.credentials().get_credential().await?;
        let signer = Signer {
            key_id: &credential.key_id,
            secret_key: &credential.secret_key,
            session_token: credential.token.as_deref(),
            region: &self.settings.region,
        };
        let policy = Policy {
            bucket: &self.settings.bucket,
            key: &self.full_key(request.key),
            limit: request.limit,
            now: instant(request.now),
            expires_at: instant(request.expires_at),
        };
        Ok(PresignedForm {
            method: "POST".to_owned(),
            url: self.url(),
            data: post_policy::fields(&signer, &policy),
            file_input: "file".to_owned(),
        })
    }

    pub(super) async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), BlobError> {
        let payload = PutPayload::from_bytes(bytes);
        self.client.put(&self.path(key), payload).await?;
        Ok(())
    }

    pub(super) async fn get(&self, key: &Key) -> Result<Option<Bytes>, BlobError> {
        match found(self.client.get(&self.path(key)).await)? {
            Some(object) => Ok(Some(object.bytes().await?)),
            None => Ok(None),
        }
    }

    /// Copies an object to an unnamed temporary file.
    pub(super) async fn download(&self, key: &Key) -> Result<Option<File>, BlobError> {
        let failed = |source| BlobError::File {
            path: std::env::temp_dir(),
            source,
        };
        let Some(object) = found(self.client.get(&self.path(key)).await)? else {
            return Ok(None);
        };
        let mut chunks = object.into_stream();
        let mut file = tokio::fs::File::from_std(tempfile::tempfile().map_err(failed)?);
        while let Some(chunk) = chunks.next().await {
            file.write_all(&chunk?).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        let mut file = file.into_std().await;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        Ok(Some(file))
    }

    pub(super) async fn size(&self, key: &Key) -> Result<Option<u64>, BlobError> {
        let metadata = found(self.client.head(&self.path(key)).await)?;
        Ok(metadata.map(|metadata| metadata.size))
    }

    pub(super) async fn rename(&self, from: &Key, to: &Key) -> Result<(), BlobError> {
        let (source, target) = (self.path(from), self.path(to));
        match self.client.copy(&source, &target).await {
            Ok(()) => self.delete(from).await,
            // Renamed before.
            Err(object_store::Error::NotFound { .. }) if self.size(to).await?.is_some() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), BlobError> {
        found(self.client.delete(&self.path(key)).await).map(drop)
    }
}

/// `None` if the object does not exist.
fn found<T>(result: object_store::Result<T>) -> Result<Option<T>, BlobError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn instant(time: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(time.millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
