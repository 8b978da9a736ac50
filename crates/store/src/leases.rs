//! Leases: which of several servers on one database runs a job.
//!
//! A holder has a lease until it expires. Leases avoid duplicate work; they are not locks, because
//! clocks differ. Whatever runs under a lease must be harmless if two servers run it concurrently.

use uuid::Uuid;

use crate::error::StoreError;
use crate::records::Timestamp;
use crate::sql::values;
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Acquires the lease until `until`, or extends it if `holder` has it already. False if another
    /// holder has it and it has not expired.
    ///
    /// A process uses one random UUID as its `holder`. To run a job in one process only, renew the
    /// lease well before it expires and run while this returns true.
    pub async fn try_lease(
        &self,
        name: &str,
        holder: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool> {
        let mut session = self.write().await?;
        let taken = session
            .optional(
                "INSERT INTO leases (name, holder, expires_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (name) DO UPDATE SET \
                 holder = excluded.holder, expires_at = excluded.expires_at \
                 WHERE leases.holder = excluded.holder OR leases.expires_at <= $4 \
                 RETURNING name",
                values![name, holder, until, now],
            )
            .await?
            .is_some();
        session.commit().await?;
        Ok(taken)
    }

    /// Records that a job has run, for [`Store::last_run`].
    pub async fn record_run(&self, job: &str, now: Timestamp) -> Result<()> {
        let mut session = self.write().await?;
        session
            .execute(
                "INSERT INTO leases (name, holder, expires_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at",
                // No server has this id, so that none releases the row.
                values![last_run_of(job), Uuid::nil(), now],
            )
            .await?;
        session.commit().await
    }

    /// When a job ran last, on any server; `None` if it never has.
    pub async fn last_run(&self, job: &str) -> Result<Option<Timestamp>> {
        self.time_of_lease(&last_run_of(job)).await
    }

    async fn time_of_lease(&self, name: &str) -> Result<Option<Timestamp>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT expires_at FROM leases WHERE name = $1",
                values![name],
            )
            .await?;
        row.map(|row| row.time("expires_at")).transpose()
    }

    /// The number of the latest migration.
    pub async fn schema_version(&self) -> Result<i64> {
        let mut session = self.read().await?;
        let row = session
            .optional("SELECT MAX(version) AS version FROM _sqlx_migrations", [])
            .await?;
        row.map_or(Ok(0), |row| row.integer("version"))
    }

    /// Writes a row, to find out whether the database can be written.
    pub async fn check_writable(&self, holder: Uuid, now: Timestamp) -> Result<()> {
        let mut session = self.write().await?;
        session
            .execute(
                "INSERT INTO leases (name, holder, expires_at) VALUES ('write_check', $1, $2) \
                 ON CONFLICT (name) DO UPDATE SET \
                 holder = excluded.holder, expires_at = excluded.expires_at",
                values![holder, now],
            )
            .await?;
        session.commit().await
    }

    /// When a server last wrote with [`Store::check_writable`]; `None` if all servers have stopped
    /// properly since.
    pub async fn last_write_check(&self) -> Result<Option<Timestamp>> {
        self.time_of_lease("write_check").await
    }

    /// Releases all leases of this holder, so that another one can acquire them immediately.
    pub async fn release_leases(&self, holder: Uuid) -> Result<()> {
        let mut session = self.write().await?;
        session
            .execute("DELETE FROM leases WHERE holder = $1", values![holder])
            .await?;
        session.commit().await
    }
}

/// The row of a job that is not a lease.
fn last_run_of(job: &str) -> String {
    format!("last run of {job}")
}
