//! Deliveries of events to webhooks: a queue in the database.
//!
//! An attempt is claimed by postponing the delivery. So of several servers one makes the attempt,
//! and if that server dies, the delivery is due again when the claim has lapsed. The receiver may
//! then get it twice, with the same id.

use uuid::Uuid;

use super::{OfSuite, Result, SELECT, kinds, place, subject, webhook};
use crate::audit::{self, Event};
use crate::error::StoreError;
use crate::events::{self, NewEvent};
use crate::records::{
    AttemptOutcome, Change, Delivery, DeliveryState, Listed, OrganizationId, Page, SuiteId,
    Timestamp, Webhook, WebhookId,
};
use crate::sql::{Row, Session, values};
use crate::store::Store;

const PENDING: i64 = code(DeliveryState::Pending);

const COLUMNS: &str = "deliveries.uuid, deliveries.state, deliveries.attempts, \
     deliveries.first_at, deliveries.next_at, deliveries.finished_at, deliveries.last_status, \
     deliveries.last_error";

/// Writes an event to the log of its suite, and adds it to the queue of each webhook that wants it,
/// and of these others if they are enabled.
pub(crate) async fn publish(
    session: &mut Session,
    suite: SuiteId,
    change: &Change,
    event: NewEvent<'_>,
    others: &[Uuid],
) -> Result<()> {
    let id = events::insert(session, suite, change, &event).await?;
    let rows = session
        .rows(
            "SELECT webhooks.id, webhooks.uuid, webhooks.kinds FROM webhooks \
             JOIN suites ON suites.organization_id = webhooks.organization_id \
             WHERE suites.id = $1 AND webhooks.enabled \
             AND (webhooks.suite_id IS NULL OR webhooks.suite_id = $1)",
            values![suite.get()],
        )
        .await?;
    for row in rows {
        let is_other = others.contains(&row.uuid("uuid")?);
        let wanted = kinds(&row.text("kinds")?)?;
        if is_other || wanted.is_empty() || wanted.contains(&event.kind) {
            session
                .execute(
                    "INSERT INTO deliveries (uuid, webhook_id, event_id, state, attempts, \
                     first_at, next_at) VALUES ($1, $2, $3, $4, 0, $5, $5)",
                    values![Uuid::new_v4(), row.integer("id")?, id, PENDING, change.at],
                )
                .await?;
        }
    }
    Ok(())
}

/// The enabled webhooks of a suite and of its organization.
pub(crate) async fn enabled(session: &mut Session, suite: SuiteId) -> Result<Vec<Uuid>> {
    let rows = session
        .rows(
            "SELECT webhooks.uuid FROM webhooks \
             JOIN suites ON suites.organization_id = webhooks.organization_id \
             WHERE suites.id = $1 AND webhooks.enabled \
             AND (webhooks.suite_id IS NULL OR webhooks.suite_id = $1)",
            values![suite.get()],
        )
        .await?;
    rows.iter().map(|row| row.uuid("uuid")).collect()
}

impl Store {
    /// The webhooks with deliveries that are due.
    pub async fn due_webhooks(&self, now: Timestamp) -> Result<Vec<Webhook>> {
        let text = format!(
            "{SELECT} WHERE webhooks.enabled AND EXISTS (SELECT 1 FROM deliveries \
             WHERE deliveries.webhook_id = webhooks.id AND deliveries.state = 0 \
             AND deliveries.next_at <= ?) ORDER BY webhooks.id"
        );
        let rows = self.read().await?.rows(text, values![now]).await?;
        rows.iter().map(webhook).collect()
    }

