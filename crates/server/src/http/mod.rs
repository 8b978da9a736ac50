//! The server as it is seen from the network: routes, layers, and what all endpoints share.
//!
//! `api` has one file an endpoint, `web` one file a page. Handlers are thin: extract, call one
//! function, shape the answer.

mod api;
mod auth;
mod body;
mod drain;
mod error;
pub(crate) mod listen;
mod notes;
mod paging;
mod params;
mod routes;
mod shapes;
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

/// Headers that a program in a browser may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Link, RateLimit-Scope, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset",
);

/// Everything the server answers to.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .merge(
            api::routes()
                .into_router()
                .layer(SetResponseHeaderLayer::if_not_present(
                    ACCESS_CONTROL_EXPOSE_HEADERS,
                    EXPOSED,
                )),
        )
        .merge(web::router())
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            drain::layer,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            notes::layer,
        ))
        // Texts of strangers are in answers that are no pages, too.
        .layer(SetResponseHeaderLayer::overriding(
            X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        // `body` has the limit.
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

/// Methods and paths of the API, as the router has them: `("GET", "/v2/access-token")`.
pub fn api_addresses() -> Vec<(&'static str, String)> {
    api::routes().addresses().to_vec()
}

/// The same of the pages: `("GET", "/organizations")`.
pub fn page_addresses() -> Vec<(&'static str, String)> {
    web::pages().addresses().to_vec()
}

async fn not_found(uri: Uri) -> ApiError {
    ApiError::not_found(format!(
        "There is nothing at {}. Check the address.",
        uri.path()
    ))
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!(
            "{method} is not possible at {}. Check the method and the address.",
            uri.path()
        ),
    )
}

/// A handler panicked: a mistake in the server, which the one request pays for and no other.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the panic over"
)]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    ApiError::internal("work on the request", &message).into_response()
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
    async fn a_panic_costs_one_request_and_tells_nothing() {
        async fn panics() -> &'static str {
            panic!("secret detail")
        }
        let router = Router::new()
            .route("/", get(panics))
            .layer(CatchPanicLayer::custom(super::panicked));
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body);
        assert!(text.starts_with("{\"message\":"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
