//! `POST …/commit-metadata-backfill/upload`: takes an archive that comes with a form of ours.
//!
//! The form's seal is the only credential. The file goes to storage while it comes; nothing of it is
//! looked at here. What is wrong with it shows in the list of backfills.

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
use uuid::Uuid;

use crate::App;
use crate::backfills::{FILE_FIELD, SignedForm};
use crate::blobs::{BlobError, Key};
use crate::http::error::ApiError;
use crate::http::notes::RequestNotes;

/// Fields before the file; ours has five.
const MOST_FIELDS: usize = 50;
/// Bytes of such a field.
const FIELD_LIMIT: usize = 4 * 1024;
/// Bytes of a request that are not the file's.
const AROUND_THE_FILE: u64 = 64 * 1024;
/// The longest silence between two pieces of the file.
const SILENCE_LIMIT: Duration = Duration::from_mins(1);

pub(super) async fn post(
    State(app): State<App>,
    Path((organization, suite)): Path<(String, String)>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let suite = app
        .store
        .suite(&organization, &suite)
        .await?
        .ok_or_else(|| ApiError::not_found("There is no such suite. Check the form's address."))?;
    if let Some(notes) = request.extensions().get::<RequestNotes>() {
        notes.organization(&suite.organization_slug);
        notes.suite(&suite.slug);
    }
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let mut parts: Multipart = request
        .extract()
        .await
        .map_err(|error| unreadable(&error))?;

    let mut fields = BTreeMap::new();
    let mut file = loop {
        let field = next_field(&mut parts).await?.ok_or_else(|| {
            ApiError::bad_request("The form has no file. Send it last, in the field \"file\".")
        })?;
        let name = field.name().unwrap_or_default().to_owned();
        if name == FILE_FIELD {
            break field;
        }
        if fields.len() >= MOST_FIELDS {
            return Err(ApiError::bad_request(format!(
                "The form has more than {MOST_FIELDS} fields before its file."
            )));
        }
        fields.insert(name, short_text(field).await?);
    };
    let form = app
        .backfills
        .form_key
        .check(&fields, suite.uuid, app.clock.now())
        .map_err(|problem| ApiError::forbidden(problem.to_string()))?;
    if announced.is_some_and(|length| length > form.limit.saturating_add(AROUND_THE_FILE)) {
        return Err(too_large(form.limit));
    }
    if !app.store.begin_backfill(suite.id, form.upload).await? {
        return Err(ApiError::forbidden(
            "The form has been used, or is no longer known. Ask for a new one.",
        ));
    }
    let mut taken = Taken {
        store: app.store.clone(),
        form: Some(form.upload),
    };
    let key = Key::incoming_backfill(suite.uuid, form.upload);
    let size = receive(&app, &key, &form, &mut file).await?;
    drop(file);
    // What comes after the file may be anything: the file may have been cut short by it.
    if size == 0 || !matches!(parts.next_field().await, Ok(None)) {
        app.blobs.delete(&key).await?;
        return Err(ApiError::bad_request(
            "The form must end with its file, and the file must not be empty.",
        ));
    }
    let now = app.clock.now();
    app.store.backfill_received(form.upload, size, now).await?;
    taken.form = None;
    app.backfills.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

async fn next_field(parts: &mut Multipart) -> Result<Option<Field<'_>>, ApiError> {
    parts.next_field().await.map_err(|error| unreadable(&error))
}

async fn short_text(mut field: Field<'_>) -> Result<String, ApiError> {
    let mut value = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|error| unreadable(&error))? {
        value.extend_from_slice(&piece);
        if value.len() > FIELD_LIMIT {
            return Err(ApiError::bad_request(format!(
                "A field of the form has more than {FIELD_LIMIT} bytes."
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
    let pieces = Box::pin(pieces(file));
    match app.blobs.receive(key, pieces, form.limit).await {
        Ok(size) => Ok(size),
        Err(BlobError::TooLarge { limit }) => Err(too_large(limit)),
        Err(BlobError::Sender(problem)) => Err(ApiError::bad_request(format!(
            "The file did not arrive as a whole ({problem}). Send it again."
        ))),
        Err(error) => Err(error.into()),
    }
}

fn pieces(file: &mut Field<'_>) -> impl Stream<Item = Result<Bytes, String>> {
    futures_util::stream::unfold(file, |file| async {
        match tokio::time::timeout(SILENCE_LIMIT, file.chunk()).await {
            Ok(Ok(Some(piece))) => Some((Ok(piece), file)),
            Ok(Ok(None)) => None,
            Ok(Err(error)) => Some((Err(error.to_string()), file)),
            Err(_elapsed) => Some((Err("nothing more came".to_owned()), file)),
        }
    })
}

fn unreadable(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::bad_request(format!("The form cannot be read ({error})."))
}

fn too_large(limit: u64) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!(
            "The archive has more than {limit} bytes. Collect fewer days at once, or raise \
             --backfill-limit-mib on the server."
        ),
    )
}

impl From<BlobError> for ApiError {
    fn from(error: BlobError) -> Self {
        let cause = crate::error_chain::ErrorChain(&error);
        tracing::error!(cause = %cause, "failed to use the object storage");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server cannot use its object storage now. Try again later; the server's log says \
             why.",
        )
    }
}

/// A form in use: given back when its sender does not come to the end.
struct Taken {
    store: Store,
    form: Option<Uuid>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some(form) = self.form.take() else { return };
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.give_back_backfill(form).await {
                tracing::warn!(cause = %error, "failed to give a form back");
            }
        });
    }
}
