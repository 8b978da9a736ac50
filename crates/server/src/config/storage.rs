//! The section of storage: the data directory, the database, and the organization made in an
//! empty one.

use std::path::PathBuf;

use secrecy::SecretString;

use super::BlobStore;

/// Beside where the server is started.
pub(crate) const DEFAULT_DATA_DIR: &str = "test-engine-data";
/// The database inside the data directory; its log has the same name with something behind it.
pub(crate) const DATABASE_FILE: &str = "test-engine.db";
/// The slug of the organization of a new database.
pub(crate) const DEFAULT_ORGANIZATION: &str = "default";

/// Where the server keeps things.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Holds the database, unless that is elsewhere; made when missing.
    pub data_dir: PathBuf,
    /// `postgres://…` or `sqlite://…`, with its password; `None` for the file in `data_dir`.
    pub database_url: Option<SecretString>,
    /// Connections to Postgres at most.
    pub database_connections: u32,
    /// Holds what is too large for the database.
    pub blobs: BlobStore,
    /// Whether every uploaded result file is kept as it came.
    pub keep_raw_uploads: bool,
    /// Slug of the organization to make when the database has none.
    pub organization: String,
}

impl Storage {
    /// The database file inside the data directory.
    pub fn database(&self) -> PathBuf {
        self.data_dir.join(DATABASE_FILE)
    }
}
