//! Webhooks: who is told of which events of a suite or organization.
//!
//! The URL and the secret of a webhook are stored as the caller has encrypted them.

mod deliveries;

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::audit::{self, Event, Place, Subject};
use crate::error::StoreError;
use crate::records::{
    Change, EventKind, Listed, NewWebhook, OrganizationId, Page, SuiteId, Webhook, WebhookChanges,
    WebhookFormat, WebhookId, WebhookTarget,
};
use crate::sql::{Row, Session, values};
use crate::store::Store;

pub(crate) use deliveries::{enabled, publish};

type Result<T> = std::result::Result<T, StoreError>;

/// Webhooks of an organization, because each adds work to every event.
pub const MAX_WEBHOOKS: u64 = 50;

const SELECT: &str = "SELECT webhooks.id, webhooks.uuid, suites.uuid AS suite_uuid, \
     suites.slug AS suite_slug, webhooks.description, webhooks.address, webhooks.sealed, \
     webhooks.format, webhooks.kinds, webhooks.enabled, webhooks.created_at \
     FROM webhooks LEFT JOIN suites ON suites.id = webhooks.suite_id";

impl Store {
    /// Fails if the organization has [`MAX_WEBHOOKS`] already.
    pub async fn create_webhook(&self, new: NewWebhook, change: &Change) -> Result<Webhook> {
        let mut session = self.write().await?;
        // Locks the organization, so that concurrent requests do not exceed the limit together.
        session
            .execute(
                "UPDATE organizations SET slug = slug WHERE id = $1",
                values![new.organization.get()],
            )
            .await?;
        let count = session
            .count(
                "SELECT COUNT(*) FROM webhooks WHERE organization_id = $1",
                values![new.organization.get()],
            )
            .await?;
        if count >= MAX_WEBHOOKS {
            return Err(StoreError::TooLarge {
                what: "number of webhooks",
                size: count + 1,
                limit: MAX_WEBHOOKS,
            });
        }
        session
            .execute(
                "INSERT INTO webhooks (uuid, organization_id, suite_id, description, address, \
                 sealed, format, kinds, enabled, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, TRUE, $9)",
                [
                    new.uuid.into(),
                    new.organization.get().into(),
                    new.suite.map(SuiteId::get).into(),
                    (&new.description).into(),
                    (&new.target.address).into(),
                    new.target.sealed.into(),
                    new.format.name().into(),
                    joined(&new.kinds).into(),
                    change.at.into(),
                ],
            )
            .await
            .map_err(|error| error.or_gone("the suite"))?;
        let found = find(&mut session, new.organization, new.uuid).await?;
        let (created, suite) = found.ok_or(StoreError::Gone("the webhook"))?;
        let event = Event {
            action: "webhook.created".to_owned(),
            subject: subject(&created),
            before: None,
            after: Some(settings(&created).into()),
        };
        audit::record(&mut session, &place(new.organization, suite), change, event).await?;
        session.commit().await?;
        Ok(created)
    }

    /// Oldest first; of one suite, or all of the organization.
    pub async fn webhooks(
        &self,
        organization: OrganizationId,
        suite: Option<SuiteId>,
        page: Page,
    ) -> Result<Listed<Webhook>> {
        let mut condition = "WHERE webhooks.organization_id = ?".to_owned();
        let mut bound = values![organization.get()].to_vec();
        if let Some(suite) = suite {
            condition.push_str(" AND webhooks.suite_id = ?");
            bound.push(suite.get().into());
        }
        let mut session = self.read().await?;
        let count = format!("SELECT COUNT(*) FROM webhooks {condition}");
        let total = session.count(count, bound.clone()).await?;
        bound.extend(values![page.limit(), page.offset()]);
        let list = format!("{SELECT} {condition} ORDER BY webhooks.id LIMIT ? OFFSET ?");
        let rows = session.rows(list, bound).await?;
        Ok(Listed {
            items: rows.iter().map(webhook).collect::<Result<_>>()?,
            total,
        })
    }

    /// `None` if the organization has no such webhook.
    pub async fn webhook(
        &self,
        organization: OrganizationId,
        uuid: Uuid,
    ) -> Result<Option<Webhook>> {
        let mut session = self.read().await?;
        let found = find(&mut session, organization, uuid).await?;
        Ok(found.map(|(webhook, _suite)| webhook))
    }

