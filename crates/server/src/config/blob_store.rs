//! Object storage: a directory, or a bucket of an S3-compatible service.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use secrecy::SecretString;

/// Storage of everything that is too large for the database.
#[derive(Clone, Debug)]
pub enum BlobStore {
    /// Relative to the data directory; created if missing.
    Directory(PathBuf),
    /// A bucket; it must exist.
    S3(S3Settings),
}

impl Default for BlobStore {
    fn default() -> Self {
        Self::Directory("blobs".into())
    }
}

/// A bucket of an S3-compatible service.
#[derive(Clone, Debug)]
pub struct S3Settings {
    /// The name of the bucket.
    pub bucket: String,
    /// The start of every key, without slashes at its ends; may be empty.
    pub prefix: String,
    /// The service's URL without a trailing slash; `None` for AWS.
    pub endpoint: Option<String>,
    /// Part of every signature.
    pub region: String,
    /// `None` uses the credentials of the AWS instance or container.
    pub keys: Option<S3Keys>,
}

/// An access key.
#[derive(Clone, Debug)]
pub struct S3Keys {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: SecretString,
}

/// The settings of object storage before [`BlobStore::parse`].
#[derive(Debug, clap::Args)]
pub(crate) struct BlobStoreInput {
    /// Object storage: file:///a/directory or s3://bucket/prefix; by default a directory in the
    /// data directory
    #[arg(long = "blob-store", value_name = "URL")]
    #[arg(env = "TEST_ENGINE_BLOB_STORE")]
    url: Option<String>,
    /// URL of an S3-compatible service; by default AWS
    #[arg(long = "s3-endpoint", value_name = "URL")]
    #[arg(env = "TEST_ENGINE_S3_ENDPOINT")]
    endpoint: Option<String>,
    // The default is what most services other than AWS expect.
    /// Region of the bucket
    #[arg(long = "s3-region", value_name = "REGION")]
    #[arg(env = "TEST_ENGINE_S3_REGION", default_value = "us-east-1")]
    region: String,
    /// Access key id for the bucket; by default the credentials of the AWS instance or container
    #[arg(long = "s3-access-key-id", value_name = "ID")]
    #[arg(env = "TEST_ENGINE_S3_ACCESS_KEY_ID")]
    access_key_id: Option<String>,
    /// Secret access key; use the variable to keep it out of process lists
    #[arg(long = "s3-secret-access-key", value_name = "SECRET")]
    #[arg(hide_env_values = true, env = "TEST_ENGINE_S3_SECRET_ACCESS_KEY")]
    secret_access_key: Option<SecretString>,
    /// Keep every uploaded result file unchanged in object storage
    #[arg(long, env = "TEST_ENGINE_KEEP_RAW_UPLOADS", value_parser = BoolishValueParser::new())]
    pub(crate) keep_raw_uploads: bool,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum BlobStoreError {
    #[error("--blob-store {given:?} is neither file:///a/directory nor s3://bucket/prefix")]
    Url { given: String },
    #[error("--s3-endpoint {given:?} is not a URL: {problem}")]
    Endpoint {
        given: String,
        problem: &'static str,
    },
    #[error("--s3-access-key-id and --s3-secret-access-key belong together: set both or neither")]
    HalfAKey,
}

impl BlobStore {
    pub(crate) fn parse(input: BlobStoreInput) -> Result<Self, BlobStoreError> {
        let given = input.url.as_deref().map(str::trim).unwrap_or_default();
        if given.is_empty() {
            return Ok(Self::default());
        }
        let unknown = || BlobStoreError::Url {
            given: given.to_owned(),
        };
        if let Some(path) = given.strip_prefix("file://") {
            // A URL without the third slash would name another host.
            let is_local = path.starts_with('/') && path.len() > 1;
            let directory = is_local.then(|| Self::Directory(path.into()));
            return directory.ok_or_else(unknown);
        }
        let rest = given.strip_prefix("s3://").ok_or_else(unknown)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_bucket = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        let is_prefix = |c: char| is_bucket(c) || c == '/';
        if bucket.is_empty() || !bucket.chars().all(is_bucket) || !prefix.chars().all(is_prefix) {
            return Err(unknown());
        }
        let parts = prefix.split('/').filter(|part| !part.is_empty());
        let prefix: Vec<&str> = parts.collect();
        if prefix.iter().any(|part| part.chars().all(|c| c == '.')) {
            return Err(unknown());
        }
        let keys = match (input.access_key_id, input.secret_access_key) {
            (Some(id), Some(secret)) => Some(S3Keys { id, secret }),
            (None, None) => None,
            _ => return Err(BlobStoreError::HalfAKey),
        };
        Ok(Self::S3(S3Settings {
            bucket: bucket.to_owned(),
            prefix: prefix.join("/"),
            endpoint: input.endpoint.as_deref().map(endpoint).transpose()?,
            region: input.region,
            keys,
        }))
    }
}

fn endpoint(given: &str) -> Result<String, BlobStoreError> {
    let problem = match super::Network::parse_public_url(given) {
        Ok(Some(url)) => return Ok(url),
        Ok(None) => "it is empty",
        Err(error) => error.problem,
    };
    Err(BlobStoreError::Endpoint {
        given: given.to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(url: &str) -> Result<BlobStore, BlobStoreError> {
        BlobStore::parse(BlobStoreInput {
            url: Some(url.to_owned()),
            ..super::super::defaults()
        })
    }

    #[test]
    fn parses_directories() {
        for (given, directory) in [
            ("", "blobs"),
            (" ", "blobs"),
            ("file:///var/blobs", "/var/blobs"),
        ] {
            let Ok(BlobStore::Directory(path)) = parse(given) else {
                panic!("{given:?} is a directory")
            };
            assert_eq!(path, Path::new(directory), "{given:?}");
        }
    }

    #[test]
    fn parses_buckets() {
        for (given, bucket, prefix) in [
            ("s3://b", "b", ""),
            ("s3://b/", "b", ""),
            ("s3://my.bucket-1/a//b/", "my.bucket-1", "a/b"),
        ] {
            let Ok(BlobStore::S3(settings)) = parse(given) else {
                panic!("{given:?} is a bucket")
            };
            assert_eq!((&*settings.bucket, &*settings.prefix), (bucket, prefix));
            assert!(settings.keys.is_none());
        }
    }

    #[test]
    fn rejects_other_urls() {
        for given in [
            "/var/blobs",
            "file://blobs",
            "file://",
            "file:///",
            "s3://",
            "s3:///x",
            "s3://a b",
            "s3://b/../x",
            "s3://b/a?b",
            "gs://b",
        ] {
            assert!(parse(given).is_err(), "{given}");
        }
    }

    #[test]
    fn rejects_half_a_key_and_invalid_endpoints() {
        let parse = |endpoint: Option<&str>, id: Option<&str>| {
            BlobStore::parse(BlobStoreInput {
                url: Some("s3://b".to_owned()),
                endpoint: endpoint.map(str::to_owned),
                access_key_id: id.map(str::to_owned),
                ..super::super::defaults()
            })
        };
        let half = parse(None, Some("id")).unwrap_err();
        assert_eq!(half, BlobStoreError::HalfAKey);
        assert!(parse(Some("minio:9000"), None).is_err());
        assert!(parse(Some(""), None).is_err());
        let Ok(BlobStore::S3(settings)) = parse(Some("http://minio:9000/"), None) else {
            panic!("it is a bucket")
        };
        assert_eq!(settings.endpoint.as_deref(), Some("http://minio:9000"));
    }
}
