//! `POST /v1/test-ownerships`: the file that says who owns which tests, for one suite.

use axum::body::{Body, Bytes};
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::{Json, RequestExt as _};
use serde_json::{Value, json};

use crate::App;
use crate::http::auth::UploadSuite;
use crate::http::body;
use crate::http::error::ApiError;
use crate::owners::Owners;

/// Bytes of the file.
const LARGEST_FILE: usize = 1024 * 1024;
/// Bytes of a form around it.
const FORM: usize = 64 * 1024;
/// Entries of the answer's list of lines that were left out.
const IGNORED_LISTED: usize = 50;

pub(super) async fn post(
    State(app): State<App>,
    UploadSuite(suite): UploadSuite,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let now = app.clock.now();
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, LARGEST_FILE + FORM).await?;
    let file = file(parts, bytes).await?;
    if file.len() > LARGEST_FILE {
        return Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "The file has {} bytes, and at most {LARGEST_FILE} are taken.",
                file.len()
            ),
        ));
    }
    let text = std::str::from_utf8(&file)
        .map_err(|_| ApiError::unprocessable("The file is not text in UTF-8."))?;
    let owners = Owners::parse(text);
    app.store.set_ownership(suite.id, text, now).await?;
    tracing::info!(suite = suite.slug, rules = owners.rules(), "owners set");
    let ignored = owners.ignored();
    Ok(Json(json!({
        "rules": owners.rules(),
        "teams": owners.teams(),
        "ignored": ignored[..ignored.len().min(IGNORED_LISTED)],
    })))
}

/// The field `file` of the form.
async fn file(parts: Parts, bytes: Bytes) -> Result<Bytes, ApiError> {
    let content_type = parts.headers.get(CONTENT_TYPE);
    let is_form = content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .to_ascii_lowercase()
                .starts_with("multipart/form-data")
        });
    if !is_form {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Send the file as multipart/form-data, in the field file.",
        ));
    }
    let unreadable =
        |why: String| ApiError::unprocessable(format!("The form cannot be read: {why}."));
    let mut form: Multipart = Request::from_parts(parts, Body::from(bytes))
        .extract()
        .await
        .map_err(|error: MultipartRejection| unreadable(error.to_string()))?;
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|error| unreadable(error.body_text()))?
    {
        if field.name() == Some("file") {
            return field
                .bytes()
                .await
                .map_err(|error| unreadable(error.body_text()));
        }
    }
    Err(ApiError::unprocessable(
        "The field file is missing. It holds the TESTOWNERS file.",
    ))
}