    /// Returns the changed webhook, or `None` if there is none.
    pub async fn update_webhook(
        &self,
        organization: OrganizationId,
        uuid: Uuid,
        changes: WebhookChanges,
        change: &Change,
    ) -> Result<Option<Webhook>> {
        let mut session = self.write().await?;
        lock(&mut session, organization, uuid).await?;
        let Some((mut webhook, suite)) = find(&mut session, organization, uuid).await? else {
            return Ok(None);
        };
        let before = settings(&webhook);
        webhook.description = changes.description.unwrap_or(webhook.description);
        webhook.target = changes.target.unwrap_or(webhook.target);
        webhook.format = changes.format.unwrap_or(webhook.format);
        webhook.kinds = changes.kinds.unwrap_or(webhook.kinds);
        webhook.is_enabled = changes.is_enabled.unwrap_or(webhook.is_enabled);
        let mut after = settings(&webhook);
        if changes.is_new_secret {
            after.insert("secret".to_owned(), json!("replaced"));
        }
        session
            .execute(
                "UPDATE webhooks SET description = $2, address = $3, sealed = $4, format = $5, \
                 kinds = $6, enabled = $7 WHERE id = $1",
                values![
                    webhook.id.get(),
                    &webhook.description,
                    &webhook.target.address,
                    webhook.target.sealed.as_slice(),
                    webhook.format.name(),
                    joined(&webhook.kinds),
                    webhook.is_enabled,
                ],
            )
            .await?;
        if let Some((before, after)) = audit::differences(&before, after) {
            let event = Event {
                action: "webhook.updated".to_owned(),
                subject: subject(&webhook),
                before: Some(before),
                after: Some(after),
            };
            audit::record(&mut session, &place(organization, suite), change, event).await?;
        }
        session.commit().await?;
        Ok(Some(webhook))
    }

    /// Deletes a webhook with its deliveries; false if there is none.
    pub async fn delete_webhook(
        &self,
        organization: OrganizationId,
        uuid: Uuid,
        change: &Change,
    ) -> Result<bool> {
        let mut session = self.write().await?;
        lock(&mut session, organization, uuid).await?;
        let Some((webhook, suite)) = find(&mut session, organization, uuid).await? else {
            return Ok(false);
        };
        session
            .execute(
                "DELETE FROM webhooks WHERE id = $1",
                values![webhook.id.get()],
            )
            .await?;
        let event = Event {
            action: "webhook.deleted".to_owned(),
            subject: subject(&webhook),
            before: Some(settings(&webhook).into()),
            after: None,
        };
        audit::record(&mut session, &place(organization, suite), change, event).await?;
        session.commit().await?;
        Ok(true)
    }
}

/// The id and the slug of the suite that a webhook is limited to.
type OfSuite = Option<(Uuid, String)>;

async fn lock(session: &mut Session, organization: OrganizationId, uuid: Uuid) -> Result<()> {
    session
        .execute(
            "UPDATE webhooks SET enabled = enabled WHERE organization_id = $1 AND uuid = $2",
            values![organization.get(), uuid],
        )
        .await?;
    Ok(())
}

async fn find(
    session: &mut Session,
    organization: OrganizationId,
    uuid: Uuid,
) -> Result<Option<(Webhook, OfSuite)>> {
    let text = format!("{SELECT} WHERE webhooks.organization_id = ? AND webhooks.uuid = ?");
    let row = session
        .optional(text, values![organization.get(), uuid])
        .await?;
    row.map(|row| {
        let webhook = webhook(&row)?;
        let suite = row.uuid_or_null("suite_uuid")?;
        let suite = suite.zip(webhook.suite_slug.clone());
        Ok((webhook, suite))
    })
    .transpose()
}

fn place(organization: OrganizationId, suite: OfSuite) -> Place {
    Place {
        suite,
        ..Place::of_organization(organization)
    }
}

fn subject(webhook: &Webhook) -> Subject {
    Subject {
        kind: "webhook",
        uuid: webhook.uuid,
        name: webhook.target.address.clone(),
    }
}

/// A webhook as the audit log shows it.
fn settings(webhook: &Webhook) -> Map<String, Json> {
    let kinds: Vec<&str> = webhook.kinds.iter().map(|kind| kind.name()).collect();
    let settings = json!({
        "description": webhook.description,
        "address": webhook.target.address,
        "format": webhook.format.name(),
        "events": kinds,
        "enabled": webhook.is_enabled,
    });
    match settings {
        Json::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Reads [`SELECT`].
fn webhook(row: &Row) -> Result<Webhook> {
    let damaged = StoreError::Damaged { what: "webhook" };
    Ok(Webhook {
        id: WebhookId::new(row.integer("id")?),
        uuid: row.uuid("uuid")?,
        suite_slug: row.text_or_null("suite_slug")?,
        description: row.text_or_null("description")?,
        target: WebhookTarget {
            address: row.text("address")?,
            sealed: row.bytes("sealed")?,
        },
        format: WebhookFormat::of_name(&row.text("format")?).ok_or(damaged)?,
        kinds: kinds(&row.text("kinds")?)?,
        is_enabled: row.boolean("enabled")?,
        created_at: row.time("created_at")?,
    })
}

fn joined(kinds: &[EventKind]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    names.join(" ")
}

fn kinds(joined: &str) -> Result<Vec<EventKind>> {
    let damaged = || StoreError::Damaged { what: "webhook" };
    joined
        .split_whitespace()
        .map(|name| EventKind::of_name(name).ok_or_else(damaged))
        .collect()
}
