//! Decodes an upload: a multipart form with a file, or JSON.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};

use crate::http::body;
use crate::http::error::ApiError;
use crate::http::forms;
use crate::http::multipart::{Field, Fields};
use crate::ingest::{SentFields, Submission, SubmissionError};
use crate::spill::TemporaryFiles;

const MAX_FIELDS: usize = 1_000;
/// More bytes than any name of a format has, and more than its error shows.
const MAX_FORMAT: usize = 1_000;

/// Decodes the body according to its `Content-Type`.
pub(super) async fn decode(
    headers: &HeaderMap,
    bytes: Bytes,
    files: &TemporaryFiles,
) -> Result<Submission, ApiError> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let kind = content_type.to_ascii_lowercase();
    let size = bytes.len();
    if kind.starts_with("multipart/form-data") {
        return body::run_blocking(size, move || Ok(form(&content_type, &bytes)?)).await;
    }
    // Some tools send JSON without a Content-Type.
    let looks_like_json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if kind.contains("json") || looks_like_json {
        let files = files.clone();
        return body::run_blocking(size, move || Ok(Submission::from_json(&bytes, &files)?)).await;
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "Send the upload as multipart/form-data or as application/json.",
    ))
}

fn form(content_type: &str, bytes: &Bytes) -> Result<Submission, SubmissionError> {
    let invalid = |error: &str| SubmissionError::Form(error.to_owned());
    let mut format = None;
    let mut run_env = SentFields::default();
    let mut tags = SentFields::default();
    let mut data = None;
    let fields = Fields::new(content_type, bytes).map_err(invalid)?;
    for (number, field) in fields.enumerate() {
        let Field { name, value } = field.map_err(invalid)?;
        if number >= MAX_FIELDS {
            return Err(SubmissionError::Form(format!(
                "it has more than {MAX_FIELDS} fields"
            )));
        }
        let name = forms::valid_name(&name).map_err(SubmissionError::Form)?;
        if name == "data" {
            if data.replace(value).is_some() {
                return Err(SubmissionError::DataTwice);
            }
            continue;
        }
        if name == "format" {
            let start = &value[..value.len().min(MAX_FORMAT)];
            format = Some(String::from_utf8_lossy(start).into_owned());
            continue;
        }
        for (field, fields) in [("run_env", &mut run_env), ("tags", &mut tags)] {
            if let Some(key) = in_brackets(name, field) {
                fields
                    .insert(key, &value)
                    .map_err(|error| SubmissionError::Form(error.to_string()))?;
            }
        }
    }
    Ok(Submission {
        format: Submission::parse_format(format.as_deref())?,
        run_env: run_env.into_texts(),
        tags: tags.into_texts(),
        data: data.ok_or(SubmissionError::NoData)?,
    })
}

/// `key` of `field[key]`.
fn in_brackets<'a>(name: &'a str, field: &str) -> Option<&'a str> {
    name.strip_prefix(field)?
        .strip_prefix('[')?
        .strip_suffix(']')
}
