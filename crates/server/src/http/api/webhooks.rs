//! `…/webhooks` and `…/webhooks/{id}`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use test_engine_store::{EventKind, Listed, Suite};
use utoipa::openapi::schema::{Array, ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::App;
use crate::access::Principal;
use crate::error_chain::ErrorChain;
use crate::http::auth::{OrganizationAccess, WriteSuites};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{BadRequest, Invalid};
use crate::http::paging::{PageOf, Paging};
use crate::http::params::{IdInPath, Params};
use crate::webhooks::{Changed, Request, WebhookBody, WebhookError};

/// The body that creates a webhook.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewWebhook {
    /// `http://`, `https://` or `mailto:`. It is stored encrypted.
    #[schema(
        required,
        nullable = false,
        max_length = 2000,
        pattern = "^(https?://|mailto:)"
    )]
    url: Option<String>,
    /// Send the events of this suite only.
    suite_slug: Option<String>,
    /// For people.
    #[schema(max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    description: Option<String>,
    /// What to send: the event, a message for a chat, or an e-mail. By default `email` for
    /// `mailto:` URLs, and `json` for others.
    #[schema(pattern = "^(json|slack|email)$")]
    format: Option<String>,
    #[schema(schema_with = event_names)]
    events: Option<Vec<String>>,
}

/// The body that changes a webhook.
#[derive(Deserialize, ToSchema)]
pub(super) struct WebhookChanges {
    /// `http://`, `https://` or `mailto:`. It is stored encrypted.
    #[schema(max_length = 2000, pattern = "^(https?://|mailto:)")]
    url: Option<String>,
    /// Rejected, rather than ignored.
    #[schema(ignore)]
    suite_slug: Option<String>,
    /// For people; an empty text removes it.
    #[schema(max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    description: Option<String>,
    /// What to send: the event, a message for a chat, or an e-mail.
    #[schema(pattern = "^(json|slack|email)$")]
    format: Option<String>,
    #[schema(schema_with = event_names)]
    events: Option<Vec<String>>,
    /// Whether it gets events.
    enabled: Option<bool>,
    /// Replace its secret.
    #[serde(default)]
    new_secret: bool,
}

/// The names of events, or null.
fn event_names() -> Array {
    let names = EventKind::ALL.iter().map(|kind| kind.name());
    let name = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names));
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(name)
        .description(Some(
            "An empty list means every event, also those of later versions.",
        ))
        .build()
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WebhookQuery {
    /// Only the webhooks of this suite, without those of the whole organization.
    suite_slug: Option<String>,
}

/// List webhooks, oldest first
#[utoipa::path(
    get, path = "/webhooks", tag = "Webhooks",
    params(OrganizationAccess<WriteSuites>, WebhookQuery, Paging),
    responses(PageOf<WebhookBody>, OrganizationAccess<WriteSuites>),
)]
pub(super) async fn list_webhooks(
    State(app): State<App>,
    access: OrganizationAccess<WriteSuites>,
    paging: Paging,
    Params(query): Params<WebhookQuery>,
) -> Result<PageOf<WebhookBody>, ApiError> {
    let principal = &access.principal;
    let suite = suite(&app, principal, query.suite_slug).await?;
    let suite = suite.map(|suite| suite.id);
    let listed = app
        .store
        .webhooks(principal.organization, suite, paging.page)
        .await?;
    let mut items = Vec::new();
    for webhook in listed.items {
        items.push(WebhookBody::new(&app.store, webhook).await?);
    }
    let listed = Listed {
        items,
        total: listed.total,
    };
    Ok(paging.respond(listed, |body| body))
}

/// Create a webhook
///
/// The response has the secret that requests are signed with; it cannot be retrieved later.
#[utoipa::path(
    post, path = "/webhooks", tag = "Webhooks",
    params(OrganizationAccess<WriteSuites>), request_body = NewWebhook,
    responses(
        (status = 201, body = WebhookBody),
        BadRequest, OrganizationAccess<WriteSuites>, Invalid,
    ),
)]
pub(super) async fn create_webhook(
    State(app): State<App>,
    access: OrganizationAccess<WriteSuites>,
    JsonBody(body): JsonBody<NewWebhook>,
) -> Result<(StatusCode, Json<WebhookBody>), ApiError> {
    let principal = &access.principal;
    let suite = suite(&app, principal, body.suite_slug).await?;
    let request = Request {
        url: body.url.map(Into::into),
        description: body.description,
        format: body.format,
        events: body.events,
        ..Request::default()
    };
    let change = access.change(app.clock.now());
    let organization = principal.organization;
    let created = app
        .webhooks
        .create(organization, suite.as_ref(), request, &change)
        .await?;
    Ok((StatusCode::CREATED, Json(with_secret(&app, created).await?)))
}

