//! The data directory, the database and object storage.

use std::path::PathBuf;

use clap::{Args, value_parser};
use secrecy::{ExposeSecret as _, SecretString};
use test_engine_store::DEFAULT_CONNECTIONS;

use super::BlobStore;

/// The SQLite database in the data directory. Its other files, such as the write-ahead log, have
/// names that start with this one.
pub(crate) const DATABASE_FILE: &str = "test-engine.db";
/// The key that encrypts the secrets of webhooks.
pub(crate) const SECRET_KEY_FILE: &str = "secret.key";
pub(crate) const DEFAULT_ORGANIZATION: &str = "default";

/// Where the server stores data. The arguments are those of every command; `serve` sets the rest.
#[derive(Clone, Debug, Args)]
pub struct Storage {
    /// Directory for the database, unless --database-url is set; created if missing
    #[arg(long, value_name = "DIR", env = "TEST_ENGINE_DATA_DIR")]
    #[arg(default_value = "test-engine-data")]
    pub data_dir: PathBuf,
    /// Database to use instead of a file in the data directory, such as
    /// postgres://user:password@host/database
    #[arg(long, value_name = "URL", env = "TEST_ENGINE_DATABASE_URL")]
    #[arg(hide_env_values = true)]
    pub database_url: Option<SecretString>,
    /// Maximum number of connections to a Postgres database
    #[arg(long, value_name = "COUNT", env = "TEST_ENGINE_DATABASE_CONNECTIONS")]
    #[arg(default_value_t = DEFAULT_CONNECTIONS, value_parser = value_parser!(u32).range(2..=1000))]
    pub database_connections: u32,
    /// File with the key that encrypts the secrets of webhooks; by default secret.key in the data
    /// directory, created when it is first needed
    #[arg(long, value_name = "FILE", env = "TEST_ENGINE_SECRET_KEY_FILE")]
    pub secret_key_file: Option<PathBuf>,
    /// Storage of everything that is too large for the database.
    #[arg(skip)]
    pub blobs: BlobStore,
    /// Whether every uploaded result file is kept unchanged.
    #[arg(skip)]
    pub keep_raw_uploads: bool,
    /// Slug of the organization that is created in an empty database.
    #[arg(skip = DEFAULT_ORGANIZATION)]
    pub organization: String,
}

impl Storage {
    /// The database file in the data directory.
    pub fn database(&self) -> PathBuf {
        self.data_dir.join(DATABASE_FILE)
    }

    /// The file with the key that encrypts the secrets of webhooks.
    pub fn secret_key_file(&self) -> PathBuf {
        let given = self.secret_key_file.clone();
        given.unwrap_or_else(|| self.data_dir.join(SECRET_KEY_FILE))
    }

    /// The address of the database; `None` for the file in the data directory.
    pub fn database_url(&self) -> Option<&str> {
        let url = self.database_url.as_ref()?.expose_secret();
        (!url.is_empty()).then_some(url)
    }
}
