//! The pages: one file a page, plain HTML made here, no script.
//!
//! Every text of a result is a stranger's: templates escape it, and the headers set here keep a
//! browser from running anything anyway.

mod assets;
mod bars;
mod commit;
mod format;
mod home;
mod page;
mod run;
mod sign_in;
mod suite;
mod suites;
mod test;
mod tests_page;
mod viewer;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::middleware::{self, Next};
use axum::response::Response;

use super::routes::{Routes, get, post};
use crate::App;

/// Where a visitor begins.
pub(crate) const START: &str = "/organizations";

/// Nothing but our own style and forms.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// The pages and the forms on them, as axum serves them.
pub(super) fn router() -> Router<App> {
    pages()
        .into_router()
        .layer(middleware::from_fn(secure))
        .route(assets::STYLE, axum::routing::get(assets::style))
}

/// Every address of the pages.
pub(super) fn pages() -> Routes {
    Routes::new()
        .route(START, get(home::get))
        .route("/sign-in", get(sign_in::get).post(sign_in::post))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/organizations/{organization}/analytics", get(suites::get))
        .route(
            "/organizations/{organization}/analytics/suites/{suite}",
            get(suite::get),
        )
        .nest(
            "/organizations/{organization}/analytics/suites/{suite}",
            suite_pages(),
        )
}

fn suite_pages() -> Routes {
    Routes::new()
        .route("/tests", get(tests_page::get))
        .route("/tests/{id}", get(test::get))
        .route("/tests/{id}/state", post(test::set_state))
        .route("/runs/{id}", get(run::get))
}

async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
