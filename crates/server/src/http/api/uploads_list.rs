//! `GET …/uploads`: every upload that was tried, newest first, and why some were refused.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use test_engine_results::Format;
use test_engine_store::{AttemptState, Suite, UploadAttempt};

use crate::App;
use crate::clock::rfc3339;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{self, PageQuery};
use crate::http::params::Params;
use crate::links::Links;

#[derive(Deserialize)]
pub(super) struct Filter {
    state: Option<String>,
}

#[derive(Serialize)]
struct Shape {
    id: String,
    state: &'static str,
    /// Of the answer, when nothing was kept.
    status: Option<u16>,
    reason: Option<String>,
    run_key: Option<String>,
    format: Option<&'static str>,
    run_id: Option<String>,
    run_url: Option<String>,
    job_id: Option<String>,
    queued: u64,
    skipped: u64,
    errors: Vec<String>,
    created_at: String,
}

pub(super) async fn get(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    Params(paging): Params<PageQuery>,
    Params(filter): Params<Filter>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let page = paging.page();
    let state = match filter.state.as_deref().filter(|state| !state.is_empty()) {
        None => None,
        Some("accepted") => Some(AttemptState::Accepted),
        Some("rejected") => Some(AttemptState::Rejected),
        Some("failed") => Some(AttemptState::Failed),
        Some(other) => {
            return Err(ApiError::bad_request(format!(
                "The state {other:?} is none of accepted, rejected, failed."
            )));
        }
    };
    let suite = &access.suite;
    let listed = app.store.upload_attempts(suite.id, state, page).await?;
    let shapes: Vec<Shape> = listed
        .items
        .into_iter()
        .map(|attempt| shape(attempt, suite, &app.links))
        .collect();
    Ok(paging::answer(
        &shapes,
        page,
        listed.total,
        app.links.public_url(),
        &uri,
    ))
}

fn shape(attempt: UploadAttempt, suite: &Suite, links: &Links) -> Shape {
    let is_kept = attempt.state == AttemptState::Accepted;
    Shape {
        id: attempt.uuid.to_string(),
        state: attempt.state.name(),
        status: (!is_kept).then_some(attempt.status),
        reason: attempt.reason,
        run_key: attempt.run_key,
        format: attempt.format.map(Format::name),
        run_id: attempt.run_uuid.map(|run| run.to_string()),
        run_url: attempt
            .run_uuid
            .map(|run| links.upload_on_page(suite, run, attempt.uuid)),
        job_id: attempt.job_id,
        // As the receipt counts them.
        queued: attempt.kept + attempt.duplicates,
        skipped: attempt.skipped,
        errors: attempt.errors,
        created_at: rfc3339(attempt.received_at),
    }
}
