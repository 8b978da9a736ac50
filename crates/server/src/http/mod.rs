//! The HTTP interface: routes, layers, extractors and error responses.
//!
//! `api` has a file for each group of endpoints, `web` one for each page. Handlers are thin: they
//! extract the request, call the domain, and convert the result.

mod api;
mod auth;
mod body;
mod body_receiver;
mod client_address;
mod conditions;
mod drain;
mod error;
mod forms;
mod integers;
pub(crate) mod listen;
mod multipart;
mod notes;
mod openapi;
mod paging;
mod params;
mod resources;
mod strict;
mod test_owners;
mod text_budget;
mod web;

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::App;
use error::ApiError;

/// Headers that scripts of other origins may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Link, RateLimit-Scope, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset",
);

pub(crate) fn router(app: App) -> Router {
    Router::new()
        .merge(
            api::router()
                .split_for_parts()
                .0
                .layer(SetResponseHeaderLayer::if_not_present(
                    ACCESS_CONTROL_EXPOSE_HEADERS,
                    EXPOSED,
                )),
        )
        .merge(web::router())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panic_response))
        .layer(middleware::from_fn(strict::layer))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            web::error_pages,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            drain::layer,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            notes::layer,
        ))
        // API responses contain uploaded text too.
        .layer(SetResponseHeaderLayer::overriding(
            X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        // `body` enforces the limit.
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

/// Methods and paths of the API: `("GET", "/v2/access-token")`.
pub fn api_addresses() -> Vec<(&'static str, String)> {
    let mut addresses = Vec::new();
    for (path, item) in api::document().paths.paths {
        let operations = [
            ("GET", item.get),
            ("PUT", item.put),
            ("POST", item.post),
            ("PATCH", item.patch),
            ("DELETE", item.delete),
        ];
        for (method, operation) in operations {
            if operation.is_some() {
                addresses.push((method, path.clone()));
            }
        }
    }
    addresses
}

/// Paths of the pages, such as `/organizations`.
pub fn page_paths() -> Vec<&'static str> {
    web::pages().into_iter().map(|(path, _)| path).collect()
}

/// The OpenAPI document of the API, in YAML.
pub fn openapi_document() -> &'static str {
    &api::DOCUMENT
}

/// What to do instead of requesting a path that the hosted product has and this server has not.
fn instead_of(path: &str) -> Option<&'static str> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["v1", "traces"] => {
            Some("This server does not accept traces. Send results to /v1/uploads.")
        }
        ["v2", "organizations", _, "teams", ..]
        | ["v2", "analytics", "organizations", _, "teams", ..] => Some(
            "This server has no teams. An access token gives access to all suites of its \
             organization.",
        ),
        _ => None,
    }
}

async fn not_found(uri: Uri) -> ApiError {
    if let Some(message) = instead_of(uri.path()) {
        return ApiError::not_found(message);
    }
    ApiError::not_found(format!("There is no {}. Check the address.", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!(
            "{} does not support {method}. Check the method and the address.",
            uri.path()
        ),
    )
}

/// The response if a handler panics. Other requests are not affected.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that the layer requires"
)]
fn panic_response(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    ApiError::internal("process the request", &message).into_response()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;
    use tower_http::catch_panic::CatchPanicLayer;

    #[tokio::test]
    async fn a_panic_is_a_500_without_details() {
        async fn panics() -> &'static str {
            panic!("secret detail")
        }
        let router = Router::new()
            .route("/", get(panics))
            .layer(CatchPanicLayer::custom(super::panic_response));
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body);
        assert!(text.starts_with("{\"message\":"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
