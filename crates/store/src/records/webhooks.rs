//! Webhooks, and the deliveries of events to them.

use uuid::Uuid;

use super::events::{EventKind, SuiteEvent};
use super::values::{OrganizationId, SuiteId, Timestamp, WebhookId};

/// What a webhook sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookFormat {
    /// The event as JSON.
    #[default]
    Json,
    /// A message for an incoming webhook of Slack, or of a chat with the same format.
    Slack,
    /// An e-mail.
    Email,
}

impl WebhookFormat {
    pub const ALL: [Self; 3] = [Self::Json, Self::Slack, Self::Email];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Slack => "slack",
            Self::Email => "email",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// A webhook to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhook {
    pub uuid: Uuid,
    pub organization: OrganizationId,
    /// `None`: every suite of the organization.
    pub suite: Option<SuiteId>,
    pub description: Option<String>,
    pub target: WebhookTarget,
    pub format: WebhookFormat,
    /// Empty: every kind.
    pub kinds: Vec<EventKind>,
}

/// Where a webhook sends to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookTarget {
    /// Without what may be secret, for people.
    pub address: String,
    /// The URL and the secret, encrypted by the caller.
    pub sealed: Vec<u8>,
}

/// Fields to change; `None` keeps one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookChanges {
    pub description: Option<Option<String>>,
    pub target: Option<WebhookTarget>,
    /// Whether the target has a new secret, for the audit log.
    pub is_new_secret: bool,
    pub format: Option<WebhookFormat>,
    pub kinds: Option<Vec<EventKind>>,
    pub is_enabled: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub id: WebhookId,
    pub uuid: Uuid,
    /// The slug of its suite; `None`: every suite of the organization.
    pub suite_slug: Option<String>,
    pub description: Option<String>,
    pub target: WebhookTarget,
    pub format: WebhookFormat,
    /// Empty: every kind.
    pub kinds: Vec<EventKind>,
    /// A webhook that is not gets no new deliveries, and its pending ones wait.
    pub is_enabled: bool,
    pub created_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    Pending,
    Delivered,
    /// Given up; somebody can send it again.
    Dead,
}

impl DeliveryState {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// An event on its way to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub uuid: Uuid,
    pub state: DeliveryState,
    pub event: SuiteEvent,
    /// Including the one in progress.
    pub attempts: u64,
    /// When it was due first; later if somebody sent it again.
    pub first_at: Timestamp,
    /// When a pending one is due.
    pub next_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// The HTTP status of the last response.
    pub last_status: Option<u16>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// How an attempt to deliver ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptOutcome {
    pub status: Option<u16>,
    /// `None`: it was delivered.
    pub error: Option<String>,
    /// When to try again; `None`: never.
    pub retry_at: Option<Timestamp>,
}