    /// Begins an attempt of the delivery that has been due for the longest time. It is not due
    /// again until `until`. `None` if none is due.
    pub async fn claim_delivery(
        &self,
        webhook: WebhookId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Delivery>> {
        let mut session = self.write().await?;
        let claimed = session
            .optional(
                "UPDATE deliveries SET attempts = attempts + 1, next_at = $3 WHERE id = (\
                 SELECT deliveries.id FROM deliveries \
                 JOIN events ON events.id = deliveries.event_id \
                 JOIN suites ON suites.id = events.suite_id \
                 WHERE deliveries.webhook_id = $1 AND deliveries.state = 0 \
                 AND deliveries.next_at <= $2 AND NOT suites.deleted \
                 ORDER BY deliveries.next_at, deliveries.id LIMIT 1) \
                 AND state = 0 AND next_at <= $2 RETURNING id",
                values![webhook.get(), now, until],
            )
            .await?;
        let Some(claimed) = claimed else {
            return Ok(None);
        };
        let text = format!("{} WHERE deliveries.id = ?", select());
        let row = session.one(text, values![claimed.integer("id")?]).await?;
        let delivery = delivery(&row)?;
        session.commit().await?;
        Ok(Some(delivery))
    }

    /// Ends an attempt. Does nothing if the claim had lapsed and another attempt has begun.
    pub async fn finish_attempt(
        &self,
        delivery: &Delivery,
        outcome: &AttemptOutcome,
        now: Timestamp,
    ) -> Result<()> {
        let state = match (&outcome.error, outcome.retry_at) {
            (None, _) => DeliveryState::Delivered,
            (Some(_), Some(_)) => DeliveryState::Pending,
            (Some(_), None) => DeliveryState::Dead,
        };
        let is_over = state != DeliveryState::Pending;
        let attempts = i64::try_from(delivery.attempts).unwrap_or(i64::MAX);
        let mut session = self.write().await?;
        session
            .execute(
                "UPDATE deliveries SET state = $3, next_at = $4, finished_at = $5, \
                 last_status = $6, last_error = $7 \
                 WHERE uuid = $1 AND attempts = $2 AND state = 0",
                values![
                    delivery.uuid,
                    attempts,
                    code(state),
                    outcome.retry_at.unwrap_or(now),
                    is_over.then_some(now),
                    outcome.status.map(i64::from),
                    &outcome.error,
                ],
            )
            .await?;
        session.commit().await
    }

    /// Gives up deliveries that were due before `before` and that nobody is attempting, after
    /// another one has failed. Returns how many.
    pub async fn give_up_old_deliveries(
        &self,
        webhook: WebhookId,
        before: Timestamp,
        error: &str,
        now: Timestamp,
    ) -> Result<u64> {
        let mut session = self.write().await?;
        let dead = session
            .execute(
                "UPDATE deliveries SET state = $3, finished_at = $4, last_error = $5 \
                 WHERE webhook_id = $1 AND state = 0 AND first_at <= $2 AND next_at <= $4",
                values![webhook.get(), before, code(DeliveryState::Dead), now, error],
            )
            .await?;
        session.commit().await?;
        Ok(dead)
    }

    /// Newest first; all, or those in one state.
    pub async fn deliveries(
        &self,
        webhook: WebhookId,
        state: Option<DeliveryState>,
        page: Page,
    ) -> Result<Listed<Delivery>> {
        let mut condition = "WHERE deliveries.webhook_id = ?".to_owned();
        let mut bound = values![webhook.get()].to_vec();
        if let Some(state) = state {
            condition.push_str(" AND deliveries.state = ?");
            bound.push(code(state).into());
        }
        let mut session = self.read().await?;
        let count = format!("SELECT COUNT(*) FROM deliveries {condition}");
        let total = session.count(count, bound.clone()).await?;
        bound.extend(values![page.limit(), page.offset()]);
        let list = format!(
            "{} {condition} ORDER BY deliveries.id DESC LIMIT ? OFFSET ?",
            select()
        );
        let rows = session.rows(list, bound).await?;
        Ok(Listed {
            items: rows.iter().map(delivery).collect::<Result<_>>()?,
            total,
        })
    }

    /// The number of deliveries of a webhook in a state.
    pub async fn count_deliveries(&self, webhook: WebhookId, state: DeliveryState) -> Result<u64> {
        let mut session = self.read().await?;
        let count = "SELECT COUNT(*) FROM deliveries WHERE webhook_id = $1 AND state = $2";
        session
            .count(count, values![webhook.get(), code(state)])
            .await
    }

    /// Makes a dead or delivered delivery due again, or all dead ones without an id. Returns how
    /// many.
    pub async fn resend_deliveries(
        &self,
        organization: OrganizationId,
        webhook: Uuid,
        delivery: Option<Uuid>,
        change: &Change,
    ) -> Result<u64> {
        let mut session = self.write().await?;
        let found = super::find(&mut session, organization, webhook).await?;
        let Some((webhook, suite)) = found else {
            return Ok(0);
        };
        let mut text = "UPDATE deliveries SET state = ?, attempts = 0, first_at = ?, \
             next_at = ?, finished_at = NULL WHERE webhook_id = ?"
            .to_owned();
        let mut bound = values![PENDING, change.at, change.at, webhook.id.get()].to_vec();
        if let Some(uuid) = delivery {
            text.push_str(" AND uuid = ? AND state <> ?");
            bound.extend(values![uuid, PENDING]);
        } else {
            text.push_str(" AND state = ?");
            bound.push(code(DeliveryState::Dead).into());
        }
        let resent = session.execute(text, bound).await?;
        if resent > 0 {
            record_resent(
                &mut session,
                organization,
                (&webhook, suite),
                resent,
                change,
            )
            .await?;
        }
        session.commit().await?;
        Ok(resent)
    }
}

async fn record_resent(
    session: &mut Session,
    organization: OrganizationId,
    (webhook, suite): (&Webhook, OfSuite),
    resent: u64,
    change: &Change,
) -> Result<()> {
    let event = Event {
        action: "webhook.resent".to_owned(),
        subject: subject(webhook),
        before: None,
        after: Some(serde_json::json!({ "deliveries": resent })),
    };
    audit::record(session, &place(organization, suite), change, event).await
}

fn select() -> String {
    format!(
        "SELECT {COLUMNS}, {} FROM deliveries JOIN events ON events.id = deliveries.event_id",
        events::COLUMNS
    )
}

const fn code(state: DeliveryState) -> i64 {
    match state {
        DeliveryState::Pending => 0,
        DeliveryState::Delivered => 1,
        DeliveryState::Dead => 2,
    }
}

fn state(found: i64) -> Result<DeliveryState> {
    DeliveryState::ALL
        .into_iter()
        .find(|state| code(*state) == found)
        .ok_or(StoreError::Damaged {
            what: "state of a delivery",
        })
}

fn delivery(row: &Row) -> Result<Delivery> {
    let status = row.integer_or_null("last_status")?.map(u16::try_from);
    Ok(Delivery {
        uuid: row.uuid("uuid")?,
        state: state(row.integer("state")?)?,
        event: events::event(row)?,
        attempts: row.count("attempts")?,
        first_at: row.time("first_at")?,
        next_at: row.time("next_at")?,
        finished_at: row.time_or_null("finished_at")?,
        last_status: status.transpose().map_err(|_| StoreError::Damaged {
            what: "HTTP status",
        })?,
        last_error: row.text_or_null("last_error")?,
    })
}
