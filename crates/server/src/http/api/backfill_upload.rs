//! `POST …/commit-metadata-backfill/upload`: receives the archive of a form.
//!
//! The form's seal is the only credential. The file is streamed to storage without being read;
//! problems with its content are reported in the list of backfills.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::RequestExt as _;
use axum::body::Bytes;
use axum::extract::multipart::Field;
use axum::extract::{Multipart, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use futures_util::Stream;
use test_engine_store::Store;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::backfills::{FILE_FIELD, SignedForm};
use crate::blobs::{BlobError, Key};
use crate::error_chain::ErrorChain;
use crate::http::auth::{SuiteAccess, WriteSuites};
use crate::http::error::ApiError;
use crate::http::forms;
use crate::http::notes::RequestNotes;
use crate::http::openapi::{BadRequest, Forbidden, NotFound, TooLarge};

/// Fields before the file; the forms of this server have five.
const MAX_FIELDS: usize = 50;
/// In bytes.
const MAX_FIELD: usize = 4 * 1024;
/// Bytes of the request in addition to the file.
const FORM_OVERHEAD: u64 = 64 * 1024;
/// Maximum time between two chunks of the file.
const CHUNK_TIMEOUT: Duration = Duration::from_mins(1);

/// The fields of the form, then the file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a request body in the OpenAPI document")]
struct ArchiveForm {
    #[schema(content_media_type = "application/gzip")]
    file: String,
}

/// Send the archive with such a form, if the server stores files in a directory
#[utoipa::path(
    post, path = "/commit-metadata-backfill/upload", tag = "Commits", security(()),
    params(SuiteAccess<WriteSuites>),
    request_body(content = ArchiveForm, content_type = "multipart/form-data"),
    responses((status = 204), BadRequest, Forbidden, NotFound, TooLarge),
)]
pub(super) async fn send_backfill(
    State(app): State<App>,
    Path((organization, suite)): Path<(String, String)>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let suite = app
        .store
        .suite(&organization, &suite)
        .await?
        .ok_or_else(|| {
            ApiError::not_found("There is no such suite. Check the address of the form.")
        })?;
    if let Some(notes) = request.extensions().get::<RequestNotes>() {
        notes.organization(&suite.organization_slug);
        notes.suite(&suite.slug);
    }
    let content_length = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let mut parts: Multipart = request.extract().await.map_err(|error| invalid(&error))?;

    let mut fields = BTreeMap::new();
    let mut file = loop {
        let field = next_field(&mut parts).await?.ok_or_else(|| {
            ApiError::bad_request("The form has no file. Send it last, in the field \"file\".")
        })?;
        let name = forms::name(&field).map_err(|problem| invalid(&problem))?;
        if name == FILE_FIELD {
            break field;
        }
        if fields.len() >= MAX_FIELDS {
            return Err(ApiError::bad_request(format!(
                "The form has more than {MAX_FIELDS} fields before its file."
            )));
        }
        fields.insert(name, field_text(field).await?);
    };
    let form = app
        .backfills
        .form_key
        .check(&fields, suite.uuid, app.clock.now())
        .map_err(|problem| ApiError::forbidden(problem.to_string()))?;
    if content_length.is_some_and(|length| length > form.limit.saturating_add(FORM_OVERHEAD)) {
        return Err(too_large(form.limit));
    }
    if !app.store.begin_backfill(suite.id, form.upload).await? {
        return Err(ApiError::forbidden(
            "The form was already used or has been deleted. Request a new one.",
        ));
    }
    let mut lease = FormLease {
        store: app.store.clone(),
        form: Some(form.upload),
    };
    let key = Key::incoming_backfill(suite.uuid, form.upload);
    let received = receive(&app, &key, &form, &mut file).await;
    drop(file);
    let result = match received {
        Ok(size) => complete(&app, &key, &form, size, &mut parts).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => lease.form = None,
        // Before the response, so that the form can be used again immediately.
        Err(_) => lease.release().await,
    }
    result.map(|()| StatusCode::NO_CONTENT)
}

async fn complete(
    app: &App,
    key: &Key,
    form: &SignedForm,
    size: u64,
    parts: &mut Multipart,
) -> Result<(), ApiError> {
    // Anything after the file may mean that the file was cut off.
    if size == 0 || !matches!(parts.next_field().await, Ok(None)) {
        app.blobs.delete(key).await?;
        return Err(ApiError::bad_request(
            "The form must end with its file, and the file must not be empty.",
        ));
    }
    let now = app.clock.now();
    app.store.backfill_received(form.upload, size, now).await?;
    app.backfills.wake.notify_one();
    Ok(())
}

async fn next_field(parts: &mut Multipart) -> Result<Option<Field<'_>>, ApiError> {
    parts.next_field().await.map_err(|error| invalid(&error))
}

async fn field_text(mut field: Field<'_>) -> Result<String, ApiError> {
    let mut value = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| invalid(&error))? {
        value.extend_from_slice(&chunk);
        if value.len() > MAX_FIELD {
            return Err(ApiError::bad_request(format!(
                "A field of the form is longer than {MAX_FIELD} bytes."
            )));
        }
    }
    Ok(String::from_utf8_lossy(&value).into_owned())
}

async fn receive(
    app: &App,
    key: &Key,
    form: &SignedForm,
    file: &mut Field<'_>,
) -> Result<u64, ApiError> {
    let chunks = Box::pin(chunks(file));
    match app.blobs.receive(key, chunks, form.limit).await {
        Ok(size) => Ok(size),
        Err(BlobError::TooLarge { limit }) => Err(too_large(limit)),
        Err(BlobError::Sender(problem)) => Err(ApiError::bad_request(format!(
            "The file was not received completely ({problem}). Send it again."
        ))),
        Err(error) => Err(error.into()),
    }
}

fn chunks(file: &mut Field<'_>) -> impl Stream<Item = Result<Bytes, String>> {
    futures_util::stream::unfold(file, |file| async {
        match tokio::time::timeout(CHUNK_TIMEOUT, file.chunk()).await {
            Ok(Ok(Some(chunk))) => Some((Ok(chunk), file)),
            Ok(Ok(None)) => None,
            Ok(Err(error)) => Some((Err(error.to_string()), file)),
            Err(_elapsed) => Some((Err("timed out".to_owned()), file)),
        }
    })
}

fn invalid(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::bad_request(format!("The form is not valid ({error})."))
}

fn too_large(limit: u64) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!(
            "The archive is larger than {limit} bytes. Collect fewer days, or raise \
             --backfill-limit-mib on the server."
        ),
    )
}

impl From<BlobError> for ApiError {
    fn from(error: BlobError) -> Self {
        let cause = ErrorChain(&error);
        tracing::error!(cause = %cause, "failed to use the object storage");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The object storage is unavailable. Try again later; the server log has the cause.",
        )
    }
}

/// Reserves a form for one request; releases it unless the request completes.
struct FormLease {
    store: Store,
    form: Option<Uuid>,
}

impl FormLease {
    async fn release(&mut self) {
        if let Some(form) = self.form.take() {
            release(&self.store, form).await;
        }
    }
}

/// For requests that are cancelled.
impl Drop for FormLease {
    fn drop(&mut self) {
        let Some(form) = self.form.take() else { return };
        let store = self.store.clone();
        tokio::spawn(async move { release(&store, form).await });
    }
}

async fn release(store: &Store, form: Uuid) {
    if let Err(error) = store.release_backfill(form).await {
        tracing::warn!(cause = %error, "failed to release a form");
    }
}
