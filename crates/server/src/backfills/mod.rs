//! Archives of commit metadata that clients collect and upload.
//!
//! `forms` signs and checks upload forms, `archive` and `records` parse archives (both without
//! network and database), `ingest` writes the commits of stored archives to the database. The store
//! keeps track of the state of each archive.

mod archive;
mod forms;
mod ingest;
mod records;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

pub(crate) use forms::{FILE_FIELD, FormKey, SignedForm};
pub(crate) use ingest::{delete_unused, find_arrived, ingest_next, release};

/// Milliseconds for which a form is valid. If collecting takes longer, clients request another
/// form.
pub(crate) const FORM_LIFETIME: i64 = 15 * 60 * 1000;

/// Shared by requests and the background job.
#[derive(Clone)]
pub(crate) struct Backfills {
    pub(crate) form_key: FormKey,
    /// Notified when an archive has arrived.
    pub(crate) wake: Arc<Notify>,
    /// The archive that this server is ingesting.
    current: Arc<Mutex<Option<Uuid>>>,
}

impl Backfills {
    pub(crate) fn new(form_key: FormKey) -> Self {
        Self {
            form_key,
            wake: Arc::new(Notify::new()),
            current: Arc::default(),
        }
    }

    /// Returns the previous value.
    fn set_current(&self, archive: Option<Uuid>) -> Option<Uuid> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, archive)
    }
}
