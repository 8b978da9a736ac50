//! An event of a suite as the API and webhooks show it.

use serde::Serialize;
use serde_json::Value;
use test_engine_store::{Suite, SuiteEvent};
use utoipa::ToSchema;

use crate::audit::{AuditActor, with_times};
use crate::clock::rfc3339;
use crate::links::Links;

#[derive(Default, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventBody {
    #[schema(format = "uuid")]
    pub(crate) id: String,
    /// Such as `mute.created`.
    pub(crate) event: &'static str,
    #[schema(format = "date-time")]
    pub(crate) at: String,
    /// The slug.
    pub(crate) organization: String,
    pub(crate) suite: EventSuite,
    /// Null for an event that is not about one test.
    pub(crate) test: Option<EventTest>,
    pub(crate) actor: AuditActor,
    /// The changed fields before the event; null if it changed none.
    #[schema(value_type = Option<Object>)]
    pub(crate) before: Option<Value>,
    #[schema(value_type = Option<Object>)]
    pub(crate) after: Option<Value>,
    pub(crate) reason: Option<String>,
}

#[derive(Default, Serialize, ToSchema)]
pub(crate) struct EventSuite {
    pub(crate) id: String,
    pub(crate) slug: String,
    pub(crate) name: String,
    /// Of its page.
    pub(crate) url: String,
}

#[derive(Default, Serialize, ToSchema)]
pub(crate) struct EventTest {
    pub(crate) id: String,
    /// Scope and name at the time of the event.
    pub(crate) name: String,
    /// Of its page.
    pub(crate) url: String,
}

impl EventBody {
    pub(crate) fn new(event: SuiteEvent, suite: &Suite, links: &Links) -> Self {
        let test = event.test_uuid.map(|id| EventTest {
            id: id.to_string(),
            name: event.test_name.unwrap_or_default(),
            url: links.test_page(suite, id),
        });
        Self {
            id: event.uuid.to_string(),
            event: event.kind.name(),
            at: rfc3339(event.at),
            organization: suite.organization_slug.clone(),
            suite: EventSuite {
                id: suite.uuid.to_string(),
                slug: suite.slug.clone(),
                name: suite.name.clone(),
                url: links.suite_page(suite),
            },
            test,
            actor: event.actor.into(),
            before: event.before.map(with_times),
            after: event.after.map(with_times),
            reason: event.reason,
        }
    }
}
