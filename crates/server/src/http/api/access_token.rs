//! `GET /v2/access-token`: what the token in use may do. `DELETE` takes it back.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use test_engine_wire::AccessToken;

use crate::App;
use crate::http::auth::AnyAccess;
use crate::http::error::ApiError;

pub(super) async fn get(AnyAccess(principal): AnyAccess) -> Json<AccessToken> {
    Json(AccessToken {
        uuid: principal.token_uuid.to_string(),
        scopes: principal.scopes,
        description: principal.description,
    })
}

pub(super) async fn delete(
    State(app): State<App>,
    AnyAccess(principal): AnyAccess,
) -> Result<StatusCode, ApiError> {
    if principal.only_suite.is_some() {
        return Err(ApiError::bad_request(
            "An OIDC token is not kept here, so it cannot be revoked; it ends by itself.",
        ));
    }
    app.store
        .revoke_token(
            principal.organization,
            principal.token_uuid,
            app.clock.now(),
        )
        .await?;
    tracing::info!(token = %principal.token_uuid, "token revoked by its holder");
    Ok(StatusCode::NO_CONTENT)
}
