//! The web pages: a file for each page, rendered on the server, without scripts.
//!
//! Uploaded text is untrusted: templates escape it, and the headers set here keep browsers from
//! executing any of it.

mod accounting;
mod accounting_in_lists;
mod assets;
mod bars;
mod commit;
mod error_pages;
mod format;
mod home;
mod page;
mod run;
mod sign_in;
mod suite;
mod suites;
mod test;
mod test_events;
mod test_state;
mod tests_page;
mod viewer;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};

use crate::App;

pub(super) use error_pages::layer as error_pages;

/// The start page.
pub(crate) const START: &str = "/organizations";

/// Allows only the server's own style sheet and forms.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

pub(super) fn router() -> Router<App> {
    let mut router = Router::new()
        .route("/sign-out", post(sign_in::sign_out))
        .route(
            "/organizations/{organization}/analytics/suites/{suite}/tests/{id}/state",
            post(test_state::set),
        );
    for (path, methods) in pages() {
        router = router.route(path, methods);
    }
    router
        .layer(middleware::from_fn(secured))
        .route(assets::STYLE, get(assets::style))
}

/// The paths of all pages, with their handlers.
pub(super) fn pages() -> [(&'static str, MethodRouter<App>); 7] {
    [
        (START, get(home::get)),
        ("/sign-in", get(sign_in::get).post(sign_in::post)),
        ("/organizations/{organization}/analytics", get(suites::get)),
        (
            "/organizations/{organization}/analytics/suites/{suite}",
            get(suite::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/tests",
            get(tests_page::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/tests/{id}",
            get(test::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/runs/{id}",
            get(run::get),
        ),
    ]
}

async fn secured(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    secure(response.headers_mut());
    response
}

fn secure(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
