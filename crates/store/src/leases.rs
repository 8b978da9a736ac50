//! Leases: which of several processes on one database does a job now.
//!
//! A lease is a name that one holder has until a time. It keeps servers from doing the same work
//! twice; it is no lock to build correctness on, because the clocks of machines differ. So what is
//! done under one must be harmless when two do it at once.

use uuid::Uuid;

use crate::error::StoreError;
use crate::records::Timestamp;
use crate::sql::values;
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Takes the lease of this name until `until`, or extends it when `holder` has it already.
    /// False when somebody else has it and it has not expired.
    ///
    /// A process chooses one random UUID as its `holder` for as long as it lives. To do a job in
    /// one process only, renew its lease well before it ends and work while this says true. When
    /// the holder dies, another gets the lease once it has expired.
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

    /// Gives back all that this holder has, so that nobody has to wait until it expires.
    pub async fn release_leases(&self, holder: Uuid) -> Result<()> {
        let mut session = self.write().await?;
        session
            .execute("DELETE FROM leases WHERE holder = $1", values![holder])
            .await?;
        session.commit().await
    }
}
