//! Encrypts secrets that the server must be able to use again, such as those of webhooks.
//!
//! The key is in a file and never in the database, so that a copy of the database is not enough to
//! use them. The database has a fingerprint of the key: a server with another key says so instead
//! of writing secrets that the others cannot read.

use std::io::{self, Write as _};
use std::path::PathBuf;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest as _, Sha256};
use test_engine_store::{Store, StoreError, Timestamp};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::config::Storage;
use crate::secrets;

/// The row of the fingerprint among the secrets of the server.
const FINGERPRINT: &str = "fingerprint of the sealing key";
/// The first byte of everything sealed, for a change of the algorithm.
const VERSION: u8 = 1;

/// Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealingError {
    #[error(
        "the key file {path} is missing\nhint: copy it from the server that created the secrets, \
         or from a backup of its data directory, or set --secret-key-file"
    )]
    NoKey { path: PathBuf },
    #[error(
        "the key file {path} is not valid: it must have 64 hexadecimal digits\nhint: copy it from \
         the server that created the secrets, or from a backup"
    )]
    InvalidKey { path: PathBuf },
    #[error(
        "the key file {path} has another key than the one that encrypted the secrets of this \
         database\nhint: all servers of a database need the same key file"
    )]
    OtherKey { path: PathBuf },
    /// The source names the file.
    #[error("the key file cannot be used")]
    File(#[from] io::Error),
    #[error("the secret cannot be decrypted: it was damaged in the database")]
    Damaged,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Encrypts and decrypts with the key of this server's file.
pub(crate) struct Sealer {
    store: Store,
    path: PathBuf,
    key: OnceCell<LessSafeKey>,
}

impl Sealer {
    /// Reads nothing yet.
    pub(crate) fn new(store: Store, storage: &Storage) -> Self {
        Self {
            store,
            path: storage.secret_key_file(),
            key: OnceCell::new(),
        }
    }

    /// Encrypts a secret of `owner`; creates the key file if this is the first secret.
    pub(crate) async fn seal(
        &self,
        owner: Uuid,
        secret: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, SealingError> {
        let key = self
            .key
            .get_or_try_init(|| self.load_or_create(now))
            .await?;
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = secret.to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(owner.as_bytes()),
            &mut sealed,
        )
        .map_err(|_too_long| SealingError::Damaged)?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts a secret of `owner`.
    pub(crate) async fn open(
        &self,
        owner: Uuid,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, SealingError> {
        let key = self.key.get_or_try_init(|| self.load(now)).await?;
        let (nonce, sealed) = sealed
            .strip_prefix(&[VERSION])
            .and_then(|rest| rest.split_first_chunk::<NONCE_LEN>())
            .ok_or(SealingError::Damaged)?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = key
            .open_in_place(nonce, Aad::from(owner.as_bytes()), &mut plain)
            .map_err(|_altered| SealingError::Damaged)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }

    async fn load(&self, now: Timestamp) -> Result<LessSafeKey, SealingError> {
        let text = match fs_err::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let path = self.path.clone();
                return Err(SealingError::NoKey { path });
            }
            read => read?,
        };
        let invalid = || SealingError::InvalidKey {
            path: self.path.clone(),
        };
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim(), &mut key).map_err(|_| invalid())?;
        self.check(&key, now).await?;
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| invalid())?;
        Ok(LessSafeKey::new(key))
    }

    async fn load_or_create(&self, now: Timestamp) -> Result<LessSafeKey, SealingError> {
        match self.load(now).await {
            Err(SealingError::NoKey { .. }) => {}
            loaded => return loaded,
        }
        let key = secrets::random();
        let is_ours = self.write(&key)?;
        match self.check(&key, now).await {
            // Another process has written the file meanwhile, or the database has another key.
            Err(SealingError::OtherKey { .. }) if !is_ours => {}
            Err(error) => {
                if is_ours {
                    fs_err::remove_file(&self.path)?;
                }
                return Err(match error {
                    SealingError::OtherKey { path } => SealingError::NoKey { path },
                    other => other,
                });
            }
            Ok(()) => {}
        }
        self.load(now).await
    }

    /// Whether the file is new. Its permissions are those of every new file of this process: for
    /// its user only.
    fn write(&self, key: &[u8; 32]) -> Result<bool, SealingError> {
        let directory = self
            .path
            .parent()
            .filter(|path| !path.as_os_str().is_empty());
        let directory = directory.unwrap_or_else(|| std::path::Path::new("."));
        fs_err::create_dir_all(directory)?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        writeln!(file, "{}", hex::encode(key))?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(&self.path) {
            Ok(_file) => Ok(true),
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(failed) => Err(failed.error.into()),
        }
    }

    async fn check(&self, key: &[u8; 32], now: Timestamp) -> Result<(), SealingError> {
        let mut digest = Sha256::new();
        digest.update(FINGERPRINT.as_bytes());
        digest.update(key);
        let own: [u8; 32] = digest.finalize().into();
        let kept = self.store.server_secret(FINGERPRINT, own, now).await?;
        if kept == own {
            return Ok(());
        }
        let path = self.path.clone();
        Err(SealingError::OtherKey { path })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(0);
    const OWNER: Uuid = Uuid::from_u128(1);

    async fn store(directory: &Path) -> Store {
        Store::open_file(&directory.join("test.db")).await.unwrap()
    }

    fn sealer(store: &Store, data_dir: &Path) -> Sealer {
        let storage = Storage {
            data_dir: data_dir.to_owned(),
            ..crate::config::defaults()
        };
        Sealer::new(store.clone(), &storage)
    }

    #[tokio::test]
    async fn a_secret_is_read_back_by_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let first = sealer(&store, directory.path());
        let sealed = first.seal(OWNER, b"secret", NOW).await.unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        let again = first.seal(OWNER, b"secret", NOW).await.unwrap();
        assert_ne!(sealed, again, "each has its own nonce");
        let restarted = sealer(&store, directory.path());
        let opened = restarted.open(OWNER, &sealed, NOW).await.unwrap();
        assert_eq!(opened, b"secret");

        let other = restarted.open(Uuid::from_u128(2), &sealed, NOW).await;
        assert!(matches!(other, Err(SealingError::Damaged)), "{other:?}");
        let mut altered = sealed.clone();
        *altered.last_mut().unwrap() ^= 1;
        for altered in [altered.as_slice(), &sealed[..10], &[], &[2; 60]] {
            let opened = restarted.open(OWNER, altered, NOW).await;
            assert!(matches!(opened, Err(SealingError::Damaged)), "{opened:?}");
        }
        let mode = fs_err::metadata(&restarted.path)
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }

    #[tokio::test]
    async fn a_missing_or_another_key_is_reported_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let first = sealer(&store, directory.path());
        let sealed = first.seal(OWNER, b"secret", NOW).await.unwrap();

        let elsewhere = tempfile::tempdir().unwrap();
        let other = sealer(&store, elsewhere.path());
        let opened = other.open(OWNER, &sealed, NOW).await;
        assert!(matches!(opened, Err(SealingError::NoKey { .. })));
        let resealed = other.seal(OWNER, b"secret", NOW).await;
        assert!(matches!(resealed, Err(SealingError::NoKey { .. })));
        assert!(!other.path.exists());

        fs_err::write(&other.path, "ab".repeat(32)).unwrap();
        let resealed = other.seal(OWNER, b"secret", NOW).await;
        assert!(matches!(resealed, Err(SealingError::OtherKey { .. })));
        fs_err::write(&other.path, "ab").unwrap();
        let resealed = other.seal(OWNER, b"secret", NOW).await;
        assert!(matches!(resealed, Err(SealingError::InvalidKey { .. })));

        fs_err::copy(&first.path, &other.path).unwrap();
        assert_eq!(other.open(OWNER, &sealed, NOW).await.unwrap(), b"secret");
    }

    #[tokio::test]
    async fn servers_that_start_together_agree_on_a_key() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let sealers: Vec<_> = (0..8).map(|_| sealer(&store, directory.path())).collect();
        let mut tasks = tokio::task::JoinSet::new();
        for sealer in sealers {
            tasks.spawn(async move { sealer.seal(OWNER, b"secret", NOW).await.unwrap() });
        }
        for sealed in tasks.join_all().await {
            let reader = sealer(&store, directory.path());
            assert_eq!(reader.open(OWNER, &sealed, NOW).await.unwrap(), b"secret");
        }
    }
}
