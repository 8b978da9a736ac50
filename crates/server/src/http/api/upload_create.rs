//! `POST /v1/uploads`: receives results. It responds 202 only once they are stored durably.

use std::collections::BTreeMap;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use test_engine_results::Format;
use test_engine_store::{NewRejectedUpload, Suite, Timestamp};
use test_engine_wire::UploadReceipt;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use uuid::Uuid;

use super::upload_decode;
use crate::App;
use crate::blobs::Key;
use crate::error_chain::ErrorChain;
use crate::http::auth::UploadSuite;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::openapi::{Invalid, TooLarge, UnsupportedMediaType};
use crate::ingest::{self, Context, KnownFiles, SubmissionError};

/// Characters of the reason that is stored for a rejected upload.
const MAX_REASON: usize = 500;

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a request body in the OpenAPI document")]
struct NewUpload {
    #[schema(
        pattern = "^(json|junit|rspec-json|jest-json|playwright-json|cucumber-json|go-jsonl)$"
    )]
    format: String,
    /// The variables of the run.
    #[schema(inline)]
    run_env: RunEnv,
    /// Values that are not strings become strings.
    tags: Option<BTreeMap<String, serde_json::Value>>,
    #[schema(schema_with = upload_data)]
    data: serde_json::Value,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a request body in the OpenAPI document")]
struct RunEnv {
    /// Identifies the run; one of its own if it is empty. At most 1,024 bytes.
    #[schema(schema_with = run_key)]
    key: serde_json::Value,
}

fn run_key() -> Object {
    let scalars = [Type::String, Type::Number, Type::Boolean];
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter(scalars))
        .build()
}

fn upload_data() -> Object {
    let kinds = [Type::Array, Type::Object, Type::String];
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter(kinds))
        .description(Some(
            "An array of results, the JSON of a result file, or its text.",
        ))
        .build()
}

/// Also other fields `run_env[KEY]`, and `tags[KEY]`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a request body in the OpenAPI document")]
struct UploadForm {
    #[schema(
        pattern = "^(json|junit|rspec-json|jest-json|playwright-json|cucumber-json|go-jsonl)$"
    )]
    format: String,
    #[serde(rename = "run_env[key]")]
    run_key: String,
    #[schema(content_media_type = "application/octet-stream")]
    data: String,
}

/// Upload results
#[utoipa::path(
    post, path = "/v1/uploads", tag = "Uploads", security(("suiteToken" = [])),
    request_body(content(
        (NewUpload = "application/json"),
        (UploadForm = "multipart/form-data"),
    )),
    responses(
        (status = 202, body = UploadReceipt, description = "The results are stored durably."),
        UploadSuite, TooLarge, UnsupportedMediaType, Invalid,
    ),
)]
pub(super) async fn create_upload(
    State(app): State<App>,
    // Authenticated before the body is read.
    UploadSuite { suite, .. }: UploadSuite,
    request: Request,
) -> Result<(StatusCode, Json<UploadReceipt>), ApiError> {
    let now = app.clock.now();
    let _in_progress = app.metrics.upload_started();
    let (parts, body) = request.into_parts();
    let mut header = UploadHeader::default();
    let result = store_upload(&app, &suite, parts, body, now, &mut header).await;
    if let Err(error) = &result {
        record_rejection(&app, &suite, error, header, now).await;
    }
    result
}

/// What is known about an upload before its results are read.
#[derive(Default)]
struct UploadHeader {
    run_key: Option<String>,
    format: Option<Format>,
}

async fn store_upload(
    app: &App,
    suite: &Suite,
    parts: Parts,
    body: Body,
    now: Timestamp,
    header: &mut UploadHeader,
) -> Result<(StatusCode, Json<UploadReceipt>), ApiError> {
    let bytes = body::read(&parts.headers, body, app).await?;
    let size = bytes.len();
    let began = Instant::now();
    let submission = upload_decode::decode(&parts.headers, bytes, &app.temporary_files).await?;
    header.format = Some(submission.format);
    header.run_key = submission.run_key();
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
    let files = match submission.build_with_class_names() {
        Some(build) => app.planner.known_files(suite, &build, now).await?,
        None => KnownFiles::default(),
    };
    let temporary_files = app.temporary_files.clone();
    let derive = move || {
        Ok(ingest::derive(
            &submission,
            context,
            &files,
            &temporary_files,
        )?)
    };
    let upload = body::run_blocking(size, derive).await?;
    let recorded = app.store.record_upload(upload).await?;
    app.metrics.upload_stored(&recorded, began.elapsed());
    app.accountant.results_stored();
    app.judgements.results_stored();
    if let Some(file) = raw {
        let key = Key::raw_upload(suite.uuid, recorded.run_uuid, recorded.upload_uuid);
        app.raw_uploads.keep(key, file);
    }
    let upload_uuid = recorded.upload_uuid.to_string();
    let receipt = UploadReceipt {
        id: upload_uuid.clone(),
        upload_id: upload_uuid,
        run_id: recorded.run_uuid.to_string(),
        // A retried upload gets the same receipt, so results stored before count too.
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

/// Records a rejected upload for the list of uploads. If that fails, the list lacks an entry.
async fn record_rejection(
    app: &App,
    suite: &Suite,
    error: &ApiError,
    header: UploadHeader,
    now: Timestamp,
) {
    let rejected = NewRejectedUpload {
        suite: suite.id,
        uuid: Uuid::now_v7(),
        status: error.status().as_u16(),
        reason: error.message().chars().take(MAX_REASON).collect(),
        run_key: header.run_key,
        format: header.format,
        received_at: now,
    };
    let store = app.store.clone();
    let record = async move {
        if let Err(error) = store.record_rejected_upload(rejected).await {
            tracing::warn!(cause = %ErrorChain(&error), "failed to record a rejected upload");
        }
    };
    if error.status().is_server_error() {
        // The database may be the cause, so the response does not wait for it again.
        tokio::spawn(record);
    } else {
        record.await;
    }
}

impl From<SubmissionError> for ApiError {
    fn from(error: SubmissionError) -> Self {
        match error {
            SubmissionError::TemporaryFile(error) => {
                Self::internal("store the results in a temporary file", &error)
            }
            _ => Self::unprocessable(error.to_string()),
        }
    }
}
