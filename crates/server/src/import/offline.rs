//! Whether a server, or another import, uses the database.
//!
//! Uploads that a server stores during an import would be newer than what is imported after them.
//! A server leaves two traces: a file beside a database file, and a row that it writes every few
//! seconds and deletes when it stops.

use std::path::Path;
use std::time::{Duration, Instant};

use test_engine_store::{Store, Timestamp};
use uuid::Uuid;

use super::ImportError;
use crate::clock::Clock;
use crate::running::Running;

const LEASE: &str = "import";
/// How long the lease of an import that was killed blocks the next one.
const LEASE_MS: i64 = 15_000;
/// Longer than a server that runs takes to write its row again.
const SILENCE: Duration = Duration::from_secs(7);
const CHECK_PERIOD: Duration = Duration::from_secs(3);
const LEASE_POLL_PERIOD: Duration = Duration::from_millis(500);

/// Fails if a server on this machine uses the database file. Finds no others, but immediately.
pub(crate) fn refuse_server_at(database: Option<&Path>) -> Result<(), ImportError> {
    match database.and_then(Running::find) {
        Some(server) => Err(ImportError::ServerAt { url: server.url }),
        None => Ok(()),
    }
}

/// The exclusive right to import, checked every few seconds.
pub(super) struct Offline<'a> {
    store: &'a Store,
    clock: &'a Clock,
    holder: Uuid,
    last_write: Option<Timestamp>,
    checked: Instant,
}

impl<'a> Offline<'a> {
    /// Fails if a server or another import is running.
    pub(super) async fn begin(
        store: &'a Store,
        database: Option<&Path>,
        clock: &'a Clock,
    ) -> Result<Self, ImportError> {
        refuse_server_at(database)?;
        let mut last_write = store.last_write_check().await?;
        if last_write.is_some() {
            // The server runs, on this machine or another, or it was killed.
            tokio::time::sleep(SILENCE).await;
            let later = store.last_write_check().await?;
            if later != last_write {
                return Err(ImportError::Server);
            }
            last_write = later;
        }
        let offline = Self {
            store,
            clock,
            holder: Uuid::new_v4(),
            last_write,
            checked: Instant::now(),
        };
        offline.wait_for_lease().await?;
        Ok(offline)
    }

    async fn wait_for_lease(&self) -> Result<(), ImportError> {
        let began = Instant::now();
        let limit = Duration::from_millis(LEASE_MS.unsigned_abs()) + CHECK_PERIOD;
        while !self.extend_lease().await? {
            if began.elapsed() > limit {
                return Err(ImportError::Another);
            }
            tokio::time::sleep(LEASE_POLL_PERIOD).await;
        }
        Ok(())
    }

    async fn extend_lease(&self) -> Result<bool, ImportError> {
        let now = self.clock.now();
        let until = now.plus_millis(LEASE_MS);
        Ok(self.store.try_lease(LEASE, self.holder, now, until).await?)
    }

    /// Call it often. Fails if a server has started, or if another import took over because this
    /// one was suspended.
    pub(super) async fn check(&mut self) -> Result<(), ImportError> {
        if self.checked.elapsed() < CHECK_PERIOD {
            return Ok(());
        }
        self.checked = Instant::now();
        let last_write = self.store.last_write_check().await?;
        if last_write.is_some() && last_write != self.last_write {
            return Err(ImportError::Server);
        }
        if self.extend_lease().await? {
            Ok(())
        } else {
            Err(ImportError::Another)
        }
    }

    pub(super) async fn end(self) -> Result<(), ImportError> {
        Ok(self.store.release_leases(self.holder).await?)
    }
}
