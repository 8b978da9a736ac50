//! Failure texts that an upload keeps outside memory until they are stored.
//!
//! A suite in which everything fails may send tens of megabytes of them. They are read back one
//! failure at a time, while its row is written.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use test_engine_results::FailureDetail;

/// The texts of one failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureTexts {
    pub reason: Option<String>,
    pub expanded: Vec<FailureDetail>,
}

/// Keeps the texts of an upload, such as a temporary file.
pub trait TextSource: std::fmt::Debug + Send + Sync {
    /// The texts at a place that the source has given out. Can be called again: a transaction may
    /// be repeated.
    ///
    /// # Errors
    ///
    /// If they cannot be read; the upload is then not stored.
    fn read(&self, place: u64) -> io::Result<FailureTexts>;
}

/// Where the texts of one failure are.
#[derive(Clone, Debug)]
pub struct KeptTexts {
    source: Arc<dyn TextSource>,
    place: u64,
}

impl KeptTexts {
    pub const fn new(source: Arc<dyn TextSource>, place: u64) -> Self {
        Self { source, place }
    }

    /// # Errors
    ///
    /// As for [`TextSource::read`].
    pub fn read(&self) -> io::Result<FailureTexts> {
        self.source.read(self.place)
    }
}

/// Whether both are the same place of the same source.
impl PartialEq for KeptTexts {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source) && self.place == other.place
    }
}
