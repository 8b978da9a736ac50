//! `/v2/access-token`: the access token of the request.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use test_engine_wire::AccessToken;

use crate::App;
use crate::http::auth::AnyAccess;
use crate::http::error::ApiError;

/// Get the scopes of the token in use
#[utoipa::path(
    get, path = "/v2/access-token", tag = "General",
    responses((status = 200, body = AccessToken), AnyAccess),
)]
pub(super) async fn get_access_token(AnyAccess { principal, .. }: AnyAccess) -> Json<AccessToken> {
    Json(AccessToken {
        uuid: principal.token_uuid.to_string(),
        scopes: principal.scopes,
        description: principal.description,
    })
}

/// Revoke the token in use
#[utoipa::path(
    delete, path = "/v2/access-token", tag = "General",
    responses((status = 204), AnyAccess),
)]
pub(super) async fn revoke_access_token(
    State(app): State<App>,
    access: AnyAccess,
) -> Result<StatusCode, ApiError> {
    let principal = &access.principal;
    if principal.only_suite.is_some() {
        return Err(ApiError::bad_request(
            "OIDC tokens cannot be revoked; they expire on their own.",
        ));
    }
    app.store
        .revoke_token(
            principal.organization,
            principal.token_uuid,
            &access.change(app.clock.now()),
        )
        .await?;
    tracing::info!(token = %principal.token_uuid, "token revoked by its holder");
    Ok(StatusCode::NO_CONTENT)
}
