//! `GET /healthz` and `GET /readyz`: is the process alive, can it serve.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::App;
use crate::http::error::ApiError;

/// The process answers.
pub(super) async fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// The database answers too; else 503.
pub(super) async fn ready(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    app.store.ping().await?;
    Ok(Json(json!({"status": "ok"})))
}
