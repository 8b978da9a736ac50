//! Endpoints about the server itself.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::App;
use crate::http::error::ApiError;
use crate::http::web;

const DOCUMENT_PATH: &str = "/v2/analytics/openapi.yaml";

#[derive(Serialize, ToSchema)]
struct Root {
    message: &'static str,
    /// Seconds since 1970.
    timestamp: i64,
}

/// Identify the server; browsers are redirected to the pages
#[utoipa::path(
    get, path = "/", tag = "General", security(()),
    responses((status = 200, body = inline(Root))),
)]
pub(super) async fn root(State(app): State<App>, headers: HeaderMap) -> Response {
    let accepts_html = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if accepts_html {
        return Redirect::to(web::START).into_response();
    }
    Json(Root {
        message: "test-engine",
        timestamp: app.clock.now().millis().div_euclid(1_000),
    })
    .into_response()
}

#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    status: &'static str,
}

/// Check that the process responds
#[utoipa::path(
    get, path = "/healthz", tag = "General", security(()),
    responses((status = 200, body = inline(Health))),
)]
pub(super) async fn alive() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Check that the database responds too, and can be written
#[utoipa::path(
    get, path = "/readyz", tag = "General", security(()),
    responses((status = 200, body = inline(Health))),
)]
pub(super) async fn ready(State(app): State<App>) -> Result<Json<Health>, ApiError> {
    app.store.ping().await?;
    if app.write_health.has_failed(Instant::now()) {
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The database cannot be written; the log of the server has the cause. Try again later.",
        ));
    }
    Ok(Json(Health { status: "ok" }))
}

/// Get this document
#[utoipa::path(
    get, path = DOCUMENT_PATH, tag = "General", security(()),
    responses((status = 200, body = String, content_type = "application/yaml")),
)]
pub(super) async fn openapi() -> Response {
    let text = super::DOCUMENT.as_str();
    ([(CONTENT_TYPE, "application/yaml")], text).into_response()
}

#[derive(Serialize, ToSchema)]
struct Catalog {
    linkset: Vec<CatalogLinks>,
}

#[derive(Serialize, ToSchema)]
struct CatalogLinks {
    #[schema(format = "uri")]
    anchor: String,
    #[serde(flatten)]
    #[schema(ignore)]
    links: serde_json::Value,
}

/// Find this document (RFC 9727)
#[utoipa::path(
    get, path = "/.well-known/api-catalog", tag = "General", security(()),
    responses((status = 200, body = inline(Catalog), content_type = "application/linkset+json")),
)]
pub(super) async fn api_catalog(State(app): State<App>) -> Response {
    let base = app.links.public_url();
    let catalog = Catalog {
        linkset: vec![CatalogLinks {
            anchor: format!("{base}/v2/analytics"),
            links: json!({
                "service-desc": [{
                    "href": format!("{base}{DOCUMENT_PATH}"),
                    "type": "application/yaml",
                }],
                "status": [{"href": format!("{base}/readyz"), "type": "application/json"}],
            }),
        }],
    };
    let kind = "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"";
    ([(CONTENT_TYPE, kind)], Json(catalog)).into_response()
}
