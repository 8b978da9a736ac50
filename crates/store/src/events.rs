//! The event log of suites. Methods that change the state of a test write the event, with
//! `webhooks::publish`, in their own transaction: no event is lost, and none is made up.

use serde_json::Value as Json;
use uuid::Uuid;

use crate::audit::{actor, uuid_or_null};
use crate::error::StoreError;
use crate::records::{
    Change, EventFilter, EventKind, Listed, Page, SuiteEvent, SuiteId, Timestamp,
};
use crate::sql::{Row, Session, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// The columns of an event, in statements that select from `events`.
pub(crate) const COLUMNS: &str = "events.uuid AS event_uuid, events.suite_id, events.at, \
     events.kind, events.actor_kind, events.actor_uuid, events.actor_name, events.test_uuid, \
     events.test_name, events.before, events.after, events.reason";

impl Store {
    /// Newest first.
    pub async fn events(
        &self,
        suite: SuiteId,
        filter: EventFilter,
        page: Page,
    ) -> Result<Listed<SuiteEvent>> {
        let mut condition = "WHERE suite_id = ?".to_owned();
        let mut bound = values![suite.get()].to_vec();
        if let Some(kind) = filter.kind {
            condition.push_str(" AND kind = ?");
            bound.push(kind.name().into());
        }
        if let Some(test) = filter.test {
            condition.push_str(" AND test_uuid = ?");
            bound.push(test.into());
        }
        if let Some(rule) = filter.rule {
            condition.push_str(" AND actor_kind = 'rule' AND actor_uuid = ?");
            bound.push(rule.into());
        }
        let mut session = self.read().await?;
        let count = format!("SELECT COUNT(*) FROM events {condition}");
        let total = session.count(count, bound.clone()).await?;
        bound.extend(values![page.limit(), page.offset()]);
        let list =
            format!("SELECT {COLUMNS} FROM events {condition} ORDER BY id DESC LIMIT ? OFFSET ?");
        let rows = session.rows(list, bound).await?;
        Ok(Listed {
            items: rows.iter().map(event).collect::<Result<_>>()?,
            total,
        })
    }
}

/// An event to write. Times in `before` and `after` are numbers whose names end in `_at`.
pub(crate) struct NewEvent<'a> {
    pub(crate) kind: EventKind,
    /// The id and the name of a test.
    pub(crate) test: Option<(Uuid, &'a str)>,
    pub(crate) before: Option<&'a Json>,
    pub(crate) after: Option<&'a Json>,
}

/// Writes an event without deliveries, and returns its internal id.
pub(crate) async fn insert(
    session: &mut Session,
    suite: SuiteId,
    change: &Change,
    event: &NewEvent<'_>,
) -> Result<i64> {
    let (test_uuid, test_name) = event.test.unzip();
    let row = session
        .one(
            "INSERT INTO events (uuid, suite_id, at, kind, actor_kind, actor_uuid, actor_name, \
             test_uuid, test_name, before, after, reason) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id",
            [
                Uuid::new_v4().into(),
                suite.get().into(),
                change.at.into(),
                event.kind.name().into(),
                change.actor.kind.name().into(),
                uuid_or_null(change.actor.uuid),
                (&change.actor.name).into(),
                uuid_or_null(test_uuid),
                test_name.into(),
                event.before.map(Json::to_string).into(),
                event.after.map(Json::to_string).into(),
                (&change.reason).into(),
            ],
        )
        .await?;
    row.integer("id")
}

/// Deletes up to `limit` events from before a time, with their deliveries.
pub(crate) async fn delete_some_before(
    session: &mut Session,
    suite: SuiteId,
    before: Timestamp,
    limit: i64,
) -> Result<u64> {
    session
        .execute(
            "DELETE FROM events WHERE id IN (SELECT id FROM events \
             WHERE suite_id = $1 AND at < $2 ORDER BY at LIMIT $3)",
            values![suite.get(), before, limit],
        )
        .await
}

/// Reads [`COLUMNS`].
pub(crate) fn event(row: &Row) -> Result<SuiteEvent> {
    let kind = EventKind::of_name(&row.text("kind")?);
    Ok(SuiteEvent {
        uuid: row.uuid("event_uuid")?,
        suite: SuiteId::new(row.integer("suite_id")?),
        at: row.time("at")?,
        kind: kind.ok_or(StoreError::Damaged { what: "event" })?,
        actor: actor(row)?,
        test_uuid: row.uuid_or_null("test_uuid")?,
        test_name: row.text_or_null("test_name")?,
        before: row.json_or_null("before", "event")?,
        after: row.json_or_null("after", "event")?,
        reason: row.text_or_null("reason")?,
    })
}
