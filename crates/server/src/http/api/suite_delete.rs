//! `DELETE …/suites/{suite}`: the suite and everything in it. Its tokens stop working with it.

use axum::extract::State;
use axum::http::StatusCode;

use crate::App;
use crate::http::auth::{SuiteAccess, WriteSuites};
use crate::http::error::ApiError;

pub(super) async fn delete(
    State(app): State<App>,
    access: SuiteAccess<WriteSuites>,
) -> Result<StatusCode, ApiError> {
    // Whoever deleted it first, it is gone.
    app.store.delete_suite(access.suite.id).await?;
    tracing::info!(suite = access.suite.slug, "suite deleted");
    Ok(StatusCode::NO_CONTENT)
}
