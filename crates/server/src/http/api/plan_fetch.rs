//! `GET …/test_plan?identifier=&job_retry_count=`: the plan, or 404 while there is none.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::plan_answer;
use crate::App;
use crate::http::auth::{ReadPlans, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::params::Params;

#[derive(Deserialize)]
pub(super) struct Query {
    #[serde(default)]
    identifier: String,
    job_retry_count: Option<i64>,
}

pub(super) async fn get(
    State(app): State<App>,
    access: SuiteAccess<ReadPlans>,
    Params(query): Params<Query>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if query.identifier.trim().is_empty() {
        return Err(ApiError::bad_request(
            "Invalid parameters: identifier is required.",
        ));
    }
    let now = app.clock.now();
    let is_retry = query.job_retry_count.unwrap_or(0) > 0;
    let plan = if is_retry {
        app.planner
            .fetch_for_retry(&access.suite, &query.identifier, now)
            .await?
    } else {
        app.planner
            .fetch(&access.suite, &query.identifier, now)
            .await?
    };
    let Some(plan) = plan else {
        app.metrics.plans().missing();
        return Err(ApiError::not_found(
            "There is no test plan with this identifier. POST to this address makes one.",
        ));
    };
    app.metrics.plans().served();
    plan_answer::answer(&plan, &headers)
}
