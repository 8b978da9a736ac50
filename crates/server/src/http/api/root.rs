//! `GET /`: a sign of life for programs, the pages for people.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::json;

use crate::App;
use crate::http::web;

pub(super) async fn get(State(app): State<App>, headers: HeaderMap) -> Response {
    let wants_a_page = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if wants_a_page {
        return Redirect::to(web::START).into_response();
    }
    let seconds = app.clock.now().millis().div_euclid(1_000);
    Json(json!({"message": "test-engine", "timestamp": seconds})).into_response()
}
