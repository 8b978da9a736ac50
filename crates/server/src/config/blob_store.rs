//! The section of object storage: a folder, or a bucket of an S3-compatible service.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

/// Inside the data directory.
const DEFAULT_DIRECTORY: &str = "blobs";
/// What most services other than AWS take for a region.
pub(crate) const DEFAULT_S3_REGION: &str = "us-east-1";

/// Where what is too large for the database lies.
#[derive(Clone, Debug)]
pub enum BlobStore {
    /// A folder; made when missing.
    Directory(PathBuf),
    /// A bucket; it must be there.
    S3(S3Settings),
}

/// A bucket of an S3-compatible service.
#[derive(Clone, Debug)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// What every key begins with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// The service's address without a slash at the end; `None` for AWS.
    pub endpoint: Option<String>,
    /// Part of every signature.
    pub region: String,
    /// `None` takes those that the machine has been given by AWS.
    pub keys: Option<S3Keys>,
}

/// An access key.
#[derive(Clone, Debug)]
pub struct S3Keys {
    /// Its name.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
}

/// The settings as they were given.
#[derive(Debug, Default)]
pub(crate) struct BlobStoreInput {
    pub(crate) url: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: String,
    pub(crate) access_key_id: Option<String>,
    pub(crate) secret_access_key: Option<SecretString>,
}

/// Settings of object storage that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BlobStoreError {
    /// Neither a folder nor a bucket.
    #[error("--blob-store {given:?} is neither file:///a/folder nor s3://bucket/prefix")]
    Url {
        /// As given.
        given: String,
    },
    /// Not the address of a service.
    #[error("--s3-endpoint {given:?} is not an address: {problem}")]
    Endpoint {
        /// As given.
        given: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// One half of an access key.
    #[error("--s3-access-key-id and --s3-secret-access-key belong together: set both or neither")]
    HalfAKey,
}

impl BlobStore {
    /// The folder inside a data directory.
    pub fn inside(data_dir: &Path) -> Self {
        Self::Directory(data_dir.join(DEFAULT_DIRECTORY))
    }

    pub(crate) fn parse(input: BlobStoreInput, data_dir: &Path) -> Result<Self, BlobStoreError> {
        let given = input.url.as_deref().map(str::trim).unwrap_or_default();
        if given.is_empty() {
            return Ok(Self::inside(data_dir));
        }
        let unknown = || BlobStoreError::Url {
            given: given.to_owned(),
        };
        if let Some(path) = given.strip_prefix("file://") {
            // Anything else would be the name of another machine.
            let is_local = path.starts_with('/') && path.len() > 1;
            return if is_local {
                Ok(Self::Directory(path.into()))
            } else {
                Err(unknown())
            };
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
    match super::Network::parse_public_url(given) {
        Ok(Some(url)) => Ok(url),
        Ok(None) => Err(BlobStoreError::Endpoint {
            given: given.to_owned(),
            problem: "it is empty",
        }),
        Err(error) => Err(BlobStoreError::Endpoint {
            given: error.given,
            problem: error.problem,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<BlobStore, BlobStoreError> {
        let input = BlobStoreInput {
            url: Some(url.to_owned()),
            region: DEFAULT_S3_REGION.to_owned(),
            ..BlobStoreInput::default()
        };
        BlobStore::parse(input, Path::new("/data"))
    }

    #[test]
    fn a_folder() {
        for (given, folder) in [
            ("", "/data/blobs"),
            (" ", "/data/blobs"),
            ("file:///var/blobs", "/var/blobs"),
        ] {
            let Ok(BlobStore::Directory(path)) = parse(given) else {
                panic!("{given:?} is a folder")
            };
            assert_eq!(path, Path::new(folder), "{given:?}");
        }
    }

    #[test]
    fn a_bucket() {
        for (given, bucket, prefix) in [
            ("s3://b", "b", ""),
            ("s3://b/", "b", ""),
            ("s3://my.bucket-1/a//b/", "my.bucket-1", "a/b"),
        ] {
            let Ok(BlobStore::S3(settings)) = parse(given) else {
                panic!("{given:?} is a bucket")
            };
            assert_eq!(
                (settings.bucket.as_str(), settings.prefix.as_str()),
                (bucket, prefix)
            );
            assert!(settings.keys.is_none());
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
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
    fn half_a_key_and_a_wrong_endpoint_are_refused() {
        let input = |endpoint: Option<&str>, id: Option<&str>| BlobStoreInput {
            url: Some("s3://b".to_owned()),
            endpoint: endpoint.map(str::to_owned),
            region: "r".to_owned(),
            access_key_id: id.map(str::to_owned),
            secret_access_key: None,
        };
        let parse = |input| BlobStore::parse(input, Path::new("/data"));
        assert_eq!(
            parse(input(None, Some("id"))).err(),
            Some(BlobStoreError::HalfAKey)
        );
        assert!(parse(input(Some("minio:9000"), None)).is_err());
        assert!(parse(input(Some(""), None)).is_err());
        let Ok(BlobStore::S3(settings)) = parse(input(Some("http://minio:9000/"), None)) else {
            panic!("it is a bucket")
        };
        assert_eq!(settings.endpoint.as_deref(), Some("http://minio:9000"));
    }
}
