//! `POST …/test_plan/filter_tests`: which files to expand into examples before planning.

use axum::Json;
use axum::extract::State;
use test_engine_wire::{FilterTestsRequest, FilterTestsResponse};

use crate::App;
use crate::http::auth::{SuiteAccess, WritePlans};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;

pub(super) async fn post(
    State(app): State<App>,
    access: SuiteAccess<WritePlans>,
    JsonBody(request): JsonBody<FilterTestsRequest>,
) -> Result<Json<FilterTestsResponse>, ApiError> {
    let tests = app.planner.filter(&access.suite, request).await?;
    Ok(Json(FilterTestsResponse { tests }))
}
