//! Upload forms for archives of commit metadata, and the state that requests share with the job
//! that ingests the archives (`backfill_ingest`). The store keeps track of each archive.

mod forms;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

pub(crate) use forms::{FILE_FIELD, FormKey, SignedForm};

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

    pub(crate) fn set_current(&self, archive: Option<Uuid>) -> Option<Uuid> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, archive)
    }
}
