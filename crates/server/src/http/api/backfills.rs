//! `…/commit-metadata-backfill`: lists commit archives, and creates forms to send one.
//!
//! With S3, the form sends the archive to the bucket. With a directory, it sends it to this server,
//! which receives it in `backfill_upload`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use test_engine_store::Backfill;
use test_engine_wire::{PresignedForm, PresignedUpload};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::backfills::{FILE_FIELD, FORM_LIFETIME, SignedForm};
use crate::blobs::{FormRequest, Key};
use crate::clock::rfc3339;
use crate::http::auth::{ReadSuites, SuiteAccess, WriteSuites};
use crate::http::error::ApiError;
use crate::http::paging::{PageOf, Paging};

#[derive(Default, Serialize, ToSchema)]
#[schema(as = Backfill)]
pub(super) struct BackfillBody {
    id: String,
    state: &'static str,
    /// When its form was created.
    created_at: String,
    received_at: Option<String>,
    finished_at: Option<String>,
    /// Size of the archive in bytes.
    size: Option<u64>,
    /// Stored commits.
    commits: u64,
    /// Records that were not usable.
    skipped: u64,
    /// Why the first records were skipped, or why the archive was rejected.
    problems: Vec<String>,
}

impl From<Backfill> for BackfillBody {
    fn from(backfill: Backfill) -> Self {
        Self {
            id: backfill.uuid.to_string(),
            state: backfill.state.name(),
            created_at: rfc3339(backfill.created_at),
            received_at: backfill.received_at.map(rfc3339),
            finished_at: backfill.finished_at.map(rfc3339),
            size: backfill.size,
            commits: backfill.commits,
            skipped: backfill.skipped_records,
            problems: backfill.problems,
        }
    }
}

/// List commit archives and their states, newest first
#[utoipa::path(
    get, path = "/commit-metadata-backfill", tag = "Commits",
    params(SuiteAccess<ReadSuites>, Paging),
    responses(PageOf<BackfillBody>, SuiteAccess<ReadSuites>),
)]
pub(super) async fn list_backfills(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    paging: Paging,
) -> Result<PageOf<BackfillBody>, ApiError> {
    let listed = app.store.backfills(access.suite.id, paging.page).await?;
    Ok(paging.respond(listed, BackfillBody::from))
}

/// Create a form that sends one commit archive
#[utoipa::path(
    post, path = "/commit-metadata-backfill/presigned-upload", tag = "Commits",
    params(SuiteAccess<WriteSuites>),
    responses((status = 200, body = PresignedUpload), SuiteAccess<WriteSuites>),
)]
pub(super) async fn create_backfill_form(
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
        let signed = SignedForm {
            upload,
            suite: suite.uuid,
            expires_at,
            limit,
        };
        PresignedForm {
            method: "POST".to_owned(),
            url: app.links.backfill_upload(&suite),
            data: app.backfills.form_key.fields(&signed),
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
