//! `GET …/commits?days=N`: the commits seen in runs, one a line.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::params::Params;

/// Days looked back at most, and unless asked otherwise.
const MOST_DAYS: i64 = 90;

#[derive(Deserialize)]
pub(super) struct Query {
    days: Option<i64>,
}

pub(super) async fn get(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    Params(query): Params<Query>,
) -> Result<Response, ApiError> {
    let days = query.days.unwrap_or(MOST_DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(ApiError::bad_request(format!(
            "days must be between 1 and {MOST_DAYS}."
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
