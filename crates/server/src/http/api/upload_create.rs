//! `POST /v1/uploads`: results come in. 202 only once they would survive a power cut.

use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use test_engine_results::Format;
use test_engine_store::{NewRefusedUpload, Suite, Timestamp};
use test_engine_wire::UploadReceipt;
use uuid::Uuid;

use super::upload_decode;
use crate::App;
use crate::blobs::Key;
use crate::error_chain::ErrorChain;
use crate::http::auth::UploadSuite;
use crate::http::body;
use crate::http::error::ApiError;
use crate::ingest::{self, Context, SubmissionError};

/// Characters of a refusal that are kept.
const REASON_LENGTH: usize = 500;

pub(super) async fn post(
    State(app): State<App>,
    // Authenticated before the body is read.
    UploadSuite(suite): UploadSuite,
    request: Request,
) -> Result<(StatusCode, Json<UploadReceipt>), ApiError> {
    let now = app.clock.now();
    let _in_progress = app.metrics.upload_started();
    let (parts, body) = request.into_parts();
    let mut sender = Sender::default();
    let taken = take_in(&app, &suite, parts, body, now, &mut sender).await;
    if let Err(error) = &taken {
        note_refused(&app, &suite, error, sender, now).await;
    }
    taken
}

/// What is known of an upload before it can be used.
#[derive(Default)]
struct Sender {
    run_key: Option<String>,
    format: Option<Format>,
}

async fn take_in(
    app: &App,
    suite: &Suite,
    parts: Parts,
    body: Body,
    now: Timestamp,
    sender: &mut Sender,
) -> Result<(StatusCode, Json<UploadReceipt>), ApiError> {
    let bytes = body::read(&parts.headers, body, app.config.limits).await?;
    let size = bytes.len();
    let began = Instant::now();
    let submission = upload_decode::decode(parts, bytes).await?;
    sender.format = Some(submission.format);
    sender.run_key = submission.run_key();
    let raw = app
        .raw_uploads
        .is_enabled()
        .then(|| submission.data.clone());
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
    app.metrics.upload_stored(&recorded, began.elapsed());
    if let Some(file) = raw {
        let key = Key::raw_upload(suite.uuid, recorded.run_uuid, recorded.upload_uuid);
        app.raw_uploads.keep(key, file);
    }
    let upload_uuid = recorded.upload_uuid.to_string();
    let receipt = UploadReceipt {
        id: upload_uuid.clone(),
        upload_id: upload_uuid,
        run_id: recorded.run_uuid.to_string(),
        // Results that were here before are as safe as new ones: a retried upload reads the same.
        queued: recorded.kept + recorded.duplicates,
        skipped: recorded.skipped,
        errors: recorded.errors,
        run_url: app.links.run_page(suite, recorded.run_uuid),
        upload_url: app
            .links
            .upload_on_page(suite, recorded.run_uuid, recorded.upload_uuid),
    };
    Ok((StatusCode::ACCEPTED, Json(receipt)))
}

/// Remember a refusal for the list of uploads. A list that lacks one is no reason to fail.
async fn note_refused(app: &App, suite: &Suite, error: &ApiError, sender: Sender, now: Timestamp) {
    let refused = NewRefusedUpload {
        suite: suite.id,
        uuid: Uuid::now_v7(),
        status: error.status().as_u16(),
        reason: error.message().chars().take(REASON_LENGTH).collect(),
        run_key: sender.run_key,
        format: sender.format,
        received_at: now,
    };
    let store = app.store.clone();
    let note = async move {
        if let Err(error) = store.record_refused_upload(refused).await {
            tracing::warn!(cause = %ErrorChain(&error), "failed to note a refused upload");
        }
    };
    if error.status().is_server_error() {
        // The database may be what failed: nobody should wait for it twice.
        tokio::spawn(note);
    } else {
        note.await;
    }
}

impl From<SubmissionError> for ApiError {
    fn from(error: SubmissionError) -> Self {
        Self::unprocessable(error.to_string())
    }
}
