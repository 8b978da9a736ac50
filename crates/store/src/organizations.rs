//! Organizations: the tenants.

use serde_json::json;
use uuid::Uuid;

use crate::audit::{self, Event, Place, Subject};
use crate::error::{Conflict, StoreError};
use crate::records::{Change, Organization, OrganizationId};
use crate::sql::{Row, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Fails with a conflict if the slug is taken.
    pub async fn create_organization(
        &self,
        uuid: Uuid,
        slug: &str,
        change: &Change,
    ) -> Result<Organization> {
        let mut session = self.write().await?;
        let row = session
            .one(
                "INSERT INTO organizations (uuid, slug, created_at) VALUES ($1, $2, $3) \
                 RETURNING id, uuid, slug, created_at",
                values![uuid, slug, change.at],
            )
            .await
            .map_err(|error| error.or_conflict(Conflict::Organization))?;
        let created = organization(&row)?;
        let event = Event {
            action: "organization.created".to_owned(),
            subject: Subject {
                kind: "organization",
                uuid: created.uuid,
                name: created.slug.clone(),
            },
            before: None,
            after: Some(json!({ "slug": created.slug })),
        };
        let place = Place::of_organization(created.id);
        audit::record(&mut session, &place, change, event).await?;
        session.commit().await?;
        Ok(created)
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
