//! `POST /v1/test-ownerships`: the TESTOWNERS file of a suite.

use axum::body::{Body, Bytes};
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::{Json, RequestExt as _};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::http::auth::UploadSuite;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::openapi::{Invalid, TooLarge, UnsupportedMediaType};
use crate::owners::Owners;

/// In bytes.
const MAX_FILE: usize = 1024 * 1024;
/// Bytes of the form in addition to the file.
const FORM_OVERHEAD: usize = 64 * 1024;
/// Ignored lines that the response lists.
const MAX_IGNORED_LISTED: usize = 50;

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a request body in the OpenAPI document")]
struct OwnershipsForm {
    /// The TESTOWNERS file, at most 1 MB.
    #[schema(content_media_type = "text/plain")]
    file: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct OwnershipsReceipt {
    /// Rules in the file.
    rules: usize,
    teams: Vec<String>,
    /// Lines that are not valid rules, at most 50.
    ignored: Vec<String>,
}

/// Replace the TESTOWNERS file of the suite
#[utoipa::path(
    post, path = "/v1/test-ownerships", tag = "Uploads", security(("suiteToken" = [])),
    request_body(content = inline(OwnershipsForm), content_type = "multipart/form-data"),
    responses(
        (status = 200, body = inline(OwnershipsReceipt)),
        UploadSuite, TooLarge, UnsupportedMediaType, Invalid,
    ),
)]
pub(super) async fn set_test_ownerships(
    State(app): State<App>,
    upload: UploadSuite,
    request: Request,
) -> Result<Json<OwnershipsReceipt>, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, MAX_FILE + FORM_OVERHEAD).await?;
    let file = file(parts, bytes).await?;
    if file.len() > MAX_FILE {
        return Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "The file has {} bytes; the maximum is {MAX_FILE}.",
                file.len()
            ),
        ));
    }
    let text = std::str::from_utf8(&file)
        .map_err(|_| ApiError::unprocessable("The file is not UTF-8 text."))?;
    let owners = Owners::parse(text);
    let suite = &upload.suite;
    let change = upload.change(app.clock.now());
    app.store.set_ownership(suite.id, text, &change).await?;
    tracing::info!(
        suite = suite.slug,
        rules = owners.rules(),
        "test owners set"
    );
    let ignored = owners.ignored();
    Ok(Json(OwnershipsReceipt {
        rules: owners.rules(),
        teams: owners.teams().into_iter().map(Into::into).collect(),
        ignored: ignored[..ignored.len().min(MAX_IGNORED_LISTED)].to_vec(),
    }))
}

/// The `file` field of the form.
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
    let invalid =
        |cause: String| ApiError::unprocessable(format!("The form is not valid: {cause}."));
    let mut form: Multipart = Request::from_parts(parts, Body::from(bytes))
        .extract()
        .await
        .map_err(|error: MultipartRejection| invalid(error.to_string()))?;
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|error| invalid(error.body_text()))?
    {
        if field.name() == Some("file") {
            return field
                .bytes()
                .await
                .map_err(|error| invalid(error.body_text()));
        }
    }
    Err(ApiError::unprocessable(
        "The field file with the TESTOWNERS file is missing.",
    ))
}
