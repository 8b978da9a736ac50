//! `GET /v1/uploads/metadata`: where the results of this suite token go.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use crate::App;
use crate::http::error::ApiError;

pub(super) async fn get(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let suite = app
        .authenticator
        .upload_suite(&headers, app.clock.now())
        .await?;
    Ok(Json(json!({"suite_url": app.links.suite_page(&suite)})))
}
