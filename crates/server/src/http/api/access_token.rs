//! `GET /v2/access-token`: what the token in use may do.

use axum::Json;
use test_engine_wire::AccessToken;

use crate::http::auth::AnyAccess;

pub(super) async fn get(AnyAccess(principal): AnyAccess) -> Json<AccessToken> {
    Json(AccessToken {
        uuid: principal.token_uuid.to_string(),
        scopes: principal.scopes,
        description: principal.description,
    })
}
