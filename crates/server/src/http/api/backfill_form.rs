//! `POST …/commit-metadata-backfill/presigned-upload`: a form to send an archive of commits with.
//!
//! A bucket takes the archive itself; for a folder the server does, at the address that
//! `backfill_upload` has.

use axum::Json;
use axum::extract::State;
use test_engine_wire::{PresignedForm, PresignedUpload};
use uuid::Uuid;

use crate::App;
use crate::backfills::{FILE_FIELD, FORM_LIFETIME, SignedForm};
use crate::blobs::{FormRequest, Key};
use crate::http::auth::{SuiteAccess, WriteSuites};
use crate::http::error::ApiError;

pub(super) async fn post(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
) -> Result<Json<PresignedUpload>, ApiError> {
    let suite = access.suite;
    let now = app.clock.now();
    let expires_at = now.plus_millis(FORM_LIFETIME);
    let limit = app.config.limits.backfill_bytes;
    let upload = Uuid::now_v7();
    let key = Key::incoming_backfill(suite.uuid, upload);
    let request = FormRequest {
        key: &key,
        limit,
        now,
        expires_at,
    };
    let form = app.blobs.form(request).await?.unwrap_or_else(|| {
        let sealed = SignedForm {
            upload,
            suite: suite.uuid,
            expires_at,
            limit,
        };
        PresignedForm {
            method: "POST".to_owned(),
            url: app.links.backfill_upload(&suite),
            data: app.backfills.form_key.fields(&sealed),
            file_input: FILE_FIELD.to_owned(),
        }
    });
    app.store
        .create_backfill(suite.id, upload, now, expires_at)
        .await?;
    Ok(Json(PresignedUpload {
        uri: app.blobs.uri(&key),
        form,
        organization_id: suite.organization_uuid.to_string(),
        suite_id: suite.uuid.to_string(),
    }))
}
