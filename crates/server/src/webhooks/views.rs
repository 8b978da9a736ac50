//! Webhooks and deliveries as the API and the command line show them.

use serde::Serialize;
use test_engine_store::{Delivery, DeliveryState, Store, StoreError, Webhook};
use utoipa::ToSchema;

use crate::clock::rfc3339;

#[derive(Default, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookBody {
    #[schema(format = "uuid")]
    pub(crate) id: String,
    /// The slug of its suite; null: every suite of the organization.
    pub(crate) suite: Option<String>,
    pub(crate) description: Option<String>,
    /// Scheme, host and port of the URL; whatever follows may be a secret.
    pub(crate) address: String,
    #[schema(pattern = "^(json|slack|email)$")]
    pub(crate) format: &'static str,
    /// Empty: every event.
    pub(crate) events: Vec<&'static str>,
    pub(crate) enabled: bool,
    #[schema(format = "date-time")]
    pub(crate) created_at: String,
    /// The number of pending deliveries.
    pub(crate) pending: u64,
    /// The number of dead deliveries.
    pub(crate) dead: u64,
    /// Only in the response that creates or replaces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
}

impl WebhookBody {
    /// Counts its deliveries.
    pub(crate) async fn new(store: &Store, webhook: Webhook) -> Result<Self, StoreError> {
        let pending = store.count_deliveries(webhook.id, DeliveryState::Pending);
        let pending = pending.await?;
        let dead = store.count_deliveries(webhook.id, DeliveryState::Dead);
        Ok(Self {
            id: webhook.uuid.to_string(),
            suite: webhook.suite_slug,
            description: webhook.description,
            address: webhook.target.address,
            format: webhook.format.name(),
            events: webhook.kinds.iter().map(|kind| kind.name()).collect(),
            enabled: webhook.is_enabled,
            created_at: rfc3339(webhook.created_at),
            pending,
            dead: dead.await?,
            secret: None,
        })
    }
}

#[derive(Default, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryBody {
    /// The value of `X-Test-Engine-Delivery`.
    #[schema(format = "uuid")]
    pub(crate) id: String,
    #[schema(pattern = "^(pending|delivered|dead)$")]
    pub(crate) state: &'static str,
    /// Such as `mute.created`.
    pub(crate) event: &'static str,
    #[schema(format = "uuid")]
    pub(crate) event_id: String,
    /// Scope and name of the test that the event is about.
    pub(crate) test: Option<String>,
    /// Including one in progress.
    pub(crate) attempts: u64,
    #[schema(format = "date-time")]
    pub(crate) first_at: String,
    /// When a pending delivery is attempted; null for others.
    #[schema(format = "date-time")]
    pub(crate) next_at: Option<String>,
    #[schema(format = "date-time")]
    pub(crate) finished_at: Option<String>,
    /// The HTTP status of the last response.
    pub(crate) last_status: Option<u16>,
    /// Why the last attempt failed.
    pub(crate) last_error: Option<String>,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        let is_pending = delivery.state == DeliveryState::Pending;
        Self {
            id: delivery.uuid.to_string(),
            state: delivery.state.name(),
            event: delivery.event.kind.name(),
            event_id: delivery.event.uuid.to_string(),
            test: delivery.event.test_name,
            attempts: delivery.attempts,
            first_at: rfc3339(delivery.first_at),
            next_at: is_pending.then(|| rfc3339(delivery.next_at)),
            finished_at: delivery.finished_at.map(rfc3339),
            last_status: delivery.last_status,
            last_error: delivery.last_error,
        }
    }
}
