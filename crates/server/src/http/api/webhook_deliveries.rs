//! `…/webhooks/{id}/deliveries`: what a webhook got, and did not get.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use test_engine_store::DeliveryState;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::webhooks::not_found;
use crate::App;
use crate::http::auth::{OrganizationAccess, WriteSuites};
use crate::http::error::ApiError;
use crate::http::openapi::BadRequest;
use crate::http::paging::{PageOf, Paging};
use crate::http::params::{IdInPath, Params};
use crate::webhooks::DeliveryBody;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryQuery {
    #[param(pattern = "^(pending|delivered|dead)$")]
    state: Option<String>,
}

/// List the deliveries of a webhook, newest first
///
/// A delivery is dead after 24 hours without a successful response, or if the receiver responded
/// with 410. Deliveries are kept as long as their events.
#[utoipa::path(
    get, path = "/webhooks/{id}/deliveries", tag = "Webhooks",
    params(OrganizationAccess<WriteSuites>, IdInPath, DeliveryQuery, Paging),
    responses(PageOf<DeliveryBody>, OrganizationAccess<WriteSuites>),
)]
pub(super) async fn list_deliveries(
    State(app): State<App>,
    access: OrganizationAccess<WriteSuites>,
    IdInPath(id): IdInPath,
    paging: Paging,
    Params(query): Params<DeliveryQuery>,
) -> Result<PageOf<DeliveryBody>, ApiError> {
    let state = query.state.as_deref().map(|name| {
        let invalid =
            || ApiError::bad_request("The state must be pending, delivered or dead.".to_owned());
        DeliveryState::of_name(name).ok_or_else(invalid)
    });
    let state = state.transpose()?;
    let organization = access.principal.organization;
    let webhook = app.store.webhook(organization, id).await?;
    let webhook = webhook.ok_or_else(|| not_found(id))?;
    let listed = app.store.deliveries(webhook.id, state, paging.page).await?;
    Ok(paging.respond(listed, DeliveryBody::from))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ResendQuery {
    /// The id of one delivery, which may be a successful one; by default all dead ones.
    #[param(value_type = Option<String>, format = "uuid")]
    delivery_id: Option<Uuid>,
}

#[derive(Default, Serialize, ToSchema)]
pub(super) struct Resent {
    /// How many deliveries are due again.
    resent: u64,
}

/// Send dead deliveries of a webhook again
///
/// They keep their ids, and are attempted for another 24 hours.
#[utoipa::path(
    post, path = "/webhooks/{id}/resend", tag = "Webhooks",
    params(OrganizationAccess<WriteSuites>, IdInPath, ResendQuery),
    responses((status = 202, body = Resent), BadRequest, OrganizationAccess<WriteSuites>),
)]
pub(super) async fn resend_deliveries(
    State(app): State<App>,
    access: OrganizationAccess<WriteSuites>,
    IdInPath(id): IdInPath,
    Params(query): Params<ResendQuery>,
) -> Result<(StatusCode, Json<Resent>), ApiError> {
    let organization = access.principal.organization;
    if app.store.webhook(organization, id).await?.is_none() {
        return Err(not_found(id));
    }
    let change = access.change(app.clock.now());
    let delivery = query.delivery_id;
    let resent = app
        .store
        .resend_deliveries(organization, id, delivery, &change)
        .await?;
    if let (Some(delivery), 0) = (delivery, resent) {
        return Err(ApiError::not_found(format!(
            "The webhook has no delivery {delivery} that is delivered or dead."
        )));
    }
    Ok((StatusCode::ACCEPTED, Json(Resent { resent })))
}
