//! Organizations: the tenants.

use uuid::Uuid;

use crate::error::{Conflict, StoreError};
use crate::records::{Organization, OrganizationId, Timestamp};
use crate::sql::{Row, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Fails with a conflict if the slug is taken.
    pub async fn create_organization(
        &self,
        uuid: Uuid,
        slug: &str,
        now: Timestamp,
    ) -> Result<Organization> {
        let mut session = self.write().await?;
        let row = session
            .one(
                "INSERT INTO organizations (uuid, slug, created_at) VALUES ($1, $2, $3) \
                 RETURNING id, uuid, slug, created_at",
                values![uuid, slug, now],
            )
            .await
            .map_err(|error| error.or_conflict(Conflict::Organization))?;
        session.commit().await?;
        organization(&row)
    }

    /// Finds an organization by its slug.
    pub async fn organization(&self, slug: &str) -> Result<Option<Organization>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                "SELECT id, uuid, slug, created_at FROM organizations WHERE slug = $1",
                values![slug],
            )
            .await?;
        row.as_ref().map(organization).transpose()
    }

    /// Ordered by slug.
    pub async fn organizations(&self) -> Result<Vec<Organization>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT id, uuid, slug, created_at FROM organizations ORDER BY slug",
                [],
            )
            .await?;
        rows.iter().map(organization).collect()
    }
}

fn organization(row: &Row) -> Result<Organization> {
    Ok(Organization {
        id: OrganizationId::new(row.integer("id")?),
        uuid: row.uuid("uuid")?,
        slug: row.text("slug")?,
        created_at: row.time("created_at")?,
    })
}
