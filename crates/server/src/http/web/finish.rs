//! The headers of every page, its `ETag`, and compression.
//!
//! The tag is a hash of the page as it is sent: it cannot miss a change, whatever a page depends on
//! (results, states, the viewer's rights, the age of a run in words). It saves the transfer.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, SET_COOKIE, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};
use test_engine_store::count_queries;

use super::assets::{accepts_gzip, gzip};

/// Allows only the server's own style sheet, script and forms.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
/// Browsers keep the page and ask whether it is still the same.
const REVALIDATED: HeaderValue = HeaderValue::from_static("private, no-cache");
const NOT_STORED: HeaderValue = HeaderValue::from_static("no-store");
/// How many queries a page needed, for the network panel of browsers.
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Pages with secrets, or about the signed-in person.
const NEVER_STORED: [&str; 2] = ["/sign-in", "/account"];

pub(super) async fn layer(request: Request, next: Next) -> Response {
    let is_page = request.method() == Method::GET
        && !NEVER_STORED
            .iter()
            .any(|start| request.uri().path().starts_with(start));
    let headers = request.headers().clone();
    let (mut response, queries) = count_queries(next.run(request)).await;
    secure(response.headers_mut());
    if let Ok(value) = HeaderValue::from_str(&format!("db;desc=\"{queries} queries\"")) {
        response.headers_mut().insert(SERVER_TIMING, value);
    }
    if !is_page || response.status() != StatusCode::OK || !is_html(response.headers()) {
        return response;
    }
    send(&headers, response).await
}

/// The headers of everything that a browser shows. Nothing may be stored unless it is revalidated.
pub(super) fn secure(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CACHE_CONTROL, NOT_STORED);
}

fn is_html(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html")) && !headers.contains_key(SET_COOKIE)
}

/// The page, compressed if the browser accepts that, or 304 if it has the page.
///
/// The secret of forms is in the page next to texts that others choose. Its length tells nothing
/// about it to another site, whose requests do not carry the session's cookie (`SameSite=Lax`).
async fn send(request: &HeaderMap, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        // Bodies of pages are texts in memory.
        return Response::from_parts(parts, Body::empty());
    };
    let html = body.to_bytes();
    let tag = format!("W/\"{}\"", hex::encode(&Sha256::digest(&html)[..12]));
    let headers = &mut parts.headers;
    headers.insert(CACHE_CONTROL, REVALIDATED);
    headers.insert(VARY, HeaderValue::from_static("cookie, accept-encoding"));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, value);
    }
    headers.remove(CONTENT_LENGTH);
    if has(request, &tag) {
        headers.remove(CONTENT_TYPE);
        parts.status = StatusCode::NOT_MODIFIED;
        return Response::from_parts(parts, Body::empty());
    }
    if accepts_gzip(request) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        return Response::from_parts(parts, gzip(&html, Compression::new(5)).into());
    }
    Response::from_parts(parts, html.into())
}

/// Whether the browser has the page with this tag.
fn has(request: &HeaderMap, tag: &str) -> bool {
    request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim() == tag)
}
