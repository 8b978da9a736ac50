//! The section of storage: the data directory and the organization made in an empty one.

use std::path::PathBuf;

/// Beside where the server is started.
pub(crate) const DEFAULT_DATA_DIR: &str = "test-engine-data";
/// The slug of the organization of a new database.
pub(crate) const DEFAULT_ORGANIZATION: &str = "default";

/// Where the server keeps things.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Holds the database; made when missing.
    pub data_dir: PathBuf,
    /// Slug of the organization to make when the database has none.
    pub organization: String,
}

impl Storage {
    /// The database file inside the data directory.
    pub fn database(&self) -> PathBuf {
        self.data_dir.join("test-engine.db")
    }
}
