//! `GET …/runs/{id}/summary.md`.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use super::runs;
use crate::App;
use crate::build_summary::Sources;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::params::IdInPath;

/// Get what failed in the build of a run, in Markdown
///
/// At most 20 lines: which failures are new, also on the default branch, flaky or muted. Covers all
/// runs of the same build. Empty if the build did not fail.
#[utoipa::path(
    get, path = "/runs/{id}/summary.md", tag = "Runs",
    params(SuiteAccess<ReadSuites>, IdInPath),
    responses(
        (status = 200, body = String, content_type = "text/markdown"),
        SuiteAccess<ReadSuites>,
    ),
)]
pub(super) async fn get_run_summary(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    IdInPath(id): IdInPath,
) -> Result<Response, ApiError> {
    let run = runs::find(&app, &access, id).await?;
    let sources = Sources {
        store: &app.store,
        accountant: &app.accountant,
        links: &app.links,
    };
    let summary = sources
        .of_build(&access.suite, &run, app.clock.now())
        .await?;
    let text = summary.unwrap_or_default();
    Ok(([(CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}
