//! Shows errors to browsers as pages, with the navigation of the place where they happened.
//!
//! Handlers of pages return the text of an error as an extension of the response; errors of the
//! router are those of the API, and become pages if a browser asks.

use askama::Template as _;
use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::finish::secure;
use super::page::{ErrorPage, Frame, PageErrorText};
use super::viewer::Viewer;
use crate::App;
use crate::http::error::ErrorText;
use crate::links::Links;

/// Paths whose errors are always JSON.
const API_PATHS: [&str; 6] = [
    "/v1/",
    "/v2/",
    "/metrics",
    "/healthz",
    "/readyz",
    "/.well-known",
];

pub(in crate::http) async fn layer(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if API_PATHS.iter().any(|start| path.starts_with(start)) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let mut place = parts.clone();
    let response = next.run(Request::from_parts(parts, body)).await;
    match text_for(&response, &place.headers) {
        Some(text) => {
            let frame = frame(&app, &mut place, response.status()).await;
            page(response, frame, text)
        }
        None => response,
    }
}

/// The text of an error that is to be shown as a page.
fn text_for(response: &Response, headers: &HeaderMap) -> Option<String> {
    let extensions = response.extensions();
    let of_page = extensions.get::<PageErrorText>().map(|text| text.0.clone());
    of_page.or_else(|| {
        let text = extensions.get::<ErrorText>()?;
        accepts_html(headers).then(|| text.0.clone())
    })
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accepted.is_some_and(|accept| accept.contains("text/html"))
}

/// The frame of the place: who is signed in stays so, and the links up lead to what exists.
async fn frame(app: &App, place: &mut Parts, status: StatusCode) -> Frame {
    let title = status.canonical_reason().unwrap_or("Error");
    let viewer = Viewer::from_request_parts(place, app).await;
    let viewer = viewer.unwrap_or_else(|_unavailable| Viewer::anonymous());
    let path = place.uri.path().to_owned();
    let mut parts = path.trim_start_matches('/').split('/');
    let (Some("organizations"), Some(slug)) = (parts.next(), parts.next()) else {
        return Frame::new(title, &viewer);
    };
    let Ok(organization) = viewer.organization(app, slug).await else {
        return Frame::new(title, &viewer);
    };
    if let (Some("analytics"), Some("suites"), Some(slug)) =
        (parts.next(), parts.next(), parts.next())
        && let Ok(Some(suite)) = app.store.suite(&organization.slug, slug).await
    {
        return Frame::of_suite(title, &viewer, &suite);
    }
    let mut frame = Frame::new(title, &viewer);
    let address = Links::organization_page(&organization.slug);
    frame.crumb(&organization.slug, address);
    frame
}

/// The response with the page as its body.
fn page(response: Response, frame: Frame, message: String) -> Response {
    let (mut parts, original) = response.into_parts();
    let rendered = ErrorPage { frame, message }.render();
    let body = match rendered {
        Ok(html) => {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            parts.headers.insert(CONTENT_TYPE, kind);
            parts.headers.remove(CONTENT_LENGTH);
            Body::from(html)
        }
        Err(error) => {
            tracing::error!(cause = %error, "failed to render an error page");
            original
        }
    };
    secure(&mut parts.headers);
    Response::from_parts(parts, body)
}
