//! `POST /v1/uploads`: results come in. 202 only once they would survive a power cut.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use test_engine_wire::UploadReceipt;
use uuid::Uuid;

use super::upload_decode;
use crate::App;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::notes::RequestNotes;
use crate::ingest::{self, Context, SubmissionError};

pub(super) async fn post(
    State(app): State<App>,
    request: Request,
) -> Result<(StatusCode, Json<UploadReceipt>), ApiError> {
    let now = app.clock.now();
    let (parts, body) = request.into_parts();
    // Before the body: strangers cannot make the server read one.
    let suite = app.authenticator.upload_suite(&parts.headers, now).await?;
    if let Some(notes) = parts.extensions.get::<RequestNotes>() {
        notes.organization(&suite.organization_slug);
        notes.suite(&suite.slug);
    }
    let bytes = body::read(&parts.headers, body, app.config.limits.body_bytes).await?;
    let size = bytes.len();
    let submission = upload_decode::decode(parts, bytes).await?;
    let context = Context {
        suite: suite.id,
        run_uuid: Uuid::now_v7(),
        upload_uuid: Uuid::now_v7(),
        received_at: now,
        results_limit: app.config.limits.results_per_upload,
    };
    let upload =
        body::run_blocking(size, move || Ok(ingest::derive(&submission, context)?)).await?;
    let recorded = app.store.record_upload(upload).await?;
    let upload_uuid = recorded.upload_uuid.to_string();
    let receipt = UploadReceipt {
        id: upload_uuid.clone(),
        upload_id: upload_uuid,
        run_id: recorded.run_uuid.to_string(),
        // Results that were here before are as safe as new ones: a retried upload reads the same.
        queued: recorded.kept + recorded.duplicates,
        skipped: recorded.skipped,
        errors: recorded.errors,
        run_url: app.links.run_page(&suite, recorded.run_uuid),
        upload_url: app
            .links
            .upload_on_page(&suite, recorded.run_uuid, recorded.upload_uuid),
    };
    Ok((StatusCode::ACCEPTED, Json(receipt)))
}

impl From<SubmissionError> for ApiError {
    fn from(error: SubmissionError) -> Self {
        Self::unprocessable(error.to_string())
    }
}
