//! The audit log. Methods that change something write their entry in their own transaction, so
//! there is no change without an entry and no entry without its change.

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::error::StoreError;
use crate::records::{
    Actor, ActorKind, AuditEntry, AuditFilter, Change, Listed, OrganizationId, Page, Suite,
    SuiteId, Timestamp, Token, TokenKind,
};
use crate::sql::{Row, Session, Value, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

const COLUMNS: &str = "uuid, at, actor_kind, actor_uuid, actor_name, client_address, action, \
     suite_uuid, suite_slug, subject_kind, subject_uuid, subject_name, before, after, reason";

impl Store {
    /// Newest first.
    pub async fn audit_log(
        &self,
        organization: OrganizationId,
        filter: &AuditFilter,
        page: Page,
    ) -> Result<Listed<AuditEntry>> {
        let (condition, mut bound) = conditions(organization, filter);
        let mut session = self.read().await?;
        let count = format!("SELECT COUNT(*) FROM audit_log {condition}");
        let total = session.count(count, bound.clone()).await?;
        bound.extend(values![page.limit(), page.offset()]);
        let list = format!(
            "SELECT {COLUMNS} FROM audit_log {condition} ORDER BY id DESC LIMIT ? OFFSET ?"
        );
        let rows = session.rows(list, bound).await?;
        Ok(Listed {
            items: rows.iter().map(entry).collect::<Result<_>>()?,
            total,
        })
    }

    /// At most `limit` entries, newest first: those before one of them, or the newest.
    pub async fn audit_log_before(
        &self,
        organization: OrganizationId,
        filter: &AuditFilter,
        last: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>> {
        let (mut condition, mut bound) = conditions(organization, filter);
        if let Some(last) = last {
            condition.push_str(" AND id < (SELECT id FROM audit_log WHERE uuid = ?)");
            bound.push(last.into());
        }
        bound.extend(values![i64::from(limit)]);
        let list = format!("SELECT {COLUMNS} FROM audit_log {condition} ORDER BY id DESC LIMIT ?");
        let mut session = self.read().await?;
        let rows = session.rows(list, bound).await?;
        rows.iter().map(entry).collect()
    }
}

fn conditions(organization: OrganizationId, filter: &AuditFilter) -> (String, Vec<Value<'_>>) {
    let mut condition = "WHERE organization_id = ?".to_owned();
    let mut bound = values![organization.get()].to_vec();
    if let Some(suite) = &filter.suite {
        condition.push_str(" AND suite_slug = ?");
        bound.push(suite.into());
    }
    if let Some(subject) = filter.subject {
        condition.push_str(" AND subject_uuid = ?");
        bound.push(subject.into());
    }
    (condition, bound)
}

/// The organization, and the suite if the change is within one.
pub(crate) struct Place {
    pub(crate) organization: i64,
    pub(crate) suite: Option<(Uuid, String)>,
}

impl Place {
    pub(crate) fn of_organization(organization: OrganizationId) -> Self {
        Self {
            organization: organization.get(),
            suite: None,
        }
    }

    pub(crate) fn of(suite: &Suite) -> Self {
        Self {
            organization: suite.organization.get(),
            suite: Some((suite.uuid, suite.slug.clone())),
        }
    }

    /// The place of a suite; `None` if there is no such suite. Deleted suites still have one.
    pub(crate) async fn of_suite(session: &mut Session, suite: SuiteId) -> Result<Option<Self>> {
        let row = session
            .optional(
                "SELECT organization_id, uuid, slug FROM suites WHERE id = $1",
                values![suite.get()],
            )
            .await?;
        row.map(|row| {
            Ok(Self {
                organization: row.integer("organization_id")?,
                suite: Some((row.uuid("uuid")?, row.text("slug")?)),
            })
        })
        .transpose()
    }
}

/// What a change is about.
pub(crate) struct Subject {
    pub(crate) kind: &'static str,
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
}

impl Subject {
    pub(crate) fn test(uuid: Uuid, scope: &str, name: &str) -> Self {
        Self {
            kind: "test",
            uuid,
            name: format!("{scope} {name}").trim().to_owned(),
        }
    }
}

/// An entry to write. Times in `before` and `after` are numbers whose names end in `_at`.
pub(crate) struct Event {
    pub(crate) action: String,
    pub(crate) subject: Subject,
    pub(crate) before: Option<Json>,
    pub(crate) after: Option<Json>,
}

pub(crate) async fn record(
    session: &mut Session,
    place: &Place,
    change: &Change,
    event: Event,
) -> Result<()> {
    let (suite_uuid, suite_slug) = match &place.suite {
        Some((uuid, slug)) => (Some(uuid.as_bytes().to_vec()), Some(slug.as_str())),
        None => (None, None),
    };
    session
        .execute(
            "INSERT INTO audit_log (organization_id, uuid, at, actor_kind, actor_uuid, \
             actor_name, client_address, action, suite_uuid, suite_slug, subject_kind, \
             subject_uuid, subject_name, before, after, reason) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
            [
                place.organization.into(),
                Uuid::new_v4().into(),
                change.at.into(),
                change.actor.kind.name().into(),
                uuid_or_null(change.actor.uuid),
                (&change.actor.name).into(),
                (&change.client_address).into(),
                event.action.into(),
                Value::Bytes(suite_uuid.map(Into::into)),
                suite_slug.into(),
                event.subject.kind.into(),
                event.subject.uuid.into(),
                event.subject.name.into(),
                event.before.map(|before| before.to_string()).into(),
                event.after.map(|after| after.to_string()).into(),
                (&change.reason).into(),
            ],
        )
        .await?;
    Ok(())
}

/// A new or ended token. Its secret and the hash of it are in no entry.
pub(crate) async fn record_token(
    session: &mut Session,
    place: &Place,
    change: &Change,
    verb: &str,
    token: &Token,
) -> Result<()> {
    let is_session = token.kind == TokenKind::Session;
    let described = json!({
        "kind": match token.kind {
            TokenKind::Access => "access",
            TokenKind::Suite => "suite",
            TokenKind::Session => "session",
        },
        "scopes": token.scopes,
        "expires_at": token.expires_at.map(Timestamp::millis),
    });
    let (before, after) = match verb {
        "created" => (None, Some(described)),
        // Only its secret has changed.
        "replaced" => (Some(described.clone()), Some(described)),
        _ => (Some(described), None),
    };
    let kind = if is_session { "session" } else { "token" };
    let verb = match verb {
        "revoked" if is_session => "ended",
        verb => verb,
    };
    // The description of a session identifies its access token by the hash.
    let name = token.description.clone().filter(|_| !is_session);
    let event = Event {
        action: format!("{kind}.{verb}"),
        subject: Subject {
            kind: "token",
            uuid: token.uuid,
            name: name.unwrap_or_else(|| kind.to_owned()),
        },
        before,
        after,
    };
    record(session, place, change, event).await
}

/// Reduces two objects to the fields in which they differ; `None` if they are equal.
pub(crate) fn differences(
    before: &Map<String, Json>,
    after: Map<String, Json>,
) -> Option<(Json, Json)> {
    let (mut old, mut new) = (Map::new(), Map::new());
    for (name, value) in after {
        let earlier = before.get(&name).cloned().unwrap_or_default();
        if earlier != value {
            old.insert(name.clone(), earlier);
            new.insert(name, value);
        }
    }
    (!new.is_empty()).then(|| (old.into(), new.into()))
}

pub(crate) fn uuid_or_null(uuid: Option<Uuid>) -> Value<'static> {
    Value::Bytes(uuid.map(|uuid| uuid.as_bytes().to_vec().into()))
}

/// Reads `actor_kind`, `actor_uuid` and `actor_name`.
pub(crate) fn actor(row: &Row) -> Result<Actor> {
    let kind = ActorKind::of_name(&row.text("actor_kind")?);
    Ok(Actor {
        kind: kind.ok_or(StoreError::Damaged { what: "actor" })?,
        uuid: row.uuid_or_null("actor_uuid")?,
        name: row.text_or_null("actor_name")?,
    })
}

fn entry(row: &Row) -> Result<AuditEntry> {
    Ok(AuditEntry {
        uuid: row.uuid("uuid")?,
        change: Change {
            at: row.time("at")?,
            actor: actor(row)?,
            reason: row.text_or_null("reason")?,
            client_address: row.text_or_null("client_address")?,
        },
        action: row.text("action")?,
        suite_uuid: row.uuid_or_null("suite_uuid")?,
        suite_slug: row.text_or_null("suite_slug")?,
        subject_kind: row.text("subject_kind")?,
        subject_uuid: row.uuid("subject_uuid")?,
        subject_name: row.text("subject_name")?,
        before: row.json_or_null("before", "audit log")?,
        after: row.json_or_null("after", "audit log")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::differences;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn only_changed_fields_are_kept() {
        let before = object(&json!({"name": "Web", "color": null, "emoji": "🚀"}));
        let mut after = before.clone();
        assert_eq!(differences(&before, after.clone()), None);
        after.insert("color".to_owned(), json!("#fff"));
        assert_eq!(
            differences(&before, after),
            Some((json!({"color": null}), json!({"color": "#fff"})))
        );
    }
}
