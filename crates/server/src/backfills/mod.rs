//! Commit history that clients collect and send as an archive: the form to send it with, and what
//! becomes of it.
//!
//! `forms` seals the server's own forms, `archive` and `records` take an archive apart (both pure of
//! network and database), `ingest` brings it from object storage into the database. The book of
//! who waits for what is the store's.

mod archive;
mod forms;
mod ingest;
mod records;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

pub(crate) use forms::{FILE_FIELD, FormKey, SealedForm};
pub(crate) use ingest::{delete_unused, find_arrived, ingest_next, release};

/// How long a form is good, in milliseconds. Collecting may take longer; clients ask again then.
pub(crate) const FORM_LIFETIME: i64 = 15 * 60 * 1000;

/// What requests and the job that reads archives share.
#[derive(Clone)]
pub(crate) struct Backfills {
    /// Seals forms.
    pub(crate) form_key: FormKey,
    /// Told when an archive has come in.
    pub(crate) wake: Arc<Notify>,
    /// The archive that this server reads now.
    reading: Arc<Mutex<Option<Uuid>>>,
}

impl Backfills {
    pub(crate) fn new(form_key: FormKey) -> Self {
        Self {
            form_key,
            wake: Arc::new(Notify::new()),
            reading: Arc::default(),
        }
    }

    /// Notes which archive is read now, or that none is; the one before.
    fn set_reading(&self, archive: Option<Uuid>) -> Option<Uuid> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *reading, archive)
    }
}
