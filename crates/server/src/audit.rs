//! An entry of the audit log as the API and the command line show it.

use serde::Serialize;
use serde_json::Value;
use test_engine_store::{Actor, AuditEntry, Timestamp};
use utoipa::ToSchema;

use crate::clock::rfc3339;

#[derive(Default, Serialize, ToSchema)]
pub(crate) struct AuditEvent {
    #[schema(format = "uuid")]
    id: String,
    #[schema(format = "date-time")]
    at: String,
    /// Such as `mute.created`.
    action: String,
    actor: AuditActor,
    /// The IP address of the request.
    client_address: Option<String>,
    /// The slug at the time of the change.
    suite: Option<String>,
    subject: AuditSubject,
    /// The changed fields; null for something new.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// Null for something that was deleted.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    reason: Option<String>,
}

#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct AuditActor {
    #[schema(pattern = "^(token|session|user|oidc|rule|time|command_line|server)$")]
    pub(crate) kind: &'static str,
    /// Of a token, person or rule.
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
}

#[derive(Default, Serialize, ToSchema)]
struct AuditSubject {
    #[schema(pattern = "^(organization|suite|test|token|user|sign_in_rule|webhook|rule)$")]
    kind: String,
    #[schema(format = "uuid")]
    id: String,
    /// The name at the time of the change.
    name: String,
}

impl From<Actor> for AuditActor {
    fn from(actor: Actor) -> Self {
        Self {
            kind: actor.kind.name(),
            id: actor.uuid.map(|id| id.to_string()),
            name: actor.name,
        }
    }
}

impl From<AuditEntry> for AuditEvent {
    fn from(entry: AuditEntry) -> Self {
        let change = entry.change;
        Self {
            id: entry.uuid.to_string(),
            at: rfc3339(change.at),
            action: entry.action,
            actor: change.actor.into(),
            client_address: change.client_address,
            suite: entry.suite_slug,
            subject: AuditSubject {
                kind: entry.subject_kind,
                id: entry.subject_uuid.to_string(),
                name: entry.subject_name,
            },
            before: entry.before.map(with_times),
            after: entry.after.map(with_times),
            reason: change.reason,
        }
    }
}

/// Times as texts, as everywhere in the API; the store has milliseconds.
pub(crate) fn with_times(mut value: Value) -> Value {
    for (name, field) in value.as_object_mut().into_iter().flatten() {
        if let (true, Some(millis)) = (name.ends_with("_at"), field.as_i64()) {
            *field = rfc3339(Timestamp::from_millis(millis)).into();
        }
    }
    value
}
