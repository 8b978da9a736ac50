//! `GET …/runs/{id}/uploads/{upload_id}/raw`: a result file as it was uploaded, gzip-compressed.

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use crate::App;
use crate::blobs::Key;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::params::IdInPath;

pub(super) async fn get(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    IdInPath(run): IdInPath,
    Path(path): Path<HashMap<String, String>>,
) -> Result<Response, ApiError> {
    let suite = access.suite;
    let not_kept = || {
        ApiError::not_found(
            "No file was kept of this upload. Files are kept where the server runs with \
             --keep-raw-uploads.",
        )
    };
    let upload = path
        .get("upload_id")
        .and_then(|id| Uuid::parse_str(id).ok())
        .ok_or_else(not_kept)?;
    let key = Key::raw_upload(suite.uuid, run, upload);
    let file = app.blobs.get(&key).await?.ok_or_else(not_kept)?;
    let name = format!("attachment; filename=\"{upload}.gz\"");
    let headers = [
        (CONTENT_TYPE, "application/gzip".to_owned()),
        (CONTENT_DISPOSITION, name),
    ];
    Ok((headers, file).into_response())
}
