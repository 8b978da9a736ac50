//! What the API says of itself: its OpenAPI document, and where to find it (RFC 9727).

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::App;

/// The document, as it is in the repository.
const DOCUMENT: &str = include_str!("../../../../../docs/server/openapi.yaml");
/// Where it is served.
pub(super) const DOCUMENT_PATH: &str = "/v2/analytics/openapi.yaml";

/// `GET /v2/analytics/openapi.yaml`.
pub(super) async fn document() -> Response {
    ([(CONTENT_TYPE, "application/yaml")], DOCUMENT).into_response()
}

/// `GET /.well-known/api-catalog`.
pub(super) async fn catalog(State(app): State<App>) -> Response {
    let base = app.links.public_url();
    let linkset = json!({"linkset": [{
        "anchor": format!("{base}/v2/analytics"),
        "service-desc": [{
            "href": format!("{base}{DOCUMENT_PATH}"),
            "type": "application/yaml",
        }],
        "status": [{"href": format!("{base}/readyz"), "type": "application/json"}],
    }]});
    (
        [(
            CONTENT_TYPE,
            "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"",
        )],
        linkset.to_string(),
    )
        .into_response()
}
