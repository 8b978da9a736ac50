//! `GET /v1/uploads/metadata`: the suite of this token.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::App;
use crate::http::auth::UploadSuite;

pub(super) async fn get(State(app): State<App>, UploadSuite(suite): UploadSuite) -> Json<Value> {
    Json(json!({"suite_url": app.links.suite_page(&suite)}))
}
