//! Decodes an upload: a multipart form with a file, or JSON.

use axum::RequestExt as _;
use axum::body::{Body, Bytes};
use axum::extract::{Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use std::collections::BTreeMap;

use crate::http::body;
use crate::http::error::ApiError;
use crate::ingest::{Submission, SubmissionError};

const MAX_FIELDS: usize = 1_000;

/// Decodes the body according to its `Content-Type`.
pub(super) async fn decode(parts: Parts, bytes: Bytes) -> Result<Submission, ApiError> {
    let content_type = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if content_type.starts_with("multipart/form-data") {
        return Ok(form(parts, bytes).await?);
    }
    // Some tools send JSON without a Content-Type.
    let looks_like_json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if content_type.contains("json") || looks_like_json {
        let size = bytes.len();
        return body::run_blocking(size, move || Ok(Submission::from_json(&bytes)?)).await;
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "Send the upload as multipart/form-data or as application/json.",
    ))
}

async fn form(parts: Parts, bytes: Bytes) -> Result<Submission, SubmissionError> {
    let invalid = |error: &dyn std::fmt::Display| SubmissionError::Form(error.to_string());
    let mut form: Multipart = Request::from_parts(parts, Body::from(bytes))
        .extract()
        .await
        .map_err(|error| invalid(&error))?;
    let mut format = None;
    let mut run_env = BTreeMap::new();
    let mut tags = BTreeMap::new();
    let mut data = None;
    let mut fields = 0;
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|error| invalid(&error.body_text()))?
    {
        fields += 1;
        if fields > MAX_FIELDS {
            return Err(SubmissionError::Form(format!(
                "it has more than {MAX_FIELDS} fields"
            )));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let value = field
            .bytes()
            .await
            .map_err(|error| invalid(&error.body_text()))?;
        if name == "data" {
            if data.replace(value).is_some() {
                return Err(SubmissionError::DataTwice);
            }
            continue;
        }
        let text = String::from_utf8_lossy(&value).into_owned();
        if name == "format" {
            format = Some(text);
        } else if let Some(key) = in_brackets(&name, "run_env") {
            run_env.insert(key.to_owned(), text);
        } else if let Some(key) = in_brackets(&name, "tags") {
            tags.insert(key.to_owned(), text);
        }
    }
    Ok(Submission {
        format: Submission::parse_format(format.as_deref())?,
        run_env,
        tags,
        data: data.ok_or(SubmissionError::NoData)?,
    })
}

/// `key` of `field[key]`.
fn in_brackets<'a>(name: &'a str, field: &str) -> Option<&'a str> {
    name.strip_prefix(field)?
        .strip_prefix('[')?
        .strip_suffix(']')
}
