//! `GET …/commits`: the commits of recent runs.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::openapi::BadRequest;
use crate::http::params::Params;

const MAX_DAYS: i64 = 90;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CommitsQuery {
    #[param(minimum = 1, maximum = 90, default = 90)]
    days: Option<i64>,
}

/// List the commits of recent runs, one per line
#[utoipa::path(
    get, path = "/commits", tag = "Runs",
    params(SuiteAccess<ReadSuites>, CommitsQuery),
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        BadRequest, SuiteAccess<ReadSuites>,
    ),
)]
pub(super) async fn list_commits(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    Params(query): Params<CommitsQuery>,
) -> Result<Response, ApiError> {
    let days = query.days.unwrap_or(MAX_DAYS);
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(ApiError::bad_request(format!(
            "days must be between 1 and {MAX_DAYS}."
        )));
    }
    let since = app.clock.now().plus_days(-days);
    let commits = app.store.commits_since(access.suite.id, since).await?;
    let mut lines = commits.join("\n");
    if !lines.is_empty() {
        lines.push('\n');
    }
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], lines).into_response())
}
