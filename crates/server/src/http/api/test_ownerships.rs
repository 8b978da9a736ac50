//! `POST /v1/test-ownerships`: the TESTOWNERS file of a suite.

use axum::body::{Body, Bytes};
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::{Json, RequestExt as _};
use serde::Serialize;
use test_engine_store::{Change, Suite};
use utoipa::ToSchema;

use crate::App;
use crate::http::auth::UploadSuite;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::forms;
use crate::http::openapi::{Invalid, TooLarge, UnsupportedMediaType};
use crate::owners::Owners;

/// In bytes.
pub(in crate::http) const MAX_FILE: usize = 1024 * 1024;
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
    request_body(content = OwnershipsForm, content_type = "multipart/form-data"),
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
    let change = upload.change(app.clock.now());
    let owners = set(&app, &upload.suite, text, &change).await?;
    let ignored = owners.ignored();
    Ok(Json(OwnershipsReceipt {
        rules: owners.rules(),
        teams: owners.teams().into_iter().map(Into::into).collect(),
        ignored: ignored[..ignored.len().min(MAX_IGNORED_LISTED)].to_vec(),
    }))
}

/// Replaces the TESTOWNERS file of a suite.
pub(in crate::http) async fn set(
    app: &App,
    suite: &Suite,
    text: &str,
    change: &Change,
) -> Result<Owners, ApiError> {
    let owners = Owners::parse(text);
    app.store.set_ownership(suite.id, text, change).await?;
    let (suite, rules) = (&suite.slug, owners.rules());
    tracing::info!(suite, rules, "test owners set");
    Ok(owners)
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
    let mut file = None;
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|error| invalid(error.body_text()))?
    {
        if forms::name(&field).map_err(invalid)? == "file" {
            let bytes = field.bytes().await;
            file = Some(bytes.map_err(|error| invalid(error.body_text()))?);
        }
    }
    file.ok_or_else(|| {
        ApiError::unprocessable("The field file with the TESTOWNERS file is missing.")
    })
}
