//! `GET …/commit-metadata-backfill`: what became of the archives of commits that were sent.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;
use test_engine_store::Backfill;

use crate::App;
use crate::clock::rfc3339;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{self, PageQuery};
use crate::http::params::Params;

#[derive(Serialize)]
struct Shape {
    id: String,
    state: &'static str,
    /// When its form was asked for.
    created_at: String,
    received_at: Option<String>,
    finished_at: Option<String>,
    /// Bytes of the archive.
    size: Option<u64>,
    /// Kept.
    commits: u64,
    /// Records that could not be used.
    skipped: u64,
    /// Why, for the first ones, or why all of it was rejected.
    problems: Vec<String>,
}

impl From<Backfill> for Shape {
    fn from(backfill: Backfill) -> Self {
        Self {
            id: backfill.uuid.to_string(),
            state: backfill.state.name(),
            created_at: rfc3339(backfill.created_at),
            received_at: backfill.received_at.map(rfc3339),
            finished_at: backfill.finished_at.map(rfc3339),
            size: backfill.size,
            commits: backfill.commits,
            skipped: backfill.passed_over,
            problems: backfill.problems,
        }
    }
}

pub(super) async fn get(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    Params(paging): Params<PageQuery>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let page = paging.page();
    let listed = app.store.backfills(access.suite.id, page).await?;
    let backfills: Vec<Shape> = listed.items.into_iter().map(Shape::from).collect();
    Ok(paging::answer(
        &backfills,
        page,
        listed.total,
        app.links.public_url(),
        &uri,
    ))
}
