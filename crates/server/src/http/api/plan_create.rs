//! `POST …/test_plan`: make the plan of an identifier, or get the one that is there.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use test_engine_wire::PlanRequest;

use super::plan_answer;
use crate::App;
use crate::http::auth::{SuiteAccess, WritePlans};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;

pub(super) async fn post(
    State(app): State<App>,
    access: SuiteAccess<WritePlans>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<PlanRequest>,
) -> Result<Response, ApiError> {
    let plan = app
        .planner
        .create(&access.suite, request, app.clock.now())
        .await?;
    plan_answer::answer(&plan, &headers)
}
