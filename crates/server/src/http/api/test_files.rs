//! `POST …/test_files`: milliseconds of the known ones of these files, for older clients.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use test_engine_wire::TestFilesRequest;

use crate::App;
use crate::http::auth::{ReadPlans, SuiteAccess};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;

pub(super) async fn post(
    State(app): State<App>,
    access: SuiteAccess<ReadPlans>,
    JsonBody(request): JsonBody<TestFilesRequest>,
) -> Result<Json<BTreeMap<String, i64>>, ApiError> {
    let timings = app
        .planner
        .file_timings(&access.suite, request.paths)
        .await?;
    Ok(Json(timings))
}
