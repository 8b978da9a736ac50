//! `…/uploads`, raw upload files and `GET /v1/uploads/metadata`.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use test_engine_results::Format;
use test_engine_store::{AttemptState, Suite, UploadAttempt};
use utoipa::{IntoParams, ToSchema};

use super::test_query::choose;
use crate::App;
use crate::blobs::Key;
use crate::clock::rfc3339;
use crate::http::auth::{ReadSuites, SuiteAccess, UploadSuite};
use crate::http::error::ApiError;
use crate::http::paging::{PageOf, Paging};
use crate::http::params::{IdInPath, Params, UploadIdInPath};
use crate::links::Links;

const STATES: [(&str, AttemptState); 3] = [
    ("accepted", AttemptState::Accepted),
    ("rejected", AttemptState::Rejected),
    ("failed", AttemptState::Failed),
];

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UploadsQuery {
    /// Empty: in any state.
    #[param(pattern = "^(accepted|rejected|failed|)$")]
    state: Option<String>,
}

#[derive(Default, Serialize, ToSchema)]
pub(super) struct Upload {
    id: String,
    #[schema(pattern = "^(accepted|rejected|failed)$")]
    state: &'static str,
    /// The status of the response, unless the upload was accepted.
    status: Option<u16>,
    /// Why it was not accepted.
    reason: Option<String>,
    run_key: Option<String>,
    format: Option<&'static str>,
    #[schema(format = "uuid")]
    run_id: Option<String>,
    run_url: Option<String>,
    job_id: Option<String>,
    /// Stored results.
    queued: u64,
    /// Results that were not usable.
    skipped: u64,
    errors: Vec<String>,
    created_at: String,
}

/// List uploads, newest first, including rejected ones
#[utoipa::path(
    get, path = "/uploads", tag = "Uploads",
    params(SuiteAccess<ReadSuites>, UploadsQuery, Paging),
    responses(PageOf<Upload>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_uploads(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    paging: Paging,
    Params(query): Params<UploadsQuery>,
) -> Result<PageOf<Upload>, ApiError> {
    let state = choose("state", query.state.as_ref(), &STATES).map_err(ApiError::bad_request)?;
    let suite = &access.suite;
    let listed = app.store.upload_attempts(suite.id, state, paging.page);
    Ok(paging.respond(listed.await?, |attempt| body(attempt, suite, &app.links)))
}

fn body(attempt: UploadAttempt, suite: &Suite, links: &Links) -> Upload {
    let is_accepted = attempt.state == AttemptState::Accepted;
    Upload {
        id: attempt.uuid.to_string(),
        state: attempt.state.name(),
        status: (!is_accepted).then_some(attempt.status),
        reason: attempt.reason,
        run_key: attempt.run_key,
        format: attempt.format.map(Format::name),
        run_id: attempt.run_uuid.map(|run| run.to_string()),
        run_url: attempt
            .run_uuid
            .map(|run| links.upload_on_page(suite, run, attempt.uuid)),
        job_id: attempt.job_id,
        // The same as in the receipt.
        queued: attempt.kept + attempt.duplicates,
        skipped: attempt.skipped,
        errors: attempt.errors,
        created_at: rfc3339(attempt.received_at),
    }
}

/// Download an uploaded file, if the server keeps them
#[utoipa::path(
    get, path = "/runs/{id}/uploads/{upload_id}/raw", tag = "Uploads",
    params(SuiteAccess<ReadSuites>, IdInPath, UploadIdInPath),
    responses(
        (status = 200, body = String, content_type = "application/gzip"),
        SuiteAccess<ReadSuites>,
    ),
)]
pub(super) async fn get_raw_upload(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    IdInPath(run): IdInPath,
    UploadIdInPath(upload): UploadIdInPath,
) -> Result<Response, ApiError> {
    let key = Key::raw_upload(access.suite.uuid, run, upload);
    let file = app.blobs.get(&key).await?.ok_or_else(|| {
        ApiError::not_found(
            "The server has no file of this upload. It keeps files only with --keep-raw-uploads.",
        )
    })?;
    let headers = [
        (CONTENT_TYPE, "application/gzip".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{upload}.gz\""),
        ),
    ];
    Ok((headers, file).into_response())
}

#[derive(Serialize, ToSchema)]
pub(super) struct UploadMetadata {
    /// The page of the suite.
    #[schema(format = "uri")]
    suite_url: String,
}

/// Get the suite of the token
#[utoipa::path(
    get, path = "/v1/uploads/metadata", tag = "Uploads", security(("suiteToken" = [])),
    responses((status = 200, body = inline(UploadMetadata)), UploadSuite),
)]
pub(super) async fn get_upload_metadata(
    State(app): State<App>,
    upload: UploadSuite,
) -> Json<UploadMetadata> {
    Json(UploadMetadata {
        suite_url: app.links.suite_page(&upload.suite),
    })
}