/// Get a webhook
#[utoipa::path(
    get, path = "/webhooks/{id}", tag = "Webhooks",
    params(OrganizationAccess<WriteSuites>, IdInPath),
    responses((status = 200, body = WebhookBody), OrganizationAccess<WriteSuites>),
)]
pub(super) async fn get_webhook(
    State(app): State<App>,
    access: OrganizationAccess<WriteSuites>,
    IdInPath(id): IdInPath,
) -> Result<Json<WebhookBody>, ApiError> {
    let organization = access.principal.organization;
    let found = app.store.webhook(organization, id).await?;
    let webhook = found.ok_or_else(|| not_found(id))?;
    Ok(Json(WebhookBody::new(&app.store, webhook).await?))
}

/// Change a webhook
///
/// Fields that are not sent stay as they are. While a webhook is disabled it gets no new events,
/// and its pending deliveries wait. With `new_secret`, the response has the new secret, which is
/// used from the next request on.
#[utoipa::path(
    patch, path = "/webhooks/{id}", tag = "Webhooks",
    params(OrganizationAccess<WriteSuites>, IdInPath), request_body = WebhookChanges,
    responses(
        (status = 200, body = WebhookBody),
        BadRequest, OrganizationAccess<WriteSuites>, Invalid,
    ),
)]
pub(super) async fn update_webhook(
    State(app): State<App>,
    access: OrganizationAccess<WriteSuites>,
    IdInPath(id): IdInPath,
    JsonBody(body): JsonBody<WebhookChanges>,
) -> Result<Json<WebhookBody>, ApiError> {
    if body.suite_slug.is_some() {
        return Err(ApiError::unprocessable(
            "Validation failed: suite_slug cannot be changed; create another webhook",
        ));
    }
    let request = Request {
        url: body.url.map(Into::into),
        description: body.description,
        format: body.format,
        events: body.events,
        enabled: body.enabled,
        new_secret: body.new_secret,
    };
    let change = access.change(app.clock.now());
    let organization = access.principal.organization;
    let updated = app.webhooks.update(organization, id, request, &change);
    let updated = updated.await?.ok_or_else(|| not_found(id))?;
    Ok(Json(with_secret(&app, updated).await?))
}

/// Delete a webhook with its deliveries
#[utoipa::path(
    delete, path = "/webhooks/{id}", tag = "Webhooks",
    params(OrganizationAccess<WriteSuites>, IdInPath),
    responses((status = 204), OrganizationAccess<WriteSuites>),
)]
pub(super) async fn delete_webhook(
    State(app): State<App>,
    access: OrganizationAccess<WriteSuites>,
    IdInPath(id): IdInPath,
) -> Result<StatusCode, ApiError> {
    let change = access.change(app.clock.now());
    let organization = access.principal.organization;
    if !app.store.delete_webhook(organization, id, &change).await? {
        return Err(not_found(id));
    }
    tracing::info!(webhook = %id, "webhook deleted");
    Ok(StatusCode::NO_CONTENT)
}

async fn with_secret(app: &App, changed: Changed) -> Result<WebhookBody, ApiError> {
    let mut body = WebhookBody::new(&app.store, changed.webhook).await?;
    let secret = changed.secret;
    body.secret = secret.map(|secret| secret.expose_secret().to_owned());
    Ok(body)
}

async fn suite(
    app: &App,
    principal: &Principal,
    slug: Option<String>,
) -> Result<Option<Suite>, ApiError> {
    let Some(slug) = slug else { return Ok(None) };
    let suite = app.store.suite(&principal.organization_slug, &slug).await?;
    let missing =
        || ApiError::not_found(format!("There is no suite {slug:?} in this organization."));
    suite.map(Some).ok_or_else(missing)
}

pub(super) fn not_found(id: Uuid) -> ApiError {
    ApiError::not_found(format!("There is no webhook {id} in this organization."))
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Invalid(_) => Self::unprocessable(error.to_string()),
            WebhookError::Store(error) => error.into(),
            WebhookError::Sealing(error) => {
                Self::internal("encrypt the webhook", &ErrorChain(&error))
            }
        }
    }
}
