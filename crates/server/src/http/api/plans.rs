//! The endpoints for planning: `…/test_plan`, `…/test_files` and `…/test_plan_metadata`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use test_engine_wire::{
    FilterTestsRequest, FilterTestsResponse, Plan, PlanMetadataRequest, PlanRequest,
    TestFilesRequest,
};
use utoipa::{IntoParams, ToSchema};

use super::plan_response;
use crate::App;
use crate::http::auth::{ReadPlans, SuiteAccess, WritePlans};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::BadRequest;
use crate::http::params::Params;
use crate::plan_metadata;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PlanQuery {
    #[serde(default)]
    #[param(required, pattern = r"\S")]
    identifier: String,
    /// Above 0, the muted tests are the current ones instead of those at planning time.
    job_retry_count: Option<i64>,
}

/// Get the plan with an identifier
#[utoipa::path(
    get, path = "/test_plan", tag = "Plans",
    params(SuiteAccess<ReadPlans>, PlanQuery),
    responses((status = 200, body = Plan), BadRequest, SuiteAccess<ReadPlans>),
)]
pub(super) async fn get_plan(
    State(app): State<App>,
    access: SuiteAccess<ReadPlans>,
    Params(query): Params<PlanQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (suite, identifier) = (&access.suite, &query.identifier);
    if identifier.trim().is_empty() {
        return Err(ApiError::bad_request(
            "Invalid parameters: identifier is required.",
        ));
    }
    let now = app.clock.now();
    let plan = if query.job_retry_count.unwrap_or(0) > 0 {
        app.planner.fetch_for_retry(suite, identifier, now).await?
    } else {
        app.planner.fetch(suite, identifier, now).await?
    };
    let Some(plan) = plan else {
        app.metrics.plans().missing();
        return Err(ApiError::not_found(
            "There is no test plan with this identifier. Create one with POST.",
        ));
    };
    app.metrics.plans().served();
    plan_response::respond(&plan, &headers)
}

/// Create the plan with an identifier, or get the existing one
#[utoipa::path(
    post, path = "/test_plan", tag = "Plans",
    params(SuiteAccess<WritePlans>), request_body = PlanRequest,
    responses((status = 200, body = Plan), BadRequest, SuiteAccess<WritePlans>),
)]
pub(super) async fn create_plan(
    State(app): State<App>,
    access: SuiteAccess<WritePlans>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<PlanRequest>,
) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let plan = app.planner.create(&access.suite, request, now).await?;
    plan_response::respond(&plan, &headers)
}

/// Select the files to split into examples
#[utoipa::path(
    post, path = "/test_plan/filter_tests", tag = "Plans",
    params(SuiteAccess<WritePlans>), request_body = FilterTestsRequest,
    responses((status = 200, body = FilterTestsResponse), BadRequest, SuiteAccess<WritePlans>),
)]
pub(super) async fn filter_tests(
    State(app): State<App>,
    access: SuiteAccess<WritePlans>,
    JsonBody(request): JsonBody<FilterTestsRequest>,
) -> Result<Json<FilterTestsResponse>, ApiError> {
    let tests = app.planner.filter(&access.suite, request).await?;
    Ok(Json(FilterTestsResponse { tests }))
}

/// Get the expected durations of files, in milliseconds
///
/// For older clients. Files without history are left out.
#[utoipa::path(
    post, path = "/test_files", tag = "Plans",
    params(SuiteAccess<ReadPlans>), request_body = TestFilesRequest,
    responses((status = 200, body = BTreeMap<String, i64>), BadRequest, SuiteAccess<ReadPlans>),
)]
pub(super) async fn get_file_timings(
    State(app): State<App>,
    access: SuiteAccess<ReadPlans>,
    JsonBody(request): JsonBody<TestFilesRequest>,
) -> Result<Json<BTreeMap<String, i64>>, ApiError> {
    let timings = app.planner.file_timings(&access.suite, request.paths);
    Ok(Json(timings.await?))
}

#[derive(Serialize, ToSchema)]
pub(super) struct Head {
    head: &'static str,
}

/// Report the run of a node
#[utoipa::path(
    post, path = "/test_plan_metadata", tag = "Plans",
    params(SuiteAccess<WritePlans>), request_body = PlanMetadataRequest,
    responses((status = 200, body = inline(Head)), BadRequest, SuiteAccess<WritePlans>),
)]
pub(super) async fn report_plan_run(
    State(app): State<App>,
    access: SuiteAccess<WritePlans>,
    JsonBody(report): JsonBody<PlanMetadataRequest>,
) -> Result<Json<Head>, ApiError> {
    let identifier = &report.env.buildkite_test_engine_identifier;
    let metadata = plan_metadata::received(&report, app.clock.now())
        .map_err(|error| ApiError::internal("encode the plan metadata", &error))?;
    let has_plan = app
        .store
        .insert_plan_metadata(access.suite.id, identifier, &metadata)
        .await?;
    app.metrics.plan_metadata(has_plan);
    if !has_plan {
        return Err(ApiError::not_found(format!(
            "Test plan not found: there is no plan with the identifier {identifier:?}."
        )));
    }
    Ok(Json(Head { head: "no_content" }))
}
